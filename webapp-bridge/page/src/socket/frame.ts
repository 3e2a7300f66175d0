// What comes over the platform's WebSocket: events, and replies to our own requests.
import {anyMap, asFields, asList, asText, numberOr, text, textOr, type Fields} from '../api/parse';

export interface EventFrame {
    event: string;
    data: Fields;
    broadcast: {
        omit_users: string[];
        user_id: string;
        channel_id: string;
        team_id: string;
        connection_id: string;
    };
    seq: number;
}

export type Frame = {kind: 'event'; frame: EventFrame} | {kind: 'reply'; replyTo: number};

export function parseFrame(raw: unknown): Frame {
    const fields = asFields(JSON.parse(asText(raw, 'frame')) as unknown, 'frame');
    if (typeof fields.seq_reply === 'number') {
        return {kind: 'reply', replyTo: fields.seq_reply};
    }
    const broadcast = anyMap(fields.broadcast);
    return {
        kind: 'event',
        frame: {
            event: text(fields, 'event'),
            data: anyMap(fields.data),
            broadcast: {
                omit_users: omitted(broadcast.omit_users),
                user_id: textOr(broadcast, 'user_id'),
                channel_id: textOr(broadcast, 'channel_id'),
                team_id: textOr(broadcast, 'team_id'),
                connection_id: textOr(broadcast, 'connection_id'),
            },
            seq: numberOr(fields, 'seq'),
        },
    };
}

/** The server sends a map of user ids, or null. */
function omitted(value: unknown): string[] {
    return Array.isArray(value) ? asList(value, 'omit_users', asText) : Object.keys(anyMap(value));
}
