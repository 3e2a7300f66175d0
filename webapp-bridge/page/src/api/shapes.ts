// The platform's things, in Mattermost's words, and how they are read from JSON.
import {anyMap, asFields, asList, asText, flag, numberOr, text, textMap, textOr} from './parse';

export interface User {
    id: string;
    username: string;
    first_name: string;
    last_name: string;
    nickname: string;
    email: string;
    roles: string;
    locale: string;
    is_bot: boolean;
    create_at: number;
    update_at: number;
    delete_at: number;
    last_picture_update: number;
    notify_props: Record<string, string>;
    timezone: Record<string, string>;
}

export type ChannelType = 'O' | 'P' | 'D' | 'G';

export interface Channel {
    id: string;
    team_id: string;
    type: ChannelType;
    name: string;
    display_name: string;
    header: string;
    purpose: string;
    last_post_at: number;
    total_msg_count: number;
    creator_id: string;
    create_at: number;
    update_at: number;
    delete_at: number;
}

export interface ChannelMember {
    channel_id: string;
    user_id: string;
    roles: string;
    notify_props: Record<string, string>;
    msg_count: number;
    mention_count: number;
    last_viewed_at: number;
    scheme_user: boolean;
    scheme_admin: boolean;
}

export interface Team {
    id: string;
    name: string;
    display_name: string;
    type: string;
    delete_at: number;
}

export interface TeamMember {
    team_id: string;
    user_id: string;
    roles: string;
}

export interface Post {
    id: string;
    user_id: string;
    channel_id: string;
    root_id: string;
    message: string;
    type: string;
    props: Record<string, unknown>;
    create_at: number;
    update_at: number;
    edit_at: number;
    delete_at: number;
    reply_count: number;
    pending_post_id: string;
    metadata: Record<string, unknown>;
}

export interface PostList {
    order: string[];
    posts: Post[];
    hasOlder: boolean;
}

export interface Status {
    user_id: string;
    status: string;
}

export interface Preference {
    user_id: string;
    category: string;
    name: string;
    value: string;
}

export interface Manifest {
    id: string;
    version: string;
    webapp: {bundle_path: string};
}

export interface Suggestion {
    complete: string;
    suggestion: string;
    hint: string;
    description: string;
}

export interface CommandAnswer {
    text: string;
    goto_location: string;
}

export function parseUser(value: unknown, path = 'user'): User {
    const f = asFields(value, path);
    return {
        id: text(f, 'id'),
        username: text(f, 'username'),
        first_name: textOr(f, 'first_name'),
        last_name: textOr(f, 'last_name'),
        nickname: textOr(f, 'nickname'),
        email: textOr(f, 'email'),
        roles: textOr(f, 'roles'),
        locale: textOr(f, 'locale', 'en'),
        is_bot: flag(f, 'is_bot'),
        create_at: numberOr(f, 'create_at'),
        update_at: numberOr(f, 'update_at'),
        delete_at: numberOr(f, 'delete_at'),
        last_picture_update: numberOr(f, 'last_picture_update'),
        notify_props: textMap(f.notify_props),
        timezone: textMap(f.timezone),
    };
}

export function parseChannel(value: unknown, path = 'channel'): Channel {
    const f = asFields(value, path);
    const type = text(f, 'type');
    return {
        id: text(f, 'id'),
        team_id: textOr(f, 'team_id'),
        type: type === 'P' || type === 'D' || type === 'G' ? type : 'O',
        name: text(f, 'name'),
        display_name: textOr(f, 'display_name'),
        header: textOr(f, 'header'),
        purpose: textOr(f, 'purpose'),
        last_post_at: numberOr(f, 'last_post_at'),
        total_msg_count: numberOr(f, 'total_msg_count'),
        creator_id: textOr(f, 'creator_id'),
        create_at: numberOr(f, 'create_at'),
        update_at: numberOr(f, 'update_at'),
        delete_at: numberOr(f, 'delete_at'),
    };
}

export function parseChannelMember(value: unknown, path = 'member'): ChannelMember {
    const f = asFields(value, path);
    return {
        channel_id: text(f, 'channel_id'),
        user_id: text(f, 'user_id'),
        roles: textOr(f, 'roles'),
        notify_props: textMap(f.notify_props),
        msg_count: numberOr(f, 'msg_count'),
        mention_count: numberOr(f, 'mention_count'),
        last_viewed_at: numberOr(f, 'last_viewed_at'),
        scheme_user: flag(f, 'scheme_user'),
        scheme_admin: flag(f, 'scheme_admin'),
    };
}

export function parseTeam(value: unknown, path = 'team'): Team {
    const f = asFields(value, path);
    return {
        id: text(f, 'id'),
        name: text(f, 'name'),
        display_name: textOr(f, 'display_name', text(f, 'name')),
        type: textOr(f, 'type'),
        delete_at: numberOr(f, 'delete_at'),
    };
}

export function parseTeamMember(value: unknown, path = 'team member'): TeamMember {
    const f = asFields(value, path);
    return {team_id: text(f, 'team_id'), user_id: text(f, 'user_id'), roles: textOr(f, 'roles')};
}

export function parsePost(value: unknown, path = 'post'): Post {
    const f = asFields(value, path);
    return {
        id: text(f, 'id'),
        user_id: textOr(f, 'user_id'),
        channel_id: text(f, 'channel_id'),
        root_id: textOr(f, 'root_id'),
        message: textOr(f, 'message'),
        type: textOr(f, 'type'),
        props: anyMap(f.props),
        create_at: numberOr(f, 'create_at'),
        update_at: numberOr(f, 'update_at'),
        edit_at: numberOr(f, 'edit_at'),
        delete_at: numberOr(f, 'delete_at'),
        reply_count: numberOr(f, 'reply_count'),
        pending_post_id: textOr(f, 'pending_post_id'),
        metadata: anyMap(f.metadata),
    };
}

export function parsePostList(value: unknown, path = 'posts'): PostList {
    const f = asFields(value, path);
    const posts = Object.entries(anyMap(f.posts)).map(([id, post]) => parsePost(post, `${path}.${id}`));
    return {
        order: asList(f.order, `${path}.order`, asText),
        posts,
        hasOlder: textOr(f, 'prev_post_id') !== '',
    };
}

export function parseStatus(value: unknown, path = 'status'): Status {
    const f = asFields(value, path);
    return {user_id: text(f, 'user_id'), status: text(f, 'status')};
}

export function parsePreference(value: unknown, path = 'preference'): Preference {
    const f = asFields(value, path);
    return {
        user_id: textOr(f, 'user_id'),
        category: text(f, 'category'),
        name: textOr(f, 'name'),
        value: textOr(f, 'value'),
    };
}

export function parseManifest(value: unknown, path = 'manifest'): Manifest {
    const f = asFields(value, path);
    const webapp = asFields(f.webapp, `${path}.webapp`);
    return {id: text(f, 'id'), version: textOr(f, 'version'), webapp: {bundle_path: text(webapp, 'bundle_path')}};
}

/** Mattermost writes these keys with a capital letter. */
export function parseSuggestion(value: unknown, path = 'suggestion'): Suggestion {
    const f = asFields(value, path);
    return {
        complete: text(f, 'Complete'),
        suggestion: textOr(f, 'Suggestion'),
        hint: textOr(f, 'Hint'),
        description: textOr(f, 'Description'),
    };
}

export function parseCommandAnswer(value: unknown, path = 'answer'): CommandAnswer {
    const f = asFields(value, path);
    return {text: textOr(f, 'text'), goto_location: textOr(f, 'goto_location')};
}
