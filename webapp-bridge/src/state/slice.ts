// The plugin's slice of the store: running calls as the server tells them, and this tab's own call.

import type {ClientState} from '../call/client_types';
import type {CallEvent, CallInfo, SessionInfo} from '../protocol/events';
import type {User} from '../base/platform';
import type {TextId} from '../i18n/texts';

/** A question to the user that waits for an answer. */
export type Prompt =
    | {type: 'join'; channelId: string}
    | {type: 'switch'; channelId: string; title?: string}
    | {type: 'end'; channelId: string}
    /** Which screen to share, where the browser does not ask. */
    | {type: 'source'; channelId: string};

/** A text for the user, from the table of messages. */
export interface Notice {
    /** Counts up, so that the same text shown twice is announced twice. */
    serial: number;
    tone: 'error' | 'info';
    message: TextId;
    values?: Record<string, string | number>;
}

/** This tab's call. */
export interface OwnCall extends ClientState {
    channelId: string;
    joinedAt: number;
}

/** A call of this user in a window that is not a page of the web app. */
export interface Elsewhere {
    channelId: string;
    /** Empty until it is known. */
    session: string;
}

/** What this tab's call says of its recording. */
export interface RecordingView {
    /** A recording runs, and the user has not said whether they stay. */
    asks: boolean;
    note: RecordingNote | null;
    /** Asked of the server, and not answered yet. */
    wish: 'start' | 'stop' | null;
}

export interface RecordingNote {
    /** Counts up, so that the same text shown twice is announced twice. */
    serial: number;
    /** It is over, or something is wrong with it. */
    kind: 'over' | 'trouble';
    /** The server's words; empty = none. */
    text: string;
}

/** What the server offers. */
export interface Features {
    screenSharing: boolean;
    video: boolean;
    recording: boolean;
    /** Longest recording; 0 = as long as the call. */
    recordingMinutes: number;
}

export type ViewMode = 'widget' | 'minimised' | 'large';

export interface CallsState {
    calls: Readonly<Record<string, CallInfo>>;
    own: OwnCall | null;
    elsewhere: Elsewhere | null;
    /** The larger view has a window of its own. */
    popout: boolean;
    mode: ViewMode;
    prompt: Prompt | null;
    notice: Notice | null;
    /** What a screen reader hears: joins and leaves in our call. */
    said: Notice | null;
    /** Of people whom the page has not loaded. */
    users: Readonly<Record<string, User>>;
    features: Features;
    recording: RecordingView;
    /** Of channels where somebody turned calls on or off. The web app itself reads this field. */
    channels: Readonly<Record<string, ChannelSwitch>>;
    callsConfig: CallsConfig;
    /** By channel and session: what the web app reads to know who is in a call. */
    sessions: Readonly<Record<string, Readonly<Record<string, {session_id: string; user_id: string}>>>>;
}

export interface ChannelSwitch {
    enabled: boolean;
}

/**
 * Where calls may be started. Under the id of the web app's own plugin the web app reads this field, too, for the
 * call button in people's profiles, and fails without it; hence the names.
 */
export interface CallsConfig {
    /** False: test mode, only system admins start calls where they were not turned on. */
    DefaultEnabled: boolean;
    AllowEnableCalls: boolean;
    EnableRinging: boolean;
    EnableSIPOutbound: boolean;
    GroupCallsAllowed: boolean;
}

export const INITIAL: CallsState = {
    calls: {},
    own: null,
    elsewhere: null,
    popout: false,
    mode: 'widget',
    prompt: null,
    notice: null,
    said: null,
    users: {},
    features: {screenSharing: true, video: true, recording: false, recordingMinutes: 0},
    recording: {asks: false, note: null, wish: null},
    channels: {},
    callsConfig: {
        DefaultEnabled: true,
        AllowEnableCalls: true,
        EnableRinging: false,
        EnableSIPOutbound: false,
        GroupCallsAllowed: true,
    },
    sessions: {},
};

export type CallsAction =
    | {type: 'parley/calls'; calls: CallInfo[]; channels: CallsState['channels']}
    | {type: 'parley/event'; event: CallEvent}
    | {type: 'parley/own'; own: OwnCall | null}
    | {type: 'parley/elsewhere'; elsewhere: Elsewhere | null}
    | {type: 'parley/popout'; open: boolean}
    | {type: 'parley/mode'; mode: ViewMode}
    | {type: 'parley/prompt'; prompt: Prompt | null}
    | {type: 'parley/notice'; notice: Notice | null}
    | {type: 'parley/said'; said: Notice}
    | {type: 'parley/users'; users: User[]}
    | {type: 'parley/recording'; change: Partial<RecordingView>}
    | {type: 'parley/config'; features: CallsState['features']; callsConfig: CallsConfig};

const without = <T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> =>
    Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));

const withCall = (calls: CallsState['calls'], call: CallInfo): CallsState['calls'] => ({...calls, [call.channelId]: call});

const changed = (call: CallInfo, event: Extract<CallEvent, {type: 'changed'}>): CallInfo => {
    const {sessionId, change} = event;
    if ('screen' in change) {
        if (change.screen) {
            return {...call, screenSession: sessionId};
        }
        return call.screenSession === sessionId ? {...call, screenSession: ''} : call;
    }
    return {
        ...call,
        sessions: call.sessions.map((session) => (session.sessionId === sessionId ? {...session, ...change} : session)),
    };
};

const joined = (call: CallInfo, event: Extract<CallEvent, {type: 'joined'}>): CallInfo => {
    const {sessionId, userId, state} = event;
    const known = call.sessions.find((session) => session.sessionId === sessionId);
    if (!known) {
        const session: SessionInfo = {sessionId, userId, unmuted: false, raisedHand: 0, video: false, ...state};
        return {...call, sessions: [...call.sessions, session]};
    }
    const now = {...known, ...state};
    if (now.unmuted === known.unmuted && now.raisedHand === known.raisedHand) {
        return call;
    }
    return {...call, sessions: call.sessions.map((session) => (session === known ? now : session))};
};

/** Applies one event of the server; applying it twice changes nothing more. */
export const applyEvent = (calls: CallsState['calls'], event: CallEvent): CallsState['calls'] => {
    if (event.type === 'call_start') {
        const known = calls[event.call.channelId];
        // The sessions of a call that is known already came by their own events.
        return known?.id === event.call.id ? calls : withCall(calls, event.call);
    }
    if (event.type === 'call_state') {
        return event.call ? withCall(calls, event.call) : without(calls, event.channelId);
    }
    if (event.type === 'call_end') {
        return without(calls, event.channelId);
    }
    const call = calls[event.channelId];
    if (!call) {
        return calls;
    }
    switch (event.type) {
        case 'joined': {
            const next = joined(call, event);
            return next === call ? calls : withCall(calls, next);
        }
        case 'left': {
            const sessions = call.sessions.filter((session) => session.sessionId !== event.sessionId);
            if (sessions.length === call.sessions.length) {
                return calls;
            }
            const screenSession = call.screenSession === event.sessionId ? '' : call.screenSession;
            // A call that empties ends by its last `user_left`.
            return sessions.length === 0
                ? without(calls, event.channelId)
                : withCall(calls, {...call, sessions, screenSession});
        }
        case 'changed':
            return withCall(calls, changed(call, event));
        case 'host':
            return withCall(calls, {...call, hostId: event.hostId});
        case 'recording':
            return withCall(calls, {...call, recording: event.recording});
        case 'media_moved':
        case 'removed':
        case 'alone':
        case 'switched':
            return calls;
    }
};

/** The other window's call is over once its session is. */
const elsewhereAfter = (elsewhere: Elsewhere | null, event: CallEvent): Elsewhere | null => {
    if (!elsewhere || event.type === 'call_start' || event.channelId !== elsewhere.channelId) {
        return elsewhere;
    }
    const gone = event.type === 'call_end' ||
        ((event.type === 'left' || event.type === 'removed') && event.sessionId === elsewhere.session);
    return gone ? null : elsewhere;
};

const stillThere = (elsewhere: Elsewhere | null, calls: readonly CallInfo[]): Elsewhere | null => {
    const known = elsewhere === null || elsewhere.session === '' ||
        calls.some((call) => call.sessions.some((session) => session.sessionId === elsewhere.session));
    return known ? elsewhere : null;
};

const sessionsOf = (calls: CallsState['calls']): CallsState['sessions'] =>
    Object.fromEntries(Object.values(calls).map((call) => [
        call.channelId,
        Object.fromEntries(call.sessions.map(({sessionId, userId}) => [sessionId, {session_id: sessionId, user_id: userId}])),
    ]));

export const reducer = (state: CallsState = INITIAL, action: CallsAction | {type: ''}): CallsState => {
    const next = reduce(state, action);
    return next.calls === state.calls ? next : {...next, sessions: sessionsOf(next.calls)};
};

const reduce = (state: CallsState, action: CallsAction | {type: ''}): CallsState => {
    switch (action.type) {
        case 'parley/calls':
            return {
                ...state,
                calls: Object.fromEntries(action.calls.map((call) => [call.channelId, call])),
                channels: action.channels,
                elsewhere: stillThere(state.elsewhere, action.calls),
            };
        case 'parley/event': {
            if (action.event.type === 'switched') {
                const {channelId, enabled} = action.event;
                return {...state, channels: {...state.channels, [channelId]: {enabled}}};
            }
            const calls = applyEvent(state.calls, action.event);
            const elsewhere = elsewhereAfter(state.elsewhere, action.event);
            return calls === state.calls && elsewhere === state.elsewhere ? state : {...state, calls, elsewhere};
        }
        case 'parley/own':
            return action.own ? {...state, own: action.own} : {...state, own: null, mode: 'widget', recording: INITIAL.recording};
        case 'parley/elsewhere':
            return {...state, elsewhere: action.elsewhere};
        case 'parley/popout':
            return {...state, popout: action.open, mode: 'widget'};
        case 'parley/mode':
            return {...state, mode: action.mode};
        case 'parley/prompt':
            return {...state, prompt: action.prompt};
        case 'parley/notice':
            return {...state, notice: action.notice};
        case 'parley/said':
            return {...state, said: action.said};
        case 'parley/users':
            return {...state, users: {...state.users, ...Object.fromEntries(action.users.map((user) => [user.id, user]))}};
        case 'parley/recording':
            return {...state, recording: {...state.recording, ...action.change}};
        case 'parley/config':
            return {...state, features: action.features, callsConfig: action.callsConfig};
        default:
            return state;
    }
};
