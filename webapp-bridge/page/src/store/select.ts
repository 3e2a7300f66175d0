// Questions to the state that several parts ask. All pure.
import type {Channel, Post, Team, User} from '../api/shapes';
import type {Entities, PageState} from './state';

export const currentUser = (state: PageState): User | undefined => state.entities.users.profiles[state.entities.users.currentUserId];
export const currentChannel = (state: PageState): Channel | undefined =>
    state.entities.channels.channels[state.entities.channels.currentChannelId];
export const currentTeam = (state: PageState): Team | undefined => state.entities.teams.teams[state.entities.teams.currentTeamId];

/** The name that the viewer's setting asks for. */
export function displayName(state: PageState, user: User | undefined): string {
    if (!user) {
        return '';
    }
    const {preferences, general} = state.entities;
    const format = preferences.myPreferences['display_settings--name_format']?.value ?? general.config.TeammateNameDisplay ?? '';
    const full = `${user.first_name} ${user.last_name}`.trim();
    if (format === 'nickname_full_name' && user.nickname) {
        return user.nickname;
    }
    return format === 'username' || full === '' ? user.username : full;
}

/** The other person of a direct channel; oneself in a channel with oneself. */
export function directPartnerId(channel: Channel, ownId: string): string {
    const ids = channel.name.split('__');
    return ids.find((id) => id !== ownId) ?? ownId;
}

/** The others of a group message. Its own name lists all user names, the reader's too: good enough until the members are loaded. */
function groupName(state: PageState, group: Channel): string {
    const {profiles, profilesInChannel, currentUserId} = state.entities.users;
    const others = [...profilesInChannel[group.id] ?? []].filter((id) => id !== currentUserId);
    const names = others.map((id) => displayName(state, profiles[id]));
    if (names.length > 0 && names.every((name) => name !== '')) {
        return names.sort((a, b) => a.localeCompare(b)).join(', ');
    }
    const ownName = currentUser(state)?.username;
    return group.display_name.split(', ').filter((name) => name !== ownName).join(', ');
}

export function channelName(state: PageState, channel: Channel | undefined): string {
    if (!channel) {
        return '';
    }
    if (channel.type === 'D') {
        const partner = state.entities.users.profiles[directPartnerId(channel, state.entities.users.currentUserId)];
        return displayName(state, partner) || channel.display_name;
    }
    return (channel.type === 'G' && groupName(state, channel)) || channel.display_name || channel.name;
}

export function isUnread(state: PageState, channel: Channel): boolean {
    const member = state.entities.channels.myMembers[channel.id];
    return member !== undefined && channel.total_msg_count > member.msg_count;
}

/** Channels of the sidebar: open and private ones of the team by name; direct and group ones, newest first. */
export function sidebarChannels(state: PageState): {channels: Channel[]; direct: Channel[]} {
    const {channels, teams} = state.entities;
    const mine = Object.values(channels.channels).filter((channel) => channels.myMembers[channel.id] && channel.delete_at === 0);
    return {
        channels: mine.
            filter((channel) => channel.team_id === teams.currentTeamId && (channel.type === 'O' || channel.type === 'P')).
            sort((a, b) => channelName(state, a).localeCompare(channelName(state, b))),
        direct: mine.
            filter((channel) => channel.type === 'D' || channel.type === 'G').
            sort((a, b) => b.last_post_at - a.last_post_at || channelName(state, a).localeCompare(channelName(state, b))),
    };
}

/** Posts of the center, oldest first. Replies stand in their thread only. */
export function channelPosts(posts: Entities['posts'], channelId: string): Post[] {
    const order = posts.postsInChannel[channelId]?.[0]?.order ?? [];
    return order.flatMap((id) => posts.posts[id] ?? []).filter((post) => post.root_id === '').reverse();
}

/** Root and replies, oldest first. */
export function threadPosts(posts: Entities['posts'], rootId: string): Post[] {
    const root = posts.posts[rootId];
    const replies = (posts.postsInThread[rootId] ?? []).flatMap((id) => posts.posts[id] ?? []);
    replies.sort((a, b) => a.create_at - b.create_at);
    return root ? [root, ...replies] : replies;
}

/** Same entries in the same order: a computed list that did not change. */
export const sameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
    a.length === b.length && a.every((entry, index) => entry === b[index]);
