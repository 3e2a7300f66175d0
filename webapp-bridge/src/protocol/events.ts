// The plugin's WebSocket events as typed values. What does not parse is undefined and ignored.

import {asFields, asFlag, asNonEmpty, asNumber, asText, fromJson, parseEach} from '../base/parse';
import type {Fields} from '../base/parse';
import type {Broadcast} from './frames';
import {parseRecording} from './recording';
import type {RecordingInfo} from './recording';

export interface SessionInfo {
    sessionId: string;
    userId: string;
    unmuted: boolean;
    /** Unix ms; 0 = down. */
    raisedHand: number;
    video: boolean;
    /** Its connection is lost: a reload, a bad network or a closed tab. */
    away?: boolean;
}

export interface CallInfo {
    id: string;
    channelId: string;
    /** Unix ms. */
    startAt: number;
    title: string;
    threadId: string;
    postId: string;
    ownerId: string;
    hostId: string;
    /** Empty = nobody shares. */
    screenSession: string;
    /** In joining order. */
    sessions: SessionInfo[];
    recording?: RecordingInfo;
}

/** State of a session that one event changes. */
export type SessionChange = {unmuted: boolean} | {screen: boolean} | {video: boolean} | {raisedHand: number} | {away: boolean};

export type CallEvent =
    | {type: 'call_start'; call: CallInfo}
    | {type: 'call_state'; channelId: string; call: CallInfo | undefined}
    | {type: 'call_end'; channelId: string; reason: string}
    /** With the state that the server knows of: a session may come back unmuted. */
    | {type: 'joined'; channelId: string; sessionId: string; userId: string; state: Partial<Pick<SessionInfo, 'unmuted' | 'raisedHand'>>}
    | {type: 'left'; channelId: string; sessionId: string; userId: string}
    | {type: 'changed'; channelId: string; sessionId: string; change: SessionChange}
    | {type: 'host'; channelId: string; hostId: string}
    | {type: 'recording'; channelId: string; recording: RecordingInfo}
    | {type: 'media_moved'; channelId: string}
    | {type: 'removed'; channelId: string; sessionId: string; reason: string}
    | {type: 'alone'; channelId: string; endsInS: number}
    /** Starting calls was turned on or off in the channel. */
    | {type: 'switched'; channelId: string; enabled: boolean};

/** All events of the channel-wide stream, without prefix. */
export const CALL_EVENTS = [
    'call_start', 'call_state', 'call_end', 'user_joined', 'user_left', 'user_muted', 'user_unmuted',
    'user_screen_on', 'user_screen_off', 'user_video_on', 'user_video_off', 'user_raise_hand',
    'user_unraise_hand', 'call_host_changed', 'call_job_state', 'parley_media_moved', 'parley_removed', 'parley_alone',
    'parley_connection', 'channel_enable_voice', 'channel_disable_voice',
] as const;

export type CallEventName = (typeof CALL_EVENTS)[number];

export const isCallEventName = (name: string): name is CallEventName =>
    (CALL_EVENTS as readonly string[]).includes(name);

const parseSession = (value: unknown): SessionInfo | undefined => {
    const fields = asFields(value);
    const sessionId = asNonEmpty(fields?.session_id);
    const userId = asNonEmpty(fields?.user_id);
    if (sessionId === undefined || userId === undefined) {
        return undefined;
    }
    return {
        sessionId,
        userId,
        unmuted: asFlag(fields?.unmuted),
        raisedHand: asNumber(fields?.raised_hand) ?? 0,
        video: asFlag(fields?.video),
        ...(asFlag(asFields(fields?.parley)?.away) ? {away: true} : {}),
    };
};

/** Reads a call object, as in REST answers and in `call_state`. */
export const parseCall = (value: unknown, channelId: string): CallInfo | undefined => {
    const fields = asFields(value);
    const id = asNonEmpty(fields?.id);
    if (!fields || id === undefined) {
        return undefined;
    }
    const recording = parseRecording(fields.recording);
    return {
        id,
        channelId,
        startAt: asNumber(fields.start_at) ?? 0,
        title: asText(fields.title) ?? '',
        threadId: asText(fields.thread_id) ?? '',
        postId: asText(fields.post_id) ?? '',
        ownerId: asText(fields.owner_id) ?? '',
        hostId: asText(fields.host_id) ?? '',
        screenSession: asText(fields.screen_sharing_session_id) ?? '',
        sessions: parseEach(fields.sessions, parseSession),
        ...(recording ? {recording} : {}),
    };
};

const change = (channelId: string, data: Fields, what: SessionChange): CallEvent | undefined => {
    const sessionId = asNonEmpty(data.session_id);
    return sessionId === undefined ? undefined : {type: 'changed', channelId, sessionId, change: what};
};

interface Presence {
    channelId: string;
    sessionId: string;
    userId: string;
}

const presence = (channelId: string, data: Fields): Presence | undefined => {
    const sessionId = asNonEmpty(data.session_id);
    const userId = asNonEmpty(data.user_id) ?? asNonEmpty(data.userID);
    return sessionId === undefined || userId === undefined ? undefined : {channelId, sessionId, userId};
};

const joined = (channelId: string, data: Fields): CallEvent | undefined => {
    const who = presence(channelId, data);
    const parley = asFields(data.parley);
    const raisedHand = asNumber(parley?.raised_hand);
    return who && {
        type: 'joined',
        ...who,
        state: {
            ...(typeof parley?.unmuted === 'boolean' ? {unmuted: parley.unmuted} : {}),
            ...(raisedHand === undefined ? {} : {raisedHand}),
        },
    };
};

const left = (channelId: string, data: Fields): CallEvent | undefined => {
    const who = presence(channelId, data);
    return who && {type: 'left', ...who};
};

/** Reads one event; `name` comes without the prefix. */
export const parseEvent = (name: CallEventName, data: Fields, broadcast: Broadcast): CallEvent | undefined => {
    // `call_job_state` says it in a field that is named after the call.
    const inData = name === 'call_job_state' ? data.callID : data.channelID ?? data.channel_id;
    const channelId = asNonEmpty(broadcast.channelId) ?? asNonEmpty(inData);
    if (channelId === undefined) {
        return undefined;
    }
    switch (name) {
        case 'call_start': {
            const call = parseCall(data, channelId);
            return call && {type: 'call_start', call};
        }
        case 'call_state':
            return {type: 'call_state', channelId, call: parseCall(fromJson(data.call) ?? data.call, channelId)};
        case 'call_end': {
            const reason = asText(asFields(data.parley)?.reason) ?? 'ended';
            // For clients that do not know `parley_media_moved`, which we follow.
            return reason === 'moved' ? undefined : {type: 'call_end', channelId, reason};
        }
        case 'user_joined':
            return joined(channelId, data);
        case 'user_left':
            return left(channelId, data);
        case 'user_muted':
            return change(channelId, data, {unmuted: false});
        case 'user_unmuted':
            return change(channelId, data, {unmuted: true});
        case 'user_screen_on':
            return change(channelId, data, {screen: true});
        case 'user_screen_off':
            return change(channelId, data, {screen: false});
        case 'user_video_on':
            return change(channelId, data, {video: true});
        case 'user_video_off':
            return change(channelId, data, {video: false});
        case 'user_raise_hand':
            return change(channelId, data, {raisedHand: asNumber(data.raised_hand) ?? Date.now()});
        case 'user_unraise_hand':
            return change(channelId, data, {raisedHand: 0});
        case 'call_host_changed': {
            const hostId = asNonEmpty(data.hostID);
            return hostId === undefined ? undefined : {type: 'host', channelId, hostId};
        }
        case 'call_job_state': {
            const recording = parseRecording(data.jobState);
            return recording && {type: 'recording', channelId, recording};
        }
        case 'parley_media_moved':
            return {type: 'media_moved', channelId};
        case 'parley_removed': {
            const sessionId = asNonEmpty(data.session_id);
            return sessionId === undefined
                ? undefined
                : {type: 'removed', channelId, sessionId, reason: asText(data.reason) ?? 'error'};
        }
        case 'parley_connection':
            return change(channelId, data, {away: data.state === 'away'});
        case 'parley_alone':
            return {type: 'alone', channelId, endsInS: asNumber(data.ends_in_s) ?? 60};
        case 'channel_enable_voice':
        case 'channel_disable_voice':
            return {type: 'switched', channelId, enabled: name === 'channel_enable_voice'};
    }
};

/** The answer to `join`. */
export interface Joined {
    session: string;
    /** Token for `resume`; empty when the server gives none. */
    resume: string;
    callId: string;
}

export const parseJoined = (data: Fields): Joined | undefined => {
    const connId = asNonEmpty(data.connID);
    const parley = asFields(data.parley);
    const session = asNonEmpty(parley?.session) ?? connId;
    return session === undefined
        ? undefined
        : {session, resume: asText(parley?.resume) ?? '', callId: asText(parley?.call_id) ?? ''};
};

/** A refusal: the server's text for the user and its code. */
export interface Refusal {
    code: string;
    text: string;
}

export const parseRefusal = (data: Fields): Refusal => ({
    code: asText(data.code) ?? 'unavailable',
    text: asText(data.data) ?? '',
});
