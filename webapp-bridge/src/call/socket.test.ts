import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {FakeSocket} from '../testing/fake_socket';
import {CallSocket, HELLO_TIMEOUT_MS, PING_PERIOD_MS, QUEUED_MS_MAX, RETRY_SOON_MS} from './socket';
import type {SocketEvent} from './socket';

let opened: FakeSocket[];
let socket: CallSocket;
let events: SocketEvent[];

const last = (): FakeSocket => opened.at(-1)!;

const up = (id: string): void => {
    socket.connect();
    last().hello(id);
};

beforeEach(() => {
    vi.useFakeTimers();
    opened = [];
    events = [];
    socket = new CallSocket('wss://here/api/v4/websocket', () => {
        const fake = new FakeSocket();
        opened.push(fake);
        return fake;
    });
    socket.events.on((event) => events.push(event));
});

afterEach(() => {
    socket.close();
    vi.useRealTimers();
});

describe('the call socket', () => {
    it('is up at hello, not before', () => {
        socket.connect();
        expect(socket.sendNow('leave')).toBe(false);
        last().hello('one');
        expect(events).toEqual([{type: 'up', connectionId: 'one', previous: ''}]);
        expect(socket.connection).toBe('one');
    });

    it('gives up waiting for hello and tries again', () => {
        socket.connect();
        vi.advanceTimersByTime(HELLO_TIMEOUT_MS + 400);
        expect(opened.length).toBe(2);
        expect(opened[0]!.closed).toBe(true);
    });

    it('passes on events of the plugin only, without prefix', () => {
        up('one');
        last().event('posted', {});
        last().event('custom_app.parley.calls_join', {connID: 'one'}, 'chan');
        expect(events.slice(1)).toEqual([{
            type: 'event', name: 'join', data: {connID: 'one'}, broadcast: {channelId: 'chan', userId: '', connectionId: ''},
        }]);
    });

    it('reconnects when an event is missing', () => {
        up('one');
        last().skip();
        last().event('custom_app.parley.calls_join', {});
        expect(events.at(-1)).toEqual({type: 'down'});
        vi.advanceTimersByTime(400);
        expect(opened.length).toBe(2);
    });

    it('names the connection before after a reconnect', () => {
        up('one');
        last().lose();
        vi.advanceTimersByTime(400);
        last().hello('two');
        expect(events.at(-1)).toEqual({type: 'up', connectionId: 'two', previous: 'one'});
    });

    it('takes an unanswered ping for a loss', () => {
        up('one');
        vi.advanceTimersByTime(PING_PERIOD_MS);
        expect(last().sent).toMatchObject([{action: 'ping', seq: 1}]);
        last().text({status: 'OK', seq_reply: 1, data: {text: 'pong'}});
        vi.advanceTimersByTime(PING_PERIOD_MS);
        expect(events.length).toBe(1);
        vi.advanceTimersByTime(PING_PERIOD_MS);
        expect(events.at(-1)).toEqual({type: 'down'});
    });

    it('keeps actions while it is down, and forgets them after half a minute', () => {
        up('one');
        last().lose();
        socket.send('mute');
        vi.advanceTimersByTime(400);
        last().hello('two');
        expect(last().actions()).toEqual(['mute']);

        last().lose();
        socket.send('unmute');
        vi.setSystemTime(Date.now() + QUEUED_MS_MAX + 1);
        vi.advanceTimersByTime(1_000);
        last().hello('three');
        expect(socket.connection).toBe('three');
        expect(last().actions()).toEqual([]);
    });

    it('sends what its owner sends at `up` before what was queued', () => {
        socket.events.on((event) => {
            if (event.type === 'up') {
                socket.sendNow('reconnect');
            }
        });
        socket.send('mute');
        up('one');
        expect(last().actions()).toEqual(['reconnect', 'mute']);
    });

    it('waits longer and longer, but not long while the session can be taken back', () => {
        up('one');
        last().lose();
        const gaps: number[] = [];
        let before = Date.now();
        while (gaps.length < 8) {
            const count = opened.length;
            while (opened.length === count) {
                vi.advanceTimersByTime(10);
            }
            gaps.push(Date.now() - before);
            before = Date.now();
            last().lose();
        }
        expect(gaps[0]).toBeLessThan(400);
        expect(gaps[3]).toBeGreaterThan(gaps[0]!);
        expect(Math.max(...gaps)).toBeLessThanOrEqual(RETRY_SOON_MS * 1.5 + 10);
    });

    it('sends binary data as msgpack', () => {
        up('one');
        expect(socket.sendBytes('sdp', new Uint8Array([1, 2]))).toBe(true);
        expect(last().sent[0]).toMatchObject({action: 'custom_app.parley.calls_sdp', seq: 1, binary: true, data: {data: new Uint8Array([1, 2])}});
    });

    it('is silent after close', () => {
        up('one');
        socket.close();
        vi.advanceTimersByTime(60_000);
        expect(opened.length).toBe(1);
        expect(last().closed).toBe(true);
    });

    it.each(['', 'nonsense', '[]', '{"event": 5}', '{"seq_reply": "x"}'])('ignores the frame %j', (text) => {
        up('one');
        last().text(text);
        expect(events.length).toBe(1);
    });
});
