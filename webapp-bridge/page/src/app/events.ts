// Platform events to state changes. What needs the server's help is handed to `Wants`.
import {asFields, asList, jsonField, text, textOr} from '../api/parse';
import {parseChannel, parseManifest, parsePost, parsePreference, parseUser} from '../api/shapes';
import type {Manifest, Post} from '../api/shapes';
import type {EventFrame} from '../socket/frame';
import type {PageAction} from '../store/actions';
import type {PageState} from '../store/state';

export interface EventSinks {
    dispatch: (action: PageAction) => void;
    getState: () => PageState;
    /** The list of channels is no longer right. */
    reloadChannels: () => void;
    reloadTeams: () => void;
    reloadConfig: () => void;
    channelGone: (channelId: string) => void;
    newPost: (post: Post, senderName: string) => void;
    usersNeeded: (ids: string[]) => void;
    pluginEnabled: (manifest: Manifest) => void;
    pluginDisabled: (pluginId: string) => void;
}

export function handleEvent(frame: EventFrame, sinks: EventSinks): void {
    const {data, broadcast} = frame;
    switch (frame.event) {
    case 'posted': {
        const post = parsePost(jsonField(data, 'post'));
        const known = sinks.getState().entities.posts.posts[post.id] !== undefined;
        sinks.dispatch({type: 'post', post, fresh: !known});
        sinks.usersNeeded([post.user_id]);
        if (!known) {
            sinks.newPost(post, textOr(data, 'sender_name'));
        }
        if (!sinks.getState().entities.channels.channels[post.channel_id]) {
            sinks.reloadChannels();
        }
        return;
    }
    case 'ephemeral_message': {
        const post = parsePost(jsonField(data, 'post'));
        sinks.dispatch({type: 'post', post, fresh: false});
        sinks.usersNeeded([post.user_id]);
        sinks.newPost(post, '');
        return;
    }
    case 'post_edited':
        sinks.dispatch({type: 'post', post: parsePost(jsonField(data, 'post')), fresh: false});
        return;
    case 'post_deleted':
        sinks.dispatch({type: 'post_removed', postId: parsePost(jsonField(data, 'post')).id});
        return;
    case 'user_updated':
        sinks.dispatch({type: 'users', users: [parseUser(data.user)]});
        return;
    case 'status_change':
        sinks.dispatch({type: 'statuses', statuses: [{user_id: text(data, 'user_id'), status: text(data, 'status')}]});
        return;
    case 'channel_updated':
        sinks.dispatch({type: 'channel_changed', channel: parseChannel(jsonField(data, 'channel'))});
        return;
    case 'channel_deleted':
        sinks.channelGone(text(data, 'channel_id'));
        return;
    case 'channel_created':
    case 'direct_added':
    case 'group_added':
    case 'channel_member_updated':
        sinks.reloadChannels();
        return;
    case 'user_added':
        if (text(data, 'user_id') === sinks.getState().entities.users.currentUserId) {
            sinks.reloadChannels();
        } else {
            sinks.usersNeeded([text(data, 'user_id')]);
        }
        return;
    case 'user_removed': {
        const own = sinks.getState().entities.users.currentUserId;
        if (broadcast.user_id === own || textOr(data, 'user_id') === own) {
            sinks.channelGone(textOr(data, 'channel_id', broadcast.channel_id));
        } else {
            sinks.dispatch({type: 'user_left_channel', channelId: broadcast.channel_id, userId: text(data, 'user_id')});
        }
        return;
    }
    case 'added_to_team':
        sinks.reloadTeams();
        return;
    case 'preferences_changed':
        sinks.dispatch({type: 'preferences', preferences: asList(jsonField(data, 'preferences'), 'preferences', parsePreference)});
        return;
    case 'config_changed':
        sinks.reloadConfig();
        return;
    case 'plugin_enabled':
        // A plugin without a web part also reports that it is enabled.
        if (asFields(data.manifest, 'manifest').webapp) {
            sinks.pluginEnabled(parseManifest(data.manifest));
        }
        return;
    case 'plugin_disabled':
        sinks.pluginDisabled(text(asFields(data.manifest, 'manifest'), 'id'));
        return;
    default:
    }
}
