// Selectors over the web app's state and our slice. Small and total: a page that is still loading has
// none of these fields.

import {PLUGIN_ID} from '../base/ids';
import type {Channel, PlatformState, User} from '../base/platform';
import type {CallInfo} from '../protocol/events';
import {running} from '../protocol/recording';
import type {RecordingInfo} from '../protocol/recording';
import {INITIAL} from './slice';
import type {CallsState} from './slice';

export const calls = (state: PlatformState): CallsState =>
    (state[`plugins-${PLUGIN_ID}`] as CallsState | undefined) ?? INITIAL;

/** Channel of the call that this user is in here; empty = none. */
export const ownChannelId = (state: PlatformState): string => {
    const {own, elsewhere} = calls(state);
    return own?.channelId ?? elsewhere?.channelId ?? '';
};

export const me = (state: PlatformState): string => state.entities?.users?.currentUserId ?? '';

export const channel = (state: PlatformState, id: string): Channel | undefined =>
    state.entities?.channels?.channels?.[id];

export const currentChannelId = (state: PlatformState): string => state.entities?.channels?.currentChannelId ?? '';

export const callIn = (state: PlatformState, channelId: string): CallInfo | undefined => calls(state).calls[channelId];

export const user = (state: PlatformState, id: string): User | undefined =>
    state.entities?.users?.profiles?.[id] ?? calls(state).users[id];

const nameFormat = (state: PlatformState): string =>
    state.entities?.preferences?.myPreferences?.['display_settings--name_format']?.value ||
    state.entities?.general?.config?.TeammateNameDisplay ||
    'username';

/** The name as the user wants names shown; undefined while the profile is not loaded. */
export const userName = (state: PlatformState, id: string): string | undefined => {
    const profile = user(state, id);
    if (!profile) {
        return undefined;
    }
    const full = `${profile.first_name ?? ''} ${profile.last_name ?? ''}`.trim();
    switch (nameFormat(state)) {
        case 'nickname_full_name':
            return profile.nickname || full || profile.username;
        case 'full_name':
            return full || profile.username;
        default:
            return profile.username;
    }
};

/** The others of a group message. Its own name lists all user names, the reader's too: good enough until the members are loaded. */
const groupName = (state: PlatformState, group: Channel): string => {
    const own = me(state);
    const others = [...state.entities?.users?.profilesInChannel?.[group.id] ?? []].filter((id) => id !== own);
    const names = others.map((id) => userName(state, id));
    if (names.length > 0 && names.every((name) => name !== undefined)) {
        return names.sort((a, b) => a.localeCompare(b)).join(', ');
    }
    const ownName = user(state, own)?.username;
    return group.display_name.split(', ').filter((name) => name !== ownName).join(', ');
};

/** A channel's name; for direct and group messages that of the others. */
export const channelName = (state: PlatformState, id: string): string => {
    const found = channel(state, id);
    if (found?.type === 'D') {
        const other = found.name.split('__').find((part) => part !== me(state)) ?? me(state);
        return userName(state, other) ?? found.display_name;
    }
    return found?.type === 'G' ? groupName(state, found) : found?.display_name ?? '';
};

/** Name of the team in whose addresses the channel is shown; direct messages are shown in any. */
export const teamName = (state: PlatformState, channelId: string): string => {
    const {currentTeamId = '', teams = {}} = state.entities?.teams ?? {};
    const id = channel(state, channelId)?.team_id || currentTeamId;
    return (teams[id] ?? Object.values(teams)[0])?.name ?? '';
};

/** Address of a channel below the site's. */
export const channelPath = (state: PlatformState, id: string): string => {
    const found = channel(state, id);
    const team = `/${encodeURIComponent(teamName(state, id))}`;
    if (found?.type === 'D') {
        const other = found.name.split('__').find((part) => part !== me(state)) ?? me(state);
        return `${team}/messages/@${encodeURIComponent(user(state, other)?.username ?? other)}`;
    }
    return `${team}/${found?.type === 'G' ? 'messages' : 'channels'}/${encodeURIComponent(found?.name ?? id)}`;
};

export const isAdmin = (state: PlatformState): boolean =>
    (user(state, me(state))?.roles ?? '').split(' ').includes('system_admin');

/** Why nobody like the present user can start a call in the channel; a running one may be joined unless it is the last. */
export const startRefusal = (state: PlatformState, channelId: string): 'channel_off' | 'test_mode' | 'group_calls_off' | undefined => {
    const {callsConfig, channels} = calls(state);
    const enabled = channels[channelId]?.enabled;
    if (!callsConfig.GroupCallsAllowed && channel(state, channelId)?.type !== 'D') {
        return 'group_calls_off';
    }
    if (enabled === false) {
        return 'channel_off';
    }
    return callsConfig.DefaultEnabled || enabled === true || isAdmin(state) ? undefined : 'test_mode';
};

/** Whether the present user may turn calls on or off in the channel: as the server decides it. */
export const maySwitch = (state: PlatformState, channelId: string): boolean => {
    const found = channel(state, channelId);
    if (!found || found.delete_at > 0 || !calls(state).callsConfig.AllowEnableCalls) {
        return false;
    }
    const channels = state.entities?.channels;
    return isAdmin(state) || found.type === 'D' || found.type === 'G' ||
        (channels?.roles?.[channelId]?.has('channel_admin') ?? false) ||
        (channels?.myMembers?.[channelId]?.scheme_admin ?? false);
};

/** Whether calls can be started here, as far as the channel goes. */
export const isSwitchedOn = (state: PlatformState, channelId: string): boolean =>
    calls(state).channels[channelId]?.enabled ?? calls(state).callsConfig.DefaultEnabled;

/** Whether the present user may end this call for all. */
export const mayEnd = (state: PlatformState, channelId: string): boolean => {
    const call = callIn(state, channelId);
    return call !== undefined && (call.hostId === me(state) || isAdmin(state));
};

/** The recording that runs in the channel's call. */
export const recordingIn = (state: PlatformState, channelId: string): RecordingInfo | undefined =>
    running(callIn(state, channelId)?.recording);

/** Whether the present user is this call's host. */
export const isHost = (state: PlatformState, channelId: string): boolean =>
    callIn(state, channelId)?.hostId === me(state) && me(state) !== '';

/** Whether the present user may start recording this call, or stop it: what was switched off meanwhile can still be stopped. */
export const mayRecord = (state: PlatformState, channelId: string): boolean =>
    mayEnd(state, channelId) && (calls(state).features.recording || recordingIn(state, channelId) !== undefined);
