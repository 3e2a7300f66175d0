import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {deflate, inflate} from '../protocol/deflate';
import {FakeConnection, asConnection, settle, until} from '../testing/fake_connection';
import {ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS, PINGS_UNANSWERED_MAX, PING_PERIOD_MS, Peer} from './peer';
import type {PeerEvent} from './peer';

const LOCK = 7;
const UNLOCK = 8;

let pc: FakeConnection;
let peer: Peer;
let events: PeerEvent[];
let socketSdp: string[];

const sentByChannel = (): Promise<string[]> =>
    Promise.all(pc.channel.sent.filter(([type]) => type === 3).map(([, bytes]) => inflate(bytes as Uint8Array)));

const answer = (sdp: string): string => JSON.stringify({type: 'answer', sdp});

beforeEach(async () => {
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance']});
    pc = new FakeConnection();
    events = [];
    socketSdp = [];
    peer = new Peer(asConnection(pc));
    peer.events.on((event) => {
        events.push(event);
        if (event.type === 'sdp') {
            void inflate(event.deflated).then((text) => socketSdp.push(text));
        }
    });
    await until(() => socketSdp.length > 0);
});

afterEach(() => {
    peer.close();
    vi.useRealTimers();
});

/** The first exchange, by the socket; then the channel opens. */
const connect = async (): Promise<void> => {
    peer.handleSignal(answer('a1'));
    await settle();
    pc.connect();
    pc.channel.open();
};

const voice = {kind: 'voice', track: {id: 'mic'}, stream: {id: 'stream'}} as never;

describe('connecting', () => {
    it('offers the data channel alone, through the socket', () => {
        expect(socketSdp).toEqual(['{"type":"offer","sdp":"offer 1"}']);
        expect(pc.transceivers).toEqual([]);
    });

    it('is connected when media and channel both are', async () => {
        peer.handleSignal(answer('a1'));
        await settle();
        pc.connect();
        expect(events.some((event) => event.type === 'connected')).toBe(false);
        pc.channel.open();
        expect(events.at(-1)).toEqual({type: 'connected'});
    });

    it('does not unlock after the first answer', async () => {
        await connect();
        expect(pc.channel.types()).not.toContain(UNLOCK);
    });

    it('fails when it takes too long', () => {
        vi.advanceTimersByTime(CONNECT_TIMEOUT_MS);
        expect(events.at(-1)).toMatchObject({type: 'failed'});
        expect(pc.closed).toBe(true);
    });

    it('offers again when nobody answers', async () => {
        vi.advanceTimersByTime(ANSWER_TIMEOUT_MS);
        await until(() => socketSdp.length > 1);
        expect(socketSdp.length).toBe(2);
    });
});

describe('publishing', () => {
    it('locks, offers by the channel, unlocks after the answer', async () => {
        await connect();
        const done = peer.publish([voice]);
        await settle();
        expect(pc.channel.types()).toContain(LOCK);
        expect(pc.transceivers.length).toBe(0);
        pc.channel.receive(7, true);
        await until(() => pc.channel.types().includes(3));
        expect(pc.transceivers[0]?.init).toMatchObject({direction: 'sendonly'});
        expect(await sentByChannel()).toEqual(['{"type":"offer","sdp":"offer 2"}']);
        pc.channel.receive(3, await deflate(answer('a2')));
        await done;
        await until(() => pc.channel.types().at(-1) === UNLOCK);
        expect(pc.channel.types().at(-1)).toBe(UNLOCK);
    });

    it('does not negotiate for what has an m-line already', async () => {
        await connect();
        const first = peer.publish([voice]);
        await settle();
        pc.channel.receive(7, true);
        await settle();
        pc.channel.receive(3, await deflate(answer('a2')));
        await first;
        await until(() => pc.channel.types().at(-1) === UNLOCK);
        const sent = pc.channel.sent.length;
        await peer.silence('voice');
        await peer.publish([voice]);
        expect(pc.transceivers[0]?.replaced).toEqual([null, {id: 'mic'}]);
        expect(pc.channel.sent.length).toBe(sent);
    });

    it('unlocks and fails when the lock is not granted', async () => {
        await connect();
        const done = peer.publish([voice]).catch((error: unknown) => error);
        await settle();
        for (let at = 0; at < 10; at += 1) {
            vi.advanceTimersByTime(PING_PERIOD_MS / 2);
            pc.channel.receive(2);
        }
        expect(await done).toBeInstanceOf(Error);
        expect(pc.channel.types().at(-1)).toBe(UNLOCK);
    });

    it('ends with the connection', async () => {
        await connect();
        const done = peer.publish([voice]).catch((error: unknown) => error);
        await settle();
        peer.close();
        expect(await done).toBeInstanceOf(Error);
    });
});

describe('perfect negotiation', () => {
    it('answers an offer of the server on the channel', async () => {
        await connect();
        pc.channel.receive(3, await deflate('{"type":"offer","sdp":"slots"}'));
        await until(() => pc.channel.types().includes(3));
        expect(await sentByChannel()).toEqual(['{"type":"answer","sdp":"answer to slots"}']);
    });

    it('gives way in glare and offers again', async () => {
        await connect();
        void peer.publish([voice]).catch(() => undefined);
        await settle();
        pc.channel.receive(7, true);
        await settle();
        expect(pc.signalingState).toBe('have-local-offer');
        pc.channel.receive(3, await deflate('{"type":"offer","sdp":"slots"}'));
        await until(() => pc.channel.types().filter((type) => type === 3).length === 3);
        expect(await sentByChannel()).toEqual([
            '{"type":"offer","sdp":"offer 2"}',
            '{"type":"answer","sdp":"answer to slots"}',
            '{"type":"offer","sdp":"offer 3"}',
        ]);
    });

    it('ignores an answer nobody asked for', async () => {
        await connect();
        pc.channel.receive(3, await deflate(answer('stray')));
        await settle();
        expect(pc.remoteDescription?.sdp).toBe('a1');
    });

    it.each(['', 'x', '{}', '{"type":"rollback","sdp":""}', '{"type":"answer","sdp":5}'])('ignores the signal %j', async (json) => {
        peer.handleSignal(json);
        await settle();
        expect(pc.remoteDescription).toBeNull();
    });
});

describe('while connected', () => {
    it('measures the round trip', async () => {
        await connect();
        vi.advanceTimersByTime(PING_PERIOD_MS);
        vi.advanceTimersByTime(40);
        pc.channel.receive(2);
        expect(peer.rtt).toBeCloseTo(0.04, 3);
    });

    it('fails when pings are not answered', async () => {
        await connect();
        vi.advanceTimersByTime(PING_PERIOD_MS * (PINGS_UNANSWERED_MAX + 1));
        expect(events.at(-1)).toEqual({type: 'failed', state: 'unreachable'});
    });

    it('fails when ICE does', async () => {
        await connect();
        pc.fail();
        expect(events.at(-1)).toEqual({type: 'failed', state: 'failed'});
    });

    it('hears slots in order of their epoch', async () => {
        await connect();
        pc.channel.receive(64, {epoch: 2, slots: [{mid: '1', kind: 'voice', session: 'a', publication: '', csrc: 1}]});
        pc.channel.receive(64, {epoch: 1, slots: []});
        const slots = events.filter((event) => event.type === 'slots');
        expect(slots.length).toBe(1);
    });

    it('tells the view once the channel is open', async () => {
        peer.setView({screen: true, cameras: []});
        expect(pc.channel.sent).toEqual([]);
        await connect();
        expect(pc.channel.sent).toContainEqual([65, {screen: true, cameras: []}]);
    });
});
