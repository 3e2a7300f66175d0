// How the entities change: users, teams, channels, configuration, preferences.
import type {Channel, ChannelMember, User} from '../api/shapes';
import type {PageAction} from './actions';
import type {ById, Entities} from './state';

export const emptyEntities: Entities = {
    users: {currentUserId: '', profiles: {}, statuses: {}, profilesInChannel: {}},
    channels: {
        currentChannelId: '',
        channels: {},
        myMembers: {},
        roles: {},
        membersInChannel: {},
        channelsInTeam: {},
    },
    teams: {currentTeamId: '', teams: {}, myMembers: {}},
    general: {config: {}, license: {}, serverVersion: ''},
    preferences: {myPreferences: {}},
    posts: {posts: {}, postsInChannel: {}, postsInThread: {}},
    threads: {threads: {}},
    roles: {roles: {}},
};

export function byKey<T>(before: ById<T>, entries: readonly T[], key: (entry: T) => string): ById<T> {
    if (entries.length === 0) {
        return before;
    }
    const next: Record<string, T> = {...before};
    for (const entry of entries) {
        next[key(entry)] = entry;
    }
    return next;
}

export function without<T>(before: ById<T>, key: string): ById<T> {
    if (!(key in before)) {
        return before;
    }
    const next: Record<string, T> = {...before};
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a copied map, not an object with a shape
    delete next[key];
    return next;
}

export function users(state: Entities['users'], action: PageAction): Entities['users'] {
    switch (action.type) {
    case 'me':
        return {...state, currentUserId: action.user.id, profiles: byKey(state.profiles, [action.user], userId)};
    case 'users':
        return {...state, profiles: byKey(state.profiles, keepOwnDetails(state, action.users), userId)};
    case 'users_in_channel': {
        const present = new Set(state.profilesInChannel[action.channelId] ?? []);
        action.users.forEach((user) => present.add(user.id));
        return {
            ...state,
            profiles: byKey(state.profiles, keepOwnDetails(state, action.users), userId),
            profilesInChannel: {...state.profilesInChannel, [action.channelId]: present},
        };
    }
    case 'user_left_channel': {
        const present = new Set(state.profilesInChannel[action.channelId] ?? []);
        present.delete(action.userId);
        return {...state, profilesInChannel: {...state.profilesInChannel, [action.channelId]: present}};
    }
    case 'statuses': {
        const statuses: Record<string, string> = {...state.statuses};
        action.statuses.forEach((status) => {
            statuses[status.user_id] = status.status;
        });
        return {...state, statuses};
    }
    default:
        return state;
    }
}

const userId = (user: User): string => user.id;

/** Others' view of a user has no e-mail or notify_props: do not lose one's own. */
function keepOwnDetails(state: Entities['users'], list: User[]): User[] {
    const own = state.profiles[state.currentUserId];
    return own ? list.filter((user) => user.id !== own.id || user.email !== '') : list;
}

export function channels(state: Entities['channels'], action: PageAction): Entities['channels'] {
    switch (action.type) {
    case 'channels': {
        const inTeam: Record<string, Set<string>> = {};
        for (const channel of action.channels) {
            (inTeam[channel.team_id] ??= new Set(state.channelsInTeam[channel.team_id] ?? [])).add(channel.id);
        }
        return {
            ...state,
            channels: byKey(state.channels, action.channels, (channel: Channel) => channel.id),
            channelsInTeam: {...state.channelsInTeam, ...inTeam},
            ...withMembers(state, action.members),
        };
    }
    case 'channel_changed':
        return state.channels[action.channel.id] ?
            {...state, channels: {...state.channels, [action.channel.id]: action.channel}} :
            state;
    case 'channel_gone':
        return {
            ...state,
            channels: without(state.channels, action.channelId),
            myMembers: without(state.myMembers, action.channelId),
            roles: without(state.roles, action.channelId),
        };
    case 'current_channel':
        return {...state, currentChannelId: action.channelId};
    case 'channel_viewed': {
        const channel = state.channels[action.channelId];
        const member = state.myMembers[action.channelId];
        if (!channel || !member) {
            return state;
        }
        const viewed = {...member, msg_count: channel.total_msg_count, mention_count: 0, last_viewed_at: action.now};
        return {...state, myMembers: {...state.myMembers, [action.channelId]: viewed}};
    }
    case 'post': {
        const channel = state.channels[action.post.channel_id];
        if (!channel || !action.fresh) {
            return state;
        }
        const counted = {
            ...channel,
            total_msg_count: channel.total_msg_count + (action.post.root_id ? 0 : 1),
            last_post_at: Math.max(channel.last_post_at, action.post.create_at),
        };
        return {...state, channels: {...state.channels, [channel.id]: counted}};
    }
    default:
        return state;
    }
}

function withMembers(
    state: Entities['channels'],
    members: readonly ChannelMember[],
): Pick<Entities['channels'], 'myMembers' | 'roles' | 'membersInChannel'> {
    const roles: Record<string, ReadonlySet<string>> = {...state.roles};
    const inChannel: Record<string, ById<ChannelMember>> = {...state.membersInChannel};
    for (const member of members) {
        roles[member.channel_id] = new Set(member.roles.split(' ').filter(Boolean));
        inChannel[member.channel_id] = {...inChannel[member.channel_id], [member.user_id]: member};
    }
    return {
        myMembers: byKey(state.myMembers, members, (member: ChannelMember) => member.channel_id),
        roles,
        membersInChannel: inChannel,
    };
}

export function teams(state: Entities['teams'], action: PageAction): Entities['teams'] {
    switch (action.type) {
    case 'teams':
        return {
            ...state,
            teams: byKey(state.teams, action.teams, (team) => team.id),
            myMembers: byKey(state.myMembers, action.members, (member) => member.team_id),
        };
    case 'current_team':
        return {...state, currentTeamId: action.teamId};
    default:
        return state;
    }
}

export function general(state: Entities['general'], action: PageAction): Entities['general'] {
    return action.type === 'config' ?
        {config: action.config, license: action.license, serverVersion: action.config.Version ?? ''} :
        state;
}

export function preferences(state: Entities['preferences'], action: PageAction): Entities['preferences'] {
    return action.type === 'preferences' ?
        {myPreferences: byKey(state.myPreferences, action.preferences, (entry) => `${entry.category}--${entry.name}`)} :
        state;
}
