// The data channel's codec: one message = concatenated msgpack values, type then payload (docs/protocol.md).

import {decodeMulti, encode} from '@msgpack/msgpack';

import {asFields, asList, asNonEmpty, asNumber, asText, parseEach} from '../base/parse';

export const CHANNEL_LABEL = 'calls-dc';

/** Longest message read, bytes: as the server's limit. */
export const MESSAGE_BYTES_MAX = 64 * 1024;

const TYPE = {
    ping: 1,
    pong: 2,
    sdp: 3,
    lossRate: 4,
    roundTripTime: 5,
    jitter: 6,
    lock: 7,
    unlock: 8,
    slotMap: 64,
    view: 65,
    voice: 66,
} as const;

export type SlotKind = 'voice' | 'screen' | 'screen-audio' | 'video';

const SLOT_KINDS: ReadonlySet<string> = new Set<SlotKind>(['voice', 'screen', 'screen-audio', 'video']);

/** Who is in a slot at present. */
export interface Slot {
    mid: string;
    kind: SlotKind;
    session: string;
    publication: string;
    csrc: number;
}

export interface View {
    screen: boolean;
    cameras: {session: string; height: number}[];
}

/** Cameras a view may name. */
export const VIEW_CAMERAS_MAX = 9;

export type FromServer =
    | {type: 'pong'}
    | {type: 'sdp'; deflated: Uint8Array}
    | {type: 'lock'; granted: boolean}
    | {type: 'slots'; epoch: number; slots: Slot[]}
    | {type: 'voice'; sessions: string[]}
    | {type: 'unknown'};

export type ToServer =
    | {type: 'ping'}
    | {type: 'sdp'; deflated: Uint8Array}
    | {type: 'lossRate'; value: number}
    | {type: 'roundTripTime'; seconds: number}
    | {type: 'jitter'; seconds: number}
    | {type: 'lock'}
    | {type: 'unlock'}
    | {type: 'view'; view: View};

const join = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of parts) {
        out.set(part, at);
        at += part.byteLength;
    }
    return out;
};

export const encodeMessage = (message: ToServer): Uint8Array<ArrayBuffer> => {
    switch (message.type) {
        case 'ping':
            return join(encode(TYPE.ping));
        case 'lock':
            return join(encode(TYPE.lock));
        case 'unlock':
            return join(encode(TYPE.unlock));
        case 'sdp':
            return join(encode(TYPE.sdp), encode(message.deflated));
        case 'lossRate':
            return join(encode(TYPE.lossRate), encode(message.value));
        case 'roundTripTime':
            return join(encode(TYPE.roundTripTime), encode(message.seconds));
        case 'jitter':
            return join(encode(TYPE.jitter), encode(message.seconds));
        case 'view':
            return join(
                encode(TYPE.view),
                encode({
                    screen: message.view.screen,
                    cameras: message.view.cameras
                        .slice(0, VIEW_CAMERAS_MAX)
                        .map(({session, height}) => ({session, height: Math.round(height)})),
                }),
            );
    }
};

const parseSlot = (value: unknown): Slot | undefined => {
    const fields = asFields(value);
    const mid = asText(fields?.mid);
    const kind = asText(fields?.kind);
    const session = asNonEmpty(fields?.session);
    if (mid === undefined || kind === undefined || !SLOT_KINDS.has(kind) || session === undefined) {
        return undefined;
    }
    return {
        mid,
        kind: kind as SlotKind,
        session,
        publication: asText(fields?.publication) ?? '',
        csrc: asNumber(fields?.csrc) ?? 0,
    };
};

const parse = (type: unknown, payload: unknown): FromServer => {
    switch (type) {
        case TYPE.pong:
            return {type: 'pong'};
        case TYPE.sdp:
            return payload instanceof Uint8Array ? {type: 'sdp', deflated: payload} : {type: 'unknown'};
        case TYPE.lock:
            return {type: 'lock', granted: payload === true};
        case TYPE.slotMap: {
            const fields = asFields(payload);
            const epoch = asNumber(fields?.epoch);
            if (epoch === undefined || asList(fields?.slots) === undefined) {
                return {type: 'unknown'};
            }
            return {type: 'slots', epoch, slots: parseEach(fields?.slots, parseSlot)};
        }
        case TYPE.voice: {
            const fields = asFields(payload);
            return {type: 'voice', sessions: parseEach(fields?.sessions, asNonEmpty)};
        }
        default:
            return {type: 'unknown'};
    }
};

/** Reads one message; anything that is not ours is `unknown`, never an exception. */
export const decodeMessage = (data: unknown): FromServer => {
    if (!(data instanceof ArrayBuffer) || data.byteLength > MESSAGE_BYTES_MAX) {
        return {type: 'unknown'};
    }
    try {
        const values = [...decodeMulti(new Uint8Array(data))];
        return parse(values[0], values[1]);
    } catch {
        return {type: 'unknown'};
    }
};
