import {expect, it} from 'vitest';

import {PLUGIN_ID} from '../base/ids';
import type {Channel, PlatformState} from '../base/platform';
import {channelName, isSwitchedOn, maySwitch, startRefusal} from './select';
import {INITIAL} from './slice';

const group: Channel = {id: 'g', team_id: '', type: 'G', name: 'hash', display_name: 'anna, ben, me', delete_at: 0};

const state = (members?: string[]): PlatformState => ({
    entities: {
        users: {
            currentUserId: 'm',
            profiles: Object.fromEntries(['anna', 'ben', 'me'].map((name) => [name[0], {id: name[0]!, username: name, nickname: `${name}!`}])),
            ...(members ? {profilesInChannel: {g: new Set(members)}} : {}),
        },
        channels: {channels: {g: group}},
        general: {config: {TeammateNameDisplay: 'nickname_full_name'}},
    },
});

it('names a group message after the others', () => {
    expect(channelName(state(['m', 'b', 'a']), 'g')).toBe('anna!, ben!');
    expect(channelName(state(), 'g'), 'while its members are not loaded').toBe('anna, ben');
});

const open: Channel = {id: 'o', team_id: 't', type: 'O', name: 'town', display_name: 'Town', delete_at: 0};

const place = (
    slice: {enabled?: boolean; defaultEnabled?: boolean; groups?: boolean},
    more: {roles?: string; channelRoles?: string[]; type?: Channel['type']} = {},
): PlatformState => ({
    entities: {
        users: {currentUserId: 'm', profiles: {m: {id: 'm', username: 'me', roles: more.roles ?? 'system_user'}}},
        channels: {channels: {o: {...open, type: more.type ?? 'O'}}, roles: {o: new Set(more.channelRoles ?? ['channel_user'])}},
    },
    [`plugins-${PLUGIN_ID}`]: {
        ...INITIAL,
        channels: slice.enabled === undefined ? {} : {o: {enabled: slice.enabled}},
        callsConfig: {...INITIAL.callsConfig, DefaultEnabled: slice.defaultEnabled ?? true, GroupCallsAllowed: slice.groups ?? true},
    },
});

it('says why a call cannot be started, as the server would', () => {
    expect(startRefusal(place({}), 'o')).toBeUndefined();
    expect(startRefusal(place({enabled: false}), 'o')).toBe('channel_off');
    expect(startRefusal(place({enabled: false}, {roles: 'system_user system_admin'}), 'o'), 'to admins, too').toBe('channel_off');
    expect(startRefusal(place({defaultEnabled: false}), 'o')).toBe('test_mode');
    expect(startRefusal(place({defaultEnabled: false}, {roles: 'system_user system_admin'}), 'o')).toBeUndefined();
    expect(startRefusal(place({defaultEnabled: false, enabled: true}), 'o')).toBeUndefined();
    expect(startRefusal(place({groups: false}), 'o')).toBe('group_calls_off');
    expect(startRefusal(place({groups: false}, {type: 'G'}), 'o')).toBe('group_calls_off');
    expect(startRefusal(place({groups: false}, {type: 'D'}), 'o')).toBeUndefined();
});

it('knows who may turn calls on or off, and which of both there is to do', () => {
    expect(maySwitch(place({}), 'o')).toBe(false);
    expect(maySwitch(place({}, {channelRoles: ['channel_user', 'channel_admin']}), 'o')).toBe(true);
    expect(maySwitch(place({}, {roles: 'system_user system_admin'}), 'o')).toBe(true);
    expect(maySwitch(place({}, {type: 'D'}), 'o')).toBe(true);
    expect(isSwitchedOn(place({}), 'o')).toBe(true);
    expect(isSwitchedOn(place({defaultEnabled: false}), 'o')).toBe(false);
    expect(isSwitchedOn(place({enabled: true, defaultEnabled: false}), 'o')).toBe(true);
    expect(isSwitchedOn(place({enabled: false}), 'o')).toBe(false);
});
