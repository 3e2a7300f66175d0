// What the web app's store would hold, as far as a call's view reads it: fetched for a page that has no web app.

import {HttpError, fetchPlatform, fetchUsers} from '../base/api';
import {asFields, asList, asNonEmpty, asNumber, asText, parseEach} from '../base/parse';
import type {Fields} from '../base/parse';
import type {Channel, PlatformState, User} from '../base/platform';

export type LoadProblem = 'signed_out' | 'no_channel' | 'unreachable';

export class LoadError extends Error {
    constructor(readonly problem: LoadProblem, cause?: unknown) {
        super(problem, {cause});
    }
}

export interface Loaded {
    entities: NonNullable<PlatformState['entities']>;
    locale: string;
}

const problemOf = (error: unknown): LoadProblem => {
    const status = error instanceof HttpError ? error.status : 0;
    if (status === 401) {
        return 'signed_out';
    }
    return status === 400 || status === 403 || status === 404 ? 'no_channel' : 'unreachable';
};

const asChannel = (value: unknown): Channel | undefined => {
    const fields = asFields(value);
    const id = asNonEmpty(fields?.id);
    const type = asText(fields?.type);
    if (!fields || id === undefined || (type !== 'O' && type !== 'P' && type !== 'D' && type !== 'G')) {
        return undefined;
    }
    return {
        id,
        type,
        team_id: asText(fields.team_id) ?? '',
        name: asText(fields.name) ?? '',
        display_name: asText(fields.display_name) ?? '',
        delete_at: asNumber(fields.delete_at) ?? 0,
    };
};

const asUser = (value: unknown): User | undefined => {
    const fields = asFields(value);
    const id = asNonEmpty(fields?.id);
    const username = asText(fields?.username);
    if (!fields || id === undefined || username === undefined) {
        return undefined;
    }
    const text = (key: string): string => asText(fields[key]) ?? '';
    return {
        id, username,
        nickname: text('nickname'), first_name: text('first_name'), last_name: text('last_name'), roles: text('roles'),
        last_picture_update: asNumber(fields.last_picture_update) ?? 0,
    };
};

const texts = (fields: Fields | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(fields ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** The others of a direct or group message, after whom it is named. */
const membersOf = async (channel: Channel): Promise<User[]> => {
    if (channel.type === 'D') {
        return fetchUsers(channel.name.split('__'));
    }
    return channel.type === 'G'
        ? parseEach(await fetchPlatform(`/api/v4/users?in_channel=${channel.id}&per_page=20`), asUser)
        : [];
};

const names = (preferences: unknown): Record<string, {value: string}> =>
    Object.fromEntries((asList(preferences) ?? []).map(asFields).map((fields) =>
        [`${asText(fields?.category) ?? ''}--${asText(fields?.name) ?? ''}`, {value: asText(fields?.value) ?? ''}]));

const fetchAll = async (channelId: string): Promise<Loaded> => {
    const answer = await fetchPlatform('/api/v4/users/me');
    const me = asUser(answer);
    const channel = asChannel(await fetchPlatform(`/api/v4/channels/${channelId}`));
    if (!me || !channel) {
        throw new LoadError('unreachable');
    }
    const [config, preferences, teams, members] = await Promise.all([
        fetchPlatform('/api/v4/config/client?format=old'),
        fetchPlatform('/api/v4/users/me/preferences'),
        fetchPlatform('/api/v4/users/me/teams'),
        membersOf(channel),
    ]);
    const teamNames = (asList(teams) ?? []).map(asFields).map((fields) =>
        [asText(fields?.id) ?? '', {name: asText(fields?.name) ?? ''}] as const);
    return {
        locale: asNonEmpty(asFields(answer)?.locale) ?? 'en',
        entities: {
            users: {
                currentUserId: me.id,
                profiles: Object.fromEntries([me, ...members].map((user) => [user.id, user])),
                profilesInChannel: {[channel.id]: new Set(members.map((user) => user.id))},
            },
            channels: {currentChannelId: channel.id, channels: {[channel.id]: channel}},
            teams: {currentTeamId: channel.team_id, teams: Object.fromEntries(teamNames)},
            general: {config: texts(asFields(config))},
            preferences: {myPreferences: names(preferences)},
        },
    };
};

export const load = async (channelId: string): Promise<Loaded> => {
    try {
        return await fetchAll(channelId);
    } catch (error) {
        throw error instanceof LoadError ? error : new LoadError(problemOf(error), error);
    }
};
