// REST calls of the plugin and of the platform, as far as the bridge needs them.

import {isId, platformUrl, pluginUrl} from './ids';
import {asFields, asFlag, asList, asNonEmpty, asNumber, asText, parseEach} from './parse';
import type {User} from './platform';
import {parseCall} from '../protocol/events';
import type {CallInfo} from '../protocol/events';
import {parseRecording} from '../protocol/recording';
import type {RecordingInfo} from '../protocol/recording';
import {INITIAL} from '../state/slice';
import type {CallsConfig, ChannelSwitch, Features} from '../state/slice';

const csrf = (): string => /(?:^|;\s*)MMCSRF=([^;]*)/.exec(document.cookie)?.[1] ?? '';

export class HttpError extends Error {
    /** `text`: the server's words for people; empty = it gave none. */
    constructor(readonly status: number, readonly text = '') {
        super(`${status}`);
    }
}

const refusal = async (response: Response): Promise<HttpError> => {
    const answer = await response.json().catch(() => undefined) as unknown;
    return new HttpError(response.status, asText(asFields(answer)?.message) ?? '');
};

/** A refusal for asking too often: nothing was done, and a token comes back each second. Other tabs count too. */
const TOO_MANY = 429;
const TRIES = 3;
const AGAIN_MS = 1_100;

const send = async (url: string, request: Omit<RequestInit, 'headers'> & {headers: Record<string, string>}, tries = TRIES): Promise<unknown> => {
    const response = await fetch(url, {
        ...request,
        credentials: 'same-origin',
        headers: {'X-Requested-With': 'XMLHttpRequest', ...request.headers},
    });
    if (response.status === TOO_MANY && tries > 1) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        return send(url, request, tries - 1);
    }
    if (!response.ok) {
        throw await refusal(response);
    }
    return response.json() as Promise<unknown>;
};

const get = (url: string): Promise<unknown> => send(url, {headers: {}});

const post = (url: string, body: unknown, keepalive = false): Promise<unknown> => send(url, {
    method: 'POST',
    keepalive,
    headers: {'Content-Type': 'application/json', 'X-CSRF-Token': csrf()},
    body: JSON.stringify(body),
});

export interface ClientConfig {
    iceServers: RTCIceServer[];
    simulcast: boolean;
    /** Pictures may come in AV1. */
    av1: boolean;
    features: Features;
    /** Some of the servers want credentials, which are asked for apart. */
    needsTurnCredentials: boolean;
    calls: CallsConfig;
}

const parseIceServer = (value: unknown): RTCIceServer | undefined => {
    const fields = asFields(value);
    const urls = parseEach(fields?.urls, asNonEmpty);
    if (urls.length === 0) {
        return undefined;
    }
    const username = asNonEmpty(fields?.username);
    const credential = asNonEmpty(fields?.credential);
    return {urls, ...(username ? {username} : {}), ...(credential ? {credential} : {})};
};

/** Used until the server's configuration is there, and when it cannot be had. */
export const DEFAULT_CONFIG: ClientConfig = {
    iceServers: [],
    simulcast: false,
    av1: false,
    features: INITIAL.features,
    needsTurnCredentials: false,
    calls: INITIAL.callsConfig,
};

export const fetchConfig = async (): Promise<ClientConfig> => {
    const fields = asFields(await get(pluginUrl('/config')));
    return {
        iceServers: parseEach(fields?.ICEServersConfigs, parseIceServer),
        // Off for clients that send AV1 instead of a second layer; ours sends no AV1.
        simulcast: asFlag(fields?.EnableSimulcast) || asFlag(fields?.EnableAV1),
        av1: asFlag(fields?.EnableAV1),
        features: {
            screenSharing: fields?.AllowScreenSharing !== false,
            video: fields?.EnableVideo !== false,
            recording: asFlag(fields?.EnableRecordings),
            recordingMinutes: asNumber(fields?.MaxRecordingDuration) ?? 0,
        },
        needsTurnCredentials: asFlag(fields?.NeedsTURNCredentials),
        calls: {
            DefaultEnabled: fields?.DefaultEnabled !== false,
            AllowEnableCalls: fields?.AllowEnableCalls !== false,
            EnableRinging: asFlag(fields?.EnableRinging),
            EnableSIPOutbound: false,
            GroupCallsAllowed: fields?.GroupCallsAllowed !== false,
        },
    };
};

/** Servers with a name and password for this user, which hold for a while. */
export const fetchTurnServers = async (): Promise<RTCIceServer[]> =>
    parseEach(await get(pluginUrl('/turn-credentials')), parseIceServer);

interface ChannelList {
    calls: CallInfo[];
    channels: Record<string, ChannelSwitch>;
}

/** The channels that have a call, or where calls were turned on or off. */
export const fetchChannels = async (): Promise<ChannelList> => {
    const list: ChannelList = {calls: [], channels: {}};
    for (const fields of parseEach(await get(pluginUrl('/channels')), asFields)) {
        const channelId = asNonEmpty(fields.channel_id);
        if (channelId === undefined) {
            continue;
        }
        if (typeof fields.enabled === 'boolean') {
            list.channels[channelId] = {enabled: fields.enabled};
        }
        const call = parseCall(fields.call, channelId);
        if (call) {
            list.calls.push(call);
        }
    }
    return list;
};

/** Turns starting calls in the channel on or off. */
export const switchChannel = async (channelId: string, enabled: boolean): Promise<void> => {
    await post(pluginUrl(`/${channelId}`), {enabled});
};

/** The call of one channel, if one runs there. */
export const fetchCall = async (channelId: string): Promise<CallInfo | undefined> => {
    const fields = asFields(await get(pluginUrl(`/${channelId}`)));
    return parseCall(fields?.call, channelId);
};

export const endCall = async (channelId: string): Promise<void> => {
    await post(pluginUrl(`/calls/${channelId}/end`), {});
};

/** Starts or stops recording the channel's call; what became of it, unless the answer does not say. */
export const switchRecording = async (channelId: string, to: 'start' | 'stop'): Promise<RecordingInfo | undefined> =>
    parseRecording(await post(pluginUrl(`/calls/${channelId}/recording/${to}`), {}));

export const sendReport = async (channelId: string, session: string, report: Record<string, unknown>): Promise<void> => {
    await post(pluginUrl(`/calls/${channelId}/client-stats`), {session_id: session, report}, true);
};

const parseUser = (value: unknown): User | undefined => {
    const fields = asFields(value);
    const id = asNonEmpty(fields?.id);
    const username = asText(fields?.username);
    if (!fields || id === undefined || username === undefined) {
        return undefined;
    }
    return {
        id,
        username,
        nickname: asText(fields.nickname) ?? '',
        first_name: asText(fields.first_name) ?? '',
        last_name: asText(fields.last_name) ?? '',
        roles: asText(fields.roles) ?? '',
        last_picture_update: asNumber(fields.last_picture_update) ?? 0,
    };
};

/** Profiles of at most 100 users. */
export const fetchUsers = async (ids: string[]): Promise<User[]> => {
    const wanted = ids.filter(isId).slice(0, 100);
    return wanted.length === 0 ? [] : parseEach(asList(await post(platformUrl('/api/v4/users/ids'), wanted)), parseUser);
};

/** An answer of the platform itself. */
export const fetchPlatform = (path: string): Promise<unknown> => get(platformUrl(path));

/** Address of a user's picture. */
export const pictureUrl = (user: {id: string; last_picture_update?: number}): string =>
    platformUrl(`/api/v4/users/${user.id}/image?_=${user.last_picture_update ?? 0}`);
