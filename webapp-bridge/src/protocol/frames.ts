// Frames of the platform's WebSocket: reading `unknown`, writing text and binary (msgpack) actions.

import {encode} from '@msgpack/msgpack';

import {asFields, asNumber, asText, fromJson} from '../base/parse';
import type {Fields} from '../base/parse';

export interface Broadcast {
    channelId: string;
    userId: string;
    connectionId: string;
}

/** An event or a reply, as far as it concerns us. */
export type Frame =
    | {type: 'event'; event: string; data: Fields; broadcast: Broadcast; seq: number}
    | {type: 'reply'; seqReply: number; ok: boolean}
    | {type: 'unknown'};

/** Reads a frame that is already JSON: as the web app hands it to event handlers. */
export const readFrame = (value: unknown): Frame => {
    const fields = asFields(value);
    if (!fields) {
        return {type: 'unknown'};
    }
    const event = asText(fields.event);
    if (event !== undefined && event !== '') {
        const broadcast = asFields(fields.broadcast);
        return {
            type: 'event',
            event,
            data: asFields(fields.data) ?? {},
            broadcast: {
                channelId: asText(broadcast?.channel_id) ?? '',
                userId: asText(broadcast?.user_id) ?? '',
                connectionId: asText(broadcast?.connection_id) ?? '',
            },
            seq: asNumber(fields.seq) ?? 0,
        };
    }
    const seqReply = asNumber(fields.seq_reply);
    return seqReply === undefined ? {type: 'unknown'} : {type: 'reply', seqReply, ok: fields.status === 'OK'};
};

export const readTextFrame = (data: unknown): Frame => readFrame(fromJson(data));

export const textFrame = (action: string, seq: number, data: Fields): string => JSON.stringify({action, seq, data});

export const binaryFrame = (action: string, seq: number, data: Fields): Uint8Array<ArrayBuffer> => {
    const bytes = encode({action, seq, data});
    return new Uint8Array(bytes);
};
