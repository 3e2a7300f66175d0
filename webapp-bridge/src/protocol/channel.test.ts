import {encode} from '@msgpack/msgpack';
import {describe, expect, it} from 'vitest';

import {MESSAGE_BYTES_MAX, decodeMessage, encodeMessage} from './channel';

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

const bytes = (...values: unknown[]): ArrayBuffer => {
    const parts = values.map((value) => encode(value));
    return new Uint8Array(parts.flatMap((part) => [...part])).buffer;
};

describe('what is sent', () => {
    it.each([
        [{type: 'ping'} as const, '01'],
        [{type: 'lock'} as const, '07'],
        [{type: 'unlock'} as const, '08'],
        [{type: 'lossRate', value: 0.25} as const, '04 cb 3f d0 00 00 00 00 00 00'],
        [{type: 'roundTripTime', seconds: 0.042} as const, '05 cb 3f a5 81 06 24 dd 2f 1b'],
        [{type: 'sdp', deflated: new Uint8Array([1, 2])} as const, '03 c4 02 01 02'],
    ])('%o', (message, expected) => {
        expect(hex(encodeMessage(message))).toBe(expected);
    });

    it('names at most nine cameras', () => {
        const cameras = Array.from({length: 12}, (_, index) => ({session: `s${index}`, height: 90.4}));
        const view = encodeMessage({type: 'view', view: {screen: true, cameras}});
        expect(hex(view).startsWith('41 82 a6')).toBe(true);
        expect(new TextDecoder().decode(view)).not.toContain('s9');
    });
});

describe('what is read', () => {
    it('takes one-byte and Go-encoded types', () => {
        expect(decodeMessage(new Uint8Array([2]).buffer)).toEqual({type: 'pong'});
        expect(decodeMessage(new Uint8Array([0xcc, 2]).buffer)).toEqual({type: 'pong'});
    });

    it('reads the lock as granted only for true', () => {
        expect(decodeMessage(bytes(7, true))).toEqual({type: 'lock', granted: true});
        expect(decodeMessage(bytes(7, false))).toEqual({type: 'lock', granted: false});
        expect(decodeMessage(bytes(7))).toEqual({type: 'lock', granted: false});
    });

    it('reads a slot map and leaves broken slots out', () => {
        const good = {mid: '1', kind: 'voice', session: 'a', publication: 'p', csrc: 7};
        const map = {epoch: 3, slots: [good, {mid: 2}, 'x', {...good, kind: 'hologram'}]};
        expect(decodeMessage(bytes(64, map))).toEqual({type: 'slots', epoch: 3, slots: [good]});
    });

    it('reads who speaks', () => {
        expect(decodeMessage(bytes(66, {sessions: ['a', 1, 'b']}))).toEqual({type: 'voice', sessions: ['a', 'b']});
    });

    it.each([
        ['nothing', new ArrayBuffer(0)],
        ['text', 'pong'],
        ['an unknown type', bytes(99, {})],
        ['a torn message', new Uint8Array([3, 0xc4, 9, 1]).buffer],
        ['an sdp that is no bytes', bytes(3, 'x')],
        ['a map without epoch', bytes(64, {slots: []})],
        ['an array longer than its bytes', new Uint8Array([64, 0xdd, 0xff, 0xff, 0xff, 0xff]).buffer],
        ['too many bytes', new ArrayBuffer(MESSAGE_BYTES_MAX + 1)],
    ])('is unknown for %s', (_, data) => {
        expect(decodeMessage(data)).toEqual({type: 'unknown'});
    });
});
