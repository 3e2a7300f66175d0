import {expect, it} from 'vitest';

import type {Channel, PlatformState} from '../base/platform';
import {channelName} from './select';

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
