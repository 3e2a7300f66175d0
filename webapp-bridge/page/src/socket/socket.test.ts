import {beforeEach, describe, expect, it, vi} from 'vitest';

import type {EventFrame} from './frame';
import {HELLO_WAIT_MAX_MS, PING_INTERVAL_MS, PageSocket, RECONNECT_DELAY_MAX_MS, type SocketListener, type Wire} from './socket';

class FakeWire {
    sent: {action: string; seq: number}[] = [];
    closed = false;
    onmessage: ((event: {data: unknown}) => void) | null = null;
    onclose: (() => void) | null = null;
    send(data: string): void {
        this.sent.push(JSON.parse(data) as {action: string; seq: number});
    }
    close(): void {
        this.closed = true;
    }
    event(event: string, seq: number, data: object = {}): void {
        this.onmessage?.({data: JSON.stringify({event, data, broadcast: {omit_users: null}, seq})});
    }
    hello(id = 'conn'): void {
        this.event('hello', 0, {connection_id: id});
    }
}

let wires: FakeWire[];
let listener: SocketListener & {events: EventFrame[]; connects: [string, boolean][]; losses: number};
let socket: PageSocket;
const last = (): FakeWire => wires[wires.length - 1]!;

beforeEach(() => {
    vi.useFakeTimers();
    wires = [];
    listener = {
        events: [],
        connects: [],
        losses: 0,
        onEvent(frame) {
            this.events.push(frame);
        },
        onConnected(id, again) {
            this.connects.push([id, again]);
        },
        onDisconnected() {
            this.losses++;
        },
    };
    socket = new PageSocket({
        open: () => {
            wires.push(new FakeWire());
            const wire: unknown = last();
            return wire as Wire;
        },
        setTimer: (handler, delay) => setTimeout(handler, delay) as unknown as number,
        clearTimer: (id) => clearTimeout(id),
        random: () => 0.5,
    }, listener);
    socket.connect();
});

describe('the page socket', () => {
    it('is connected by hello, and says on the second time that it was away', () => {
        expect(socket.isConnected).toBe(false);
        last().hello('one');
        expect(listener.connects).toEqual([['one', false]]);
        last().onclose?.();
        expect(listener.losses).toBe(1);
        vi.advanceTimersByTime(RECONNECT_DELAY_MAX_MS);
        last().hello('two');
        expect(listener.connects[1]).toEqual(['two', true]);
        expect(socket.currentConnectionId).toBe('two');
    });

    it('starts over when an event is missing', () => {
        last().hello();
        last().event('posted', 1);
        last().event('posted', 3);
        expect(listener.events.map((frame) => frame.seq)).toEqual([0, 1]);
        expect(last().closed).toBe(true);
        expect(socket.isConnected).toBe(false);
    });

    it('does not count replies as events', () => {
        last().hello();
        last().onmessage?.({data: JSON.stringify({status: 'OK', seq_reply: 1})});
        last().event('posted', 1);
        expect(listener.events).toHaveLength(2);
    });

    it('pings, and reconnects when no answer came by the next ping', () => {
        last().hello();
        const first = last();
        expect(first.sent[0]?.action).toBe('ping');
        first.onmessage?.({data: JSON.stringify({status: 'OK', seq_reply: first.sent[0]?.seq})});
        vi.advanceTimersByTime(PING_INTERVAL_MS);
        expect(first.sent).toHaveLength(2);
        expect(first.closed).toBe(false);
        vi.advanceTimersByTime(PING_INTERVAL_MS);
        expect(first.closed).toBe(true);
    });

    it('gives up an attempt without hello', () => {
        vi.advanceTimersByTime(HELLO_WAIT_MAX_MS);
        expect(wires[0]?.closed).toBe(true);
        vi.advanceTimersByTime(RECONNECT_DELAY_MAX_MS);
        expect(wires).toHaveLength(2);
    });

    it('waits longer after each failure, up to a limit', () => {
        const waits: number[] = [];
        for (let round = 0; round < 6; round++) {
            const count = wires.length;
            last().onclose?.();
            let waited = 0;
            while (wires.length === count) {
                vi.advanceTimersByTime(50);
                waited += 50;
            }
            waits.push(waited);
        }
        expect(waits).toEqual([250, 500, 1000, 2000, 3000, RECONNECT_DELAY_MAX_MS]);
    });

    it('drops messages while not connected', () => {
        socket.sendMessage('custom_x', {});
        expect(last().sent).toHaveLength(0);
    });

    it('survives frames that make no sense', () => {
        const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
        last().hello();
        last().onmessage?.({data: 'not json'});
        last().onmessage?.({data: '[]'});
        last().event('posted', 1);
        expect(listener.events).toHaveLength(2);
        expect(warn).toHaveBeenCalledTimes(2);
        warn.mockRestore();
    });

    it('stays closed when closed on purpose', () => {
        last().hello();
        socket.close();
        vi.advanceTimersByTime(60_000);
        expect(wires).toHaveLength(1);
    });
});
