// What may happen to the state.
import type {Channel, ChannelMember, Manifest, Post, PostList, Preference, Status, Team, TeamMember, User} from '../api/shapes';
import type {Phase, PluginComponent, ThemeChoice} from './state';

export type PageAction =
    | {type: 'me'; user: User}
    | {type: 'users'; users: User[]}
    | {type: 'users_in_channel'; channelId: string; users: User[]}
    | {type: 'user_left_channel'; channelId: string; userId: string}
    | {type: 'statuses'; statuses: Status[]}
    | {type: 'teams'; teams: Team[]; members: TeamMember[]}
    | {type: 'current_team'; teamId: string}
    | {type: 'channels'; channels: Channel[]; members: ChannelMember[]}
    | {type: 'channel_changed'; channel: Channel}
    | {type: 'channel_gone'; channelId: string}
    | {type: 'current_channel'; channelId: string}
    | {type: 'channel_viewed'; channelId: string; now: number}
    | {type: 'config'; config: Record<string, string>; license: Record<string, string>}
    | {type: 'preferences'; preferences: Preference[]}
    | {type: 'posts_loaded'; channelId: string; list: PostList; older: boolean}
    | {type: 'thread_loaded'; list: PostList}
    | {type: 'post'; post: Post; fresh: boolean}
    | {type: 'post_removed'; postId: string}
    | {type: 'plugin_loaded'; manifest: Manifest}
    | {type: 'plugin_removed'; pluginId: string}
    | {type: 'plugin_component'; place: string; entry: PluginComponent}
    | {type: 'plugin_component_removed'; id: string}
    | {type: 'plugin_post_type'; postType: string; entry: PluginComponent}
    | {type: 'plugin_user_settings'; pluginId: string; settings: unknown}
    | {type: 'socket'; connected: boolean; connectionId: string}
    | {type: 'thread_opened'; rootId: string}
    | {type: 'panel_opened'; panelId: string}
    | {type: 'side_closed'}
    | {type: 'locale'; locale: string}
    | {type: 'theme'; choice: ThemeChoice}
    | {type: 'phase'; phase: Phase}
    | {type: 'missing'}
    | {type: 'announce'; text: string}
    | {type: 'slices_changed'}
    | {type: 'signed_out'};
