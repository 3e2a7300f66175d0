// @vitest-environment happy-dom
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {inflate} from '../protocol/deflate';
import {FakeConnection, asConnection, settle, until} from '../testing/fake_connection';
import {FakeSocket} from '../testing/fake_socket';
import {CallClient} from './client';
import {CONNECT_PATIENCE_MS, DROPPED_RETRY_MS, JOIN_RETRY_MS, REASON_GRACE_MS, RECONNECT_PATIENCE_MS, UNAVAILABLE_RETRY_MS} from './client_timing';
import type {ClientEvent, ClientOptions} from './client_types';
import {MediaError} from './media';
import type {Devices, ListedDevice} from './media';
import {CallSocket, QUEUED_MS_MAX} from './socket';

const CHANNEL = 'c'.repeat(26);

const track = (kind: string, id = kind) => {
    const made = {
        kind,
        id,
        enabled: true,
        readyState: 'live',
        onended: null as (() => void) | null,
        stop: vi.fn(() => {
            made.readyState = 'ended';
        }),
        unplug: () => {
            made.readyState = 'ended';
            made.onended?.();
        },
    };
    return made;
};

let sockets: FakeSocket[];
let connections: FakeConnection[];
let events: ClientEvent[];
let opened: string[];
let granted: boolean;
let tracks: ReturnType<typeof track>[];
let listed: ListedDevice[];
let plug: () => void;
let reports: unknown[];
let client: CallClient;

const open = (device: string, kind: string, id: string): Promise<never> => {
    opened.push(id === '' ? device : `${device} ${id}`);
    const made = track(kind, id || kind);
    tracks.push(made);
    return Promise.resolve(made as never);
};

const devices: Devices = {
    available: true,
    microphone: (id) => open('microphone', 'audio', id),
    camera: (id) => open('camera', 'video', id),
    screen: () => Promise.resolve({video: track('video') as never, audio: undefined}),
    granted: () => Promise.resolve(granted),
    speakersSelectable: true,
    list: () => Promise.resolve(listed),
    onChange: (listener) => {
        plug = listener;
        return () => undefined;
    },
};

const make = (options: Partial<ClientOptions> = {}): void => {
    client = new CallClient({
        socket: new CallSocket('wss://here', () => {
            const socket = new FakeSocket();
            sockets.push(socket);
            return socket;
        }),
        devices,
        connect: () => {
            const connection = new FakeConnection();
            connections.push(connection);
            return asConnection(connection);
        },
        report: (_channel, _session, report) => {
            reports.push(report);
            return Promise.resolve();
        },
    }, {channelId: CHANNEL, unmute: false, simulcast: false, av1: false, ...options});
    client.events.on((event) => events.push(event));
    client.start();
};

const socket = (): FakeSocket => sockets.at(-1)!;
const pc = (): FakeConnection => connections.at(-1)!;
const event = (name: string, data: Record<string, unknown>) => socket().event(`custom_app.parley.calls_${name}`, data, CHANNEL);
const ended = () => events.filter((item) => item.type === 'ended');
const sent = (action: string) => socket().sent.filter((item) => item.action.endsWith(`_${action}`));

const joined = (token = 'token 1'): void =>
    event('join', {connID: client.snapshot.session || 'conn1', parley: {v: 1, session: 'sess1', resume: token, call_id: 'call1'}});

const connectMedia = async (): Promise<void> => {
    // The offer has gone out by the socket.
    await until(() => sockets.flatMap((item) => item.actions()).filter((action) => action === 'sdp').length === connections.length);
    event('signal', {connID: 'sess1', data: '{"type":"answer","sdp":"a1"}'});
    await until(() => pc().signalingState === 'stable');
    pc().connect();
    pc().channel.open();
    await settle(2);
};

beforeEach(() => {
    vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date']});
    vi.spyOn(console, 'info').mockImplementation(() => undefined);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubGlobal('MediaStream', class {
        id = 'stream';
    });
    sockets = [];
    connections = [];
    events = [];
    opened = [];
    tracks = [];
    listed = [];
    reports = [];
    granted = true;
});

afterEach(() => {
    client.leave();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
});

describe('joining', () => {
    it('asks for slots, offers by the socket, and is connected', async () => {
        make({title: 'Weekly', av1: true});
        socket().hello('conn1');
        expect(sent('join')[0]?.data).toEqual({
            channelID: CHANNEL, title: 'Weekly', dcSignaling: true, av1Support: true, parley: {v: 1, unmuted: false},
        });
        joined();
        await connectMedia();
        const sdp = sent('sdp')[0]!;
        expect(sdp.binary).toBe(true);
        expect(JSON.parse(await inflate(sdp.data.data as Uint8Array))).toMatchObject({type: 'offer'});
        expect(client.snapshot).toMatchObject({phase: 'connected', session: 'sess1'});
        expect(console.info).toHaveBeenCalledWith(expect.stringMatching(/rtc connected.*sess1/));
    });

    it('opens no microphone by itself', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        expect(opened).toEqual([]);
        expect(client.snapshot.sending.microphone).toBe('off');
    });

    it('opens the microphone at once in a direct channel', async () => {
        make({unmute: true});
        socket().hello('conn1');
        joined();
        await connectMedia();
        expect(opened).toEqual(['microphone']);
        expect(sent('unmute').length).toBeGreaterThan(0);
    });

    it('says why it was refused', () => {
        make();
        socket().hello('conn1');
        event('error', {connID: 'conn1', code: 'full', data: 'The call is full.'});
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'refused', code: 'full', text: 'The call is full.'}}]);
    });

    it('ignores answers for another connection', () => {
        make();
        socket().hello('conn1');
        event('error', {connID: 'another', code: 'full', data: ''});
        event('join', {connID: 'another', parley: {session: 'x'}});
        expect(ended()).toEqual([]);
        expect(connections.length).toBe(0);
    });

    it('loses patience', () => {
        make();
        vi.advanceTimersByTime(CONNECT_PATIENCE_MS);
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'connection'}}]);
    });

    it('asks again when nothing is answered', () => {
        make();
        socket().hello('conn1');
        vi.advanceTimersByTime(JOIN_RETRY_MS);
        expect(sent('join').length).toBe(2);
    });
});

describe('muting', () => {
    it('is told when there were too many messages, and says again what the others should know', () => {
        make();
        socket().hello('conn1');
        joined();
        const before = sent('mute').length;
        event('parley_dropped', {connID: 'another', action: 'mute'});
        vi.advanceTimersByTime(DROPPED_RETRY_MS);
        expect(sent('mute')).toHaveLength(before);
        event('parley_dropped', {connID: 'conn1', action: 'mute'});
        expect(events).toContainEqual({type: 'problem', problem: 'rate_limited'});
        vi.advanceTimersByTime(DROPPED_RETRY_MS);
        expect(sent('mute')).toHaveLength(before + 1);
    });

    it('sends the microphone on the first unmute, then only switches it', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.toggleMicrophone();
        await settle(2);
        expect(sent('unmute').length).toBe(1);
        expect(client.snapshot.sending.microphone).toBe('on');
        client.toggleMicrophone();
        expect(socket().actions().at(-1)).toBe('mute');
        expect(client.snapshot.sending.microphone).toBe('off');
    });

    it('tells when the microphone cannot be had', async () => {
        vi.spyOn(devices, 'microphone').mockRejectedValue(new Error('no device'));
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.toggleMicrophone();
        await settle(2);
        expect(events).toContainEqual({type: 'problem', problem: 'microphone'});
        expect(client.snapshot.sending.microphone).toBe('off');
    });
});

describe('devices', () => {
    beforeEach(() => {
        listed = [{kind: 'microphone', id: 'usb', label: 'USB'}];
    });

    const talk = async (): Promise<void> => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.toggleMicrophone();
        await publish();
    };
    /** Lets what was switched on get its m-line. */
    const publish = async (): Promise<void> => {
        await settle();
        const before = pc().transceivers.length;
        pc().channel.receive(7, true);
        await until(() => pc().transceivers.length > before);
        await until(() => pc().signalingState === 'have-local-offer');
        await settle();
        event('signal', {connID: 'sess1', data: '{"type":"answer","sdp":"a2"}'});
        await until(() => pc().signalingState === 'stable');
        await settle();
    };
    const problems = () => events.flatMap((item) => (item.type === 'problem' ? [item.problem] : []));
    const offers = () => sent('sdp').length + pc().channel.types().filter((type) => type === 3).length;
    const ids = (list: readonly unknown[] | undefined) => list?.map((item) => (item as {id: string} | null)?.id);
    const choose = async (kind: 'microphone' | 'camera' | 'speaker', id: string): Promise<void> => {
        await client.picker.choose(kind, id);
        await settle(2);
    };
    const chosen = (kind: string) => client.picker.groups.find((group) => group.kind === kind)?.chosen;

    it('replace the track of a running voice without an offer', async () => {
        await talk();
        const before = offers();
        await choose('microphone', 'usb');
        expect(ids(pc().transceivers[0]?.replaced)).toEqual(['usb']);
        expect(opened).toEqual(['microphone', 'microphone usb']);
        expect(tracks.map((item) => item.readyState)).toEqual(['ended', 'live']);
        expect(offers()).toBe(before);
        expect(client.snapshot.sending.microphone).toBe('on');
        expect(chosen('microphone')).toBe('usb');
    });

    it('leave somebody muted muted, and open at the next unmute', async () => {
        await talk();
        client.toggleMicrophone();
        await choose('microphone', 'usb');
        expect(client.snapshot.sending.microphone).toBe('off');
        expect(opened).toEqual(['microphone']);
        expect(tracks[0]?.readyState).toBe('ended');
        client.toggleMicrophone();
        await settle(2);
        expect(opened).toEqual(['microphone', 'microphone usb']);
        expect(ids(pc().transceivers[0]?.replaced)).toEqual([undefined, 'usb']);
    });

    it('are silent when muted while the new one was being opened', async () => {
        await talk();
        const done = client.picker.choose('microphone', 'usb');
        client.toggleMicrophone();
        await done;
        expect(tracks[1]).toMatchObject({readyState: 'live', enabled: false});
        expect(ids(pc().transceivers[0]?.replaced)).toEqual([undefined]);
    });

    it('stay as they are when the new one is refused, with the text for that', async () => {
        await talk();
        vi.spyOn(devices, 'microphone').mockRejectedValueOnce(new MediaError('unavailable'));
        await choose('microphone', 'usb');
        expect(problems()).toEqual(['microphone']);
        expect(chosen('microphone')).toBe('');
        expect(tracks[0]?.readyState).toBe('live');
        expect(client.snapshot.sending.microphone).toBe('on');
    });

    it('change a running camera, and our own picture with it', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.toggleCamera();
        await publish();
        await choose('camera', 'front');
        expect(ids(pc().transceivers[0]?.replaced)).toEqual(['front']);
        expect(client.board.pictures.map((picture) => picture.track.id)).toEqual(['front']);
        expect(sent('video_on').length).toBe(1);
    });

    it('hold over a new connection', async () => {
        await talk();
        await choose('microphone', 'usb');
        client.handleMediaMoved();
        joined();
        await connectMedia();
        await settle();
        pc().channel.receive(7, true);
        await until(() => pc().transceivers.length > 0);
        expect(pc().transceivers[0]?.track).toMatchObject({id: 'usb', readyState: 'live'});
        expect(opened).toEqual(['microphone', 'microphone usb']);
        expect(chosen('microphone')).toBe('usb');
    });

    it('fall back to the default when the one in use is unplugged', async () => {
        await talk();
        await choose('microphone', 'usb');
        tracks[1]?.unplug();
        await settle(2);
        expect(problems()).toEqual(['microphone_default']);
        expect(opened.at(-1)).toBe('microphone');
        expect(client.snapshot.sending.microphone).toBe('on');
        expect(ids(pc().transceivers[0]?.replaced)).toEqual(['usb', undefined, 'audio']);
        expect(chosen('microphone')).toBe('');
    });

    it('are off when the last one is unplugged', async () => {
        await talk();
        vi.spyOn(devices, 'microphone').mockRejectedValueOnce(new MediaError('unavailable'));
        tracks[0]?.unplug();
        await settle(2);
        expect(problems()).toEqual(['microphone_lost']);
        expect(client.snapshot.sending.microphone).toBe('off');
        expect(socket().actions().at(-1)).toBe('mute');
    });

    it('open nothing when one is unplugged that is not in use', async () => {
        make();
        listed = [{kind: 'camera', id: 'front', label: 'Front'}, {kind: 'camera', id: 'back', label: 'Back'}];
        await client.picker.refresh();
        await choose('camera', 'back');
        listed = listed.slice(0, 1);
        plug();
        await settle(2);
        expect(problems()).toEqual(['camera_default']);
        expect(chosen('camera')).toBe('');
        expect(opened).toEqual([]);
    });

    it('are told once when list and track tell of the same unplugging', async () => {
        await talk();
        await choose('microphone', 'usb');
        listed = [];
        plug();
        await settle(2);
        tracks[1]?.unplug();
        await settle(2);
        expect(problems()).toEqual(['microphone_default']);
        expect(tracks[1]?.readyState).toBe('ended');
    });
});

describe('coming back', () => {
    const connect = async (): Promise<void> => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
    };

    it('takes the session to a new socket by `reconnect`, media untouched', async () => {
        await connect();
        socket().lose();
        expect(client.snapshot.phase).toBe('connected');
        vi.advanceTimersByTime(500);
        socket().hello('conn2');
        expect(sent('reconnect')[0]?.data).toEqual({channelID: CHANNEL, originalConnID: 'sess1', prevConnID: 'conn1'});
        expect(connections.length).toBe(1);
    });

    it('tells the new socket what changed while there was none for long', async () => {
        await connect();
        client.toggleScreen();
        await settle();
        socket().lose();
        client.toggleScreen();
        vi.advanceTimersByTime(500);
        vi.setSystemTime(Date.now() + QUEUED_MS_MAX + 1);
        socket().hello('conn2');
        expect(socket().actions().slice(0, 2)).toEqual(['reconnect', 'call_state']);
        expect(socket().actions()).toContain('screen_off');
        expect(socket().actions()).toContain('mute');
    });

    it('joins again when the server has given the session up meanwhile', async () => {
        await connect();
        socket().lose();
        vi.advanceTimersByTime(500);
        socket().hello('conn2');
        event('call_state', {channel_id: CHANNEL, call: JSON.stringify({id: 'call1', sessions: [{session_id: 'other', user_id: 'u'}]})});
        expect(sent('join').at(-1)?.data).toMatchObject({parley: {resume: {session: 'sess1', token: 'token 1'}}});
    });

    it('makes a new connection at once when media moved', async () => {
        await connect();
        client.handleMediaMoved();
        expect(pc().closed).toBe(true);
        expect(client.snapshot.phase).toBe('reconnecting');
        expect(sent('join').at(-1)?.data).toMatchObject({parley: {v: 1, resume: {session: 'sess1', token: 'token 1'}}});
        joined('token 2');
        expect(connections.length).toBe(2);
        await connectMedia();
        expect(client.snapshot.phase).toBe('connected');
        expect(client.resumable?.token).toBe('token 2');
    });

    it('makes a new connection at once when the old one fails', async () => {
        await connect();
        pc().fail();
        expect(sent('join').at(-1)?.data).toMatchObject({parley: {resume: {session: 'sess1'}}});
        expect(console.warn).toHaveBeenCalledWith(expect.stringMatching(/rtc failed: failed.*sess1/));
    });

    it('makes one new connection when both sockets tell of the move', async () => {
        await connect();
        client.handleMediaMoved();
        event('parley_media_moved', {channelID: CHANNEL, call_id: 'call1'});
        expect(sent('join').length).toBe(2);
    });

    it('hears of the end by its own socket', async () => {
        await connect();
        event('parley_removed', {channelID: CHANNEL, session_id: 'another', reason: 'timeout'});
        expect(ended()).toEqual([]);
        event('parley_removed', {channelID: CHANNEL, session_id: 'sess1', reason: 'left_channel'});
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'removed', reason: 'left_channel'}}]);
    });

    it('waits for the reason when the server hangs up', async () => {
        await connect();
        pc().channel.onclose?.();
        expect(sent('join').length).toBe(1);
        client.handleEnded({type: 'call_ended', reason: 'ended'});
        vi.advanceTimersByTime(REASON_GRACE_MS);
        expect(sent('join').length).toBe(1);
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'call_ended', reason: 'ended'}}]);
    });

    it('makes a new connection when the server hung up for no reason', async () => {
        await connect();
        pc().channel.onclose?.();
        vi.advanceTimersByTime(REASON_GRACE_MS);
        expect(sent('join').length).toBe(2);
    });

    it('keeps asking while the media server is not there yet', async () => {
        await connect();
        client.handleMediaMoved();
        const before = sent('join').length;
        event('error', {connID: 'conn1', code: 'unavailable', data: ''});
        vi.advanceTimersByTime(UNAVAILABLE_RETRY_MS);
        expect(sent('join').length).toBe(before + 1);
        expect(ended()).toEqual([]);
    });

    it('sends on the new connection what was on', async () => {
        await connect();
        client.toggleMicrophone();
        await settle(2);
        client.handleMediaMoved();
        expect(sent('join').at(-1)?.data).toMatchObject({parley: {unmuted: true}});
        joined();
        await connectMedia();
        await settle();
        pc().channel.receive(7, true);
        await until(() => pc().transceivers.length > 0);
        expect(pc().transceivers.length).toBe(1);
        expect(opened).toEqual(['microphone']);
    });

    it('ends when the token is not taken any more', async () => {
        await connect();
        client.handleMediaMoved();
        event('error', {connID: 'conn1', code: 'resume_invalid', data: ''});
        vi.advanceTimersByTime(REASON_GRACE_MS);
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'removed', reason: 'timeout'}}]);
    });

    it('gives up after a minute without media', async () => {
        await connect();
        socket().lose();
        pc().fail();
        vi.advanceTimersByTime(RECONNECT_PATIENCE_MS);
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'connection'}}]);
    });

    it('takes the session back after a reload, and the microphone only where it was granted', async () => {
        granted = false;
        const resume = {channelId: CHANNEL, session: 'sess1', token: 'kept', microphone: true, camera: true};
        make({resume});
        socket().hello('conn9');
        expect(sent('join')[0]?.data).toMatchObject({parley: {resume: {session: 'sess1', token: 'kept'}}});
        event('join', {connID: 'conn9', parley: {v: 1, session: 'sess1', resume: 'next', call_id: 'call1'}});
        await connectMedia();
        expect(opened).toEqual([]);
        expect(socket().actions()).toEqual(expect.arrayContaining(['mute', 'video_off', 'screen_off']));
    });
});

describe('leaving', () => {
    it('reports, says leave and closes everything', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.leave();
        expect(ended()).toEqual([{type: 'ended', reason: {type: 'left'}}]);
        await until(() => pc().closed);
        expect(reports.length).toBe(1);
        expect(socket().actions().at(-1)).toBe('leave');
        expect(socket().closed).toBe(true);
        expect(pc().closed).toBe(true);
        expect(client.resumable).toBeUndefined();
    });

    it('closes everything and says nothing when the plugin is replaced', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.toggleMicrophone();
        await until(() => client.resumable?.microphone === true);
        const {resumable} = client;
        client.abandon();
        expect(resumable).toMatchObject({session: 'sess1', microphone: true});
        expect(socket().actions()).not.toContain('leave');
        expect(socket().closed).toBe(true);
        expect(pc().closed).toBe(true);
        expect(tracks[0]?.readyState).toBe('ended');
        expect(client.resumable).toBeUndefined();
    });

    it('says leave at once when the tab closes meanwhile', async () => {
        make();
        socket().hello('conn1');
        joined();
        await connectMedia();
        client.leave();
        window.dispatchEvent(new Event('pagehide'));
        expect(socket().actions().at(-1)).toBe('leave');
        await until(() => pc().closed);
    });
});
