// Runs inside a page of the platform's origin: a Calls client as the published protocol describes it, for
// web, desktop and mobile (calls-common's peer, the web client's and the mobile client's ways around it).
// It knows nothing of `slots_v1`. Self-contained: it is sent to the browser as text.

export interface Settings {
    plugin: string;
    /** As a phone: five seconds of patience, no camera, all events but its own signals on the main socket. */
    mobile: boolean;
}

export interface JoinOptions {
    channel: string;
    dcSignaling: boolean;
    av1?: boolean;
}

export interface SeenEvent {
    socket: 'main' | 'call';
    name: string;
    data: Record<string, unknown>;
    channel: string;
    at: number;
}

export interface SeenTrack {
    mid: string;
    kind: string;
    id: string;
    stream: string;
    /** From the media map as it was when the track fired; empty = not in it. */
    type: string;
    sender: string;
}

export interface OfficialClient {
    join: (options: JoinOptions) => Promise<number>;
    session: string;
    events: SeenEvent[];
    tracks: SeenTrack[];
    /** Descriptions as they came and went, by their path. */
    descriptions: {way: 'up' | 'down'; type: string; path: 'socket' | 'channel'; sdp: string}[];
    /** Replies to Lock, in order. */
    locks: boolean[];
    pongs: number[];
    failures: string[];
    unmute: () => Promise<void>;
    mute: () => void;
    /** Without the lock, its offer crossing the server's next one. */
    unmuteInGlare: () => Promise<void>;
    shareScreen: (how: {sound?: boolean; av1?: boolean; late?: boolean; simulcast?: boolean}) => Promise<void>;
    stopScreen: () => Promise<void>;
    startVideo: () => Promise<void>;
    askLock: () => Promise<boolean>;
    unlock: () => void;
    send: (action: string, data?: Record<string, unknown>) => void;
    cut: () => void;
    reconnect: () => Promise<void>;
    leave: () => void;
    rest: (method: string, path: string, body?: unknown) => Promise<{status: number; body: unknown}>;
    /** Counters of pictures on their way out and in, by layer. */
    videoStats: () => Promise<Record<string, unknown>[]>;
    pc: RTCPeerConnection | undefined;
}

declare global {
    interface Window {
        official: OfficialClient;
    }
}

export function installOfficial(settings: Settings): void {
    const PREFIX = `custom_${settings.plugin}_`;
    const BASE = `/plugins/${settings.plugin}`;
    const CONNECT_MS = settings.mobile ? 5_000 : 15_000;
    const LOCK_PATIENCE_MS = 5_000;
    const LOCK_RETRY_MS = 50;
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

    // The part of msgpack that these clients use.
    const pack = (value: unknown): number[] => {
        if (value === null || value === undefined) {
            return [0xc0];
        }
        if (typeof value === 'boolean') {
            return [value ? 0xc3 : 0xc2];
        }
        if (typeof value === 'number') {
            if (Number.isInteger(value) && value >= 0 && value < 128) {
                return [value];
            }
            const bytes = new Uint8Array(8);
            new DataView(bytes.buffer).setFloat64(0, value);
            return [0xcb, ...bytes];
        }
        if (value instanceof Uint8Array) {
            const {length} = value;
            return [...length < 256 ? [0xc4, length] : [0xc5, length >> 8, length & 255], ...value];
        }
        if (typeof value === 'string') {
            const bytes = new TextEncoder().encode(value);
            return [...bytes.length < 32 ? [0xa0 | bytes.length] : [0xd9, bytes.length], ...bytes];
        }
        const entries = Object.entries(value as Record<string, unknown>);
        return [0x80 | entries.length, ...entries.flatMap(([key, one]) => [...pack(key), ...pack(one)])];
    };
    const unpack = (bytes: Uint8Array): unknown[] => {
        let at = 0;
        const number = (size: number): number => {
            let read = 0;
            for (let n = 0; n < size; n++) {
                read = read * 256 + bytes[at++]!;
            }
            return read;
        };
        const taken = (length: number): Uint8Array => bytes.slice(at, at += length);
        const text = (length: number): string => new TextDecoder().decode(taken(length));
        const map = (length: number): Record<string, unknown> => {
            const read: Record<string, unknown> = {};
            for (let n = 0; n < length; n++) {
                const key = String(one());
                read[key] = one();
            }
            return read;
        };
        const one = (): unknown => {
            const first = bytes[at++]!;
            if (first < 0x80) {
                return first;
            }
            if (first < 0x90) {
                return map(first & 15);
            }
            if (first >= 0xa0 && first < 0xc0) {
                return text(first & 31);
            }
            switch (first) {
                case 0xc2: return false;
                case 0xc3: return true;
                case 0xc4: return taken(number(1));
                case 0xc5: return taken(number(2));
                case 0xc6: return taken(number(4));
                case 0xcc: return number(1);
                case 0xd9: return text(number(1));
                case 0xde: return map(number(2));
                default: throw new Error(`msgpack ${first.toString(16)}`);
            }
        };
        const values: unknown[] = [];
        while (at < bytes.length) {
            values.push(one());
        }
        return values;
    };
    const through = async (data: Uint8Array, stream: GenericTransformStream): Promise<Uint8Array> =>
        new Uint8Array(await new Response(new Blob([data as BlobPart]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array>)).arrayBuffer());
    const deflate = (text: string): Promise<Uint8Array> => through(new TextEncoder().encode(text), new CompressionStream('deflate'));
    const inflate = async (data: Uint8Array): Promise<string> => new TextDecoder().decode(await through(data, new DecompressionStream('deflate')));

    // Sockets of the platform.
    class Socket {
        seq = 1;
        connection = '';
        readonly ws: WebSocket;
        onSignal: (data: string) => void = () => undefined;
        private opened: (() => void) | undefined;

        constructor(readonly role: 'main' | 'call', query: string, onOpen?: (socket: Socket) => void) {
            this.ws = new WebSocket(`${location.origin.replace('http', 'ws')}/api/v4/websocket${query}`);
            this.ws.onopen = () => onOpen?.(this);
            this.ws.onmessage = (message) => this.take(String(message.data));
        }

        hello(): Promise<void> {
            return new Promise((resolve) => {
                if (this.connection) {
                    resolve();
                } else {
                    this.opened = resolve;
                }
            });
        }

        private take(text: string): void {
            const frame = JSON.parse(text) as {event?: string; data: Record<string, unknown>; broadcast: {channel_id: string}};
            if (frame.event === 'hello') {
                this.connection = String(frame.data.connection_id);
                this.opened?.();
                return;
            }
            if (!frame.event?.startsWith(PREFIX)) {
                return;
            }
            const name = frame.event.slice(PREFIX.length);
            if (name === 'signal') {
                if (frame.data.connID === client.session) {
                    this.onSignal(String(frame.data.data));
                }
                return;
            }
            client.events.push({socket: this.role, name, data: frame.data, channel: frame.broadcast.channel_id, at: performance.now()});
            hear(this.role, name, frame.data);
        }

        send(action: string, data: Record<string, unknown> | null | undefined, binary = false): void {
            const frame = {action: PREFIX + action, seq: this.seq++, data: data ?? null};
            if (!binary) {
                this.ws.send(JSON.stringify(frame));
                return;
            }
            const bytes = new Uint8Array(pack(frame));
            if (bytes.length > 8_192) {
                failures.push(`a frame of ${bytes.length} bytes`);
            }
            this.ws.send(bytes);
        }
    }

    const failures: string[] = [];
    let main: Socket | undefined;
    let call: Socket | undefined;
    let previous = '';
    let joined: JoinOptions;
    let pc: RTCPeerConnection;
    let dc: RTCDataChannel;
    let answered = false;
    let waiting: RTCIceCandidateInit[] = [];
    let lockReply: ((held: boolean) => void) | undefined;
    let map: Record<string, {type: string; sender_id: string}> = {};
    let pinged = 0;
    let voice: RTCRtpSender | undefined;
    let microphone: MediaStreamTrack | undefined;
    let screens: RTCRtpSender[] = [];
    /** Done once, when the server's next offer is here and not taken yet. */
    let beforeOffer: (() => Promise<void>) | undefined;
    let screenTracks: MediaStreamTrack[] = [];

    const failed = (where: string) => (error: unknown): void => {
        failures.push(`${where}: ${String(error)}`);
    };

    // What the client obeys by itself.
    const hear = (role: 'main' | 'call', name: string, data: Record<string, unknown>): void => {
        // A page without a main socket is the desktop's: the call's socket tells everything.
        const concerns = data.session_id === client.session && role === (main ? 'main' : 'call');
        if (!concerns) {
            return;
        }
        if (name === 'host_mute') {
            client.mute();
        } else if (name === 'host_screen_off' && !settings.mobile) {
            void client.stopScreen().catch(failed('host_screen_off'));
        } else if (name === 'host_removed') {
            client.leave();
        }
    };

    const sendDescription = async (description: RTCSessionDescription): Promise<void> => {
        const data = await deflate(JSON.stringify(description));
        const channel = joined.dcSignaling && dc.readyState === 'open';
        client.descriptions.push({way: 'up', type: description.type, path: channel ? 'channel' : 'socket', sdp: description.sdp});
        if (channel) {
            dc.send(new Uint8Array([...pack(3), ...pack(data)]));
        } else {
            call?.send('sdp', {data}, true);
        }
    };

    const negotiate = async (): Promise<void> => {
        await pc.setLocalDescription();
        await sendDescription(pc.localDescription!);
    };

    // Descriptions are taken one after the other.
    let order = Promise.resolve();
    const signal = (text: string, path: 'socket' | 'channel'): void => {
        order = order.then(() => take(text, path)).catch(failed('signal'));
    };
    const take = async (text: string, path: 'socket' | 'channel'): Promise<void> => {
        const message = JSON.parse(text) as {type: string; sdp?: string; candidate?: RTCIceCandidateInit};
        if (message.type === 'candidate') {
            if (pc.remoteDescription) {
                await pc.addIceCandidate(message.candidate);
            } else {
                waiting.push(message.candidate!);
            }
            return;
        }
        if (message.type === 'offer' && beforeOffer) {
            const cross = beforeOffer;
            beforeOffer = undefined;
            await cross();
        }
        client.descriptions.push({way: 'down', type: message.type, path, sdp: message.sdp!});
        // The polite side: an offer of ours that is out is rolled back by this.
        await pc.setRemoteDescription(message as RTCSessionDescriptionInit);
        for (const candidate of waiting.splice(0)) {
            await pc.addIceCandidate(candidate);
        }
        if (message.type === 'offer') {
            await pc.setLocalDescription();
            await sendDescription(pc.localDescription!);
        } else if (answered) {
            client.unlock();
        } else {
            answered = true;
        }
    };

    const fired = (event: RTCTrackEvent): void => {
        const {track, transceiver} = event;
        const stream = event.streams[0];
        const entry = map[transceiver.mid ?? ''];
        client.tracks.push({
            mid: transceiver.mid ?? '', kind: track.kind, id: track.id, stream: stream?.id ?? '',
            type: entry?.type ?? '', sender: entry?.sender_id ?? '',
        });
        const element = document.createElement(track.kind) as HTMLMediaElement;
        element.autoplay = true;
        element.muted = track.kind === 'video';
        element.dataset.mid = transceiver.mid ?? '';
        element.dataset.type = entry?.type ?? '';
        element.srcObject = new MediaStream([track]);
        document.body.append(element);
        void element.play().catch(() => undefined);
        stream?.addEventListener('removetrack', () => element.remove());
    };

    const said = (message: MessageEvent): void => {
        if (typeof message.data === 'string') {
            return;
        }
        const [kind, payload] = unpack(new Uint8Array(message.data as ArrayBuffer));
        if (kind === 2) {
            client.pongs.push(performance.now() - pinged);
        } else if (kind === 3) {
            void inflate(payload as Uint8Array).then((text) => signal(text, 'channel'));
        } else if (kind === 7) {
            if (typeof payload !== 'boolean') {
                failures.push('Lock without a boolean');
            }
            client.locks.push(payload === true);
            lockReply?.(payload === true);
        } else if (kind === 9) {
            map = payload as typeof map;
        }
    };

    const connect = async (): Promise<void> => {
        pc = new RTCPeerConnection({iceServers: []});
        client.pc = pc;
        pc.onnegotiationneeded = () => void negotiate().catch(failed('offer'));
        pc.onicecandidate = ({candidate}) => {
            if (candidate) {
                call?.send('ice', {data: JSON.stringify(candidate)});
            }
        };
        pc.ontrack = fired;
        dc = pc.createDataChannel('calls-dc');
        dc.binaryType = 'arraybuffer';
        dc.onmessage = said;
        const opened = new Promise<void>((resolve) => {
            dc.onopen = () => resolve();
        });
        setInterval(() => {
            if (dc.readyState === 'open') {
                pinged = performance.now();
                dc.send(new Uint8Array(pack(1)));
            }
        }, 1_000);
        await new Promise<void>((resolve) => {
            pc.onconnectionstatechange = () => pc.connectionState === 'connected' && resolve();
        });
        await opened;
    };

    const withLock = async (work: () => void): Promise<void> => {
        const deadline = performance.now() + LOCK_PATIENCE_MS;
        while (!await client.askLock()) {
            if (performance.now() > deadline) {
                throw new Error('the lock was never free');
            }
            await sleep(LOCK_RETRY_MS);
        }
        work();
    };

    const openMicrophone = async (): Promise<{track: MediaStreamTrack; stream: MediaStream}> => {
        const stream = await navigator.mediaDevices.getUserMedia({audio: true});
        return {track: stream.getAudioTracks()[0]!, stream};
    };

    const client: OfficialClient = {
        session: '',
        events: [],
        tracks: [],
        descriptions: [],
        locks: [],
        pongs: [],
        failures,
        pc: undefined,

        async join(options) {
            const start = performance.now();
            joined = options;
            if (settings.mobile) {
                main = new Socket('main', '?connection_id=&sequence_number=0');
                await main.hello();
            }
            const attempt = (async () => {
                call = new Socket('call', `?connection_id=&sequence_number=0${settings.mobile ? '&calls=true' : ''}`);
                call.onSignal = (text) => signal(text, 'socket');
                await call.hello();
                client.session = call.connection;
                previous = call.connection;
                call.send('join', {
                    channelID: options.channel,
                    // The mobile client leaves these out.
                    ...settings.mobile ? {} : {title: '', threadID: ''},
                    av1Support: options.av1 ?? false,
                    dcSignaling: options.dcSignaling,
                });
                while (!client.events.some((event) => event.name === 'join' && event.data.connID === client.session)) {
                    const refused = client.events.find((event) => event.name === 'error');
                    // The mobile client only logs it, and fails by its timeout.
                    if (refused && !settings.mobile) {
                        throw new Error(String(refused.data.data));
                    }
                    await sleep(5);
                }
                await connect();
            })();
            await Promise.race([attempt, sleep(CONNECT_MS).then(() => {
                throw new Error(`not connected within ${CONNECT_MS} ms`);
            })]);
            return performance.now() - start;
        },

        async unmute() {
            if (voice) {
                await voice.replaceTrack(microphone!);
            } else {
                const {track, stream} = await openMicrophone();
                microphone = track;
                await withLock(() => {
                    voice = pc.addTrack(track, stream);
                });
            }
            client.send('unmute');
        },

        async unmuteInGlare() {
            const {track, stream} = await openMicrophone();
            microphone = track;
            beforeOffer = async () => {
                voice = pc.addTrack(track, stream);
                await negotiate();
                if (pc.signalingState !== 'have-local-offer') {
                    failures.push(`no glare: ${pc.signalingState}`);
                }
            };
            client.send('unmute');
        },

        mute() {
            void voice?.replaceTrack(null);
            client.send('mute');
        },

        async shareScreen({sound, av1, late, simulcast}) {
            const stream = await navigator.mediaDevices.getDisplayMedia({video: true});
            const video = stream.getVideoTracks()[0]!;
            screenTracks = [video];
            const announce = (): void => client.send('screen_on', {data: JSON.stringify({screenStreamID: stream.id})});
            if (!late) {
                announce();
            }
            await withLock(() => {
                const encodings = simulcast ?
                    [{rid: 'l', maxBitrate: 500_000, maxFramerate: 5, scaleResolutionDownBy: 1}, {rid: 'h', maxBitrate: 2_500_000, maxFramerate: 20, scaleResolutionDownBy: 1}] :
                    [{maxBitrate: 1_000_000, maxFramerate: 10}];
                const publish = (codec: string, track: MediaStreamTrack): void => {
                    const transceiver = pc.addTransceiver(track, {direction: 'sendrecv', streams: [stream], sendEncodings: encodings});
                    const codecs = RTCRtpSender.getCapabilities('video')!.codecs;
                    transceiver.setCodecPreferences(codecs.filter((one) => one.mimeType === codec || one.mimeType === 'video/rtx'));
                    screens.push(transceiver.sender);
                };
                publish('video/VP8', video);
                if (av1) {
                    const copy = video.clone();
                    screenTracks.push(copy);
                    publish('video/AV1', copy);
                }
            });
            if (sound) {
                // In another offer: a client may add one track at a time.
                const {track} = await openMicrophone();
                screenTracks.push(track);
                stream.addTrack(track);
                await withLock(() => screens.push(pc.addTrack(track, stream)));
            }
            if (late) {
                while (pc.signalingState !== 'stable' || !pc.getTransceivers().some((one) => one.sender.track === video && one.currentDirection === 'sendonly')) {
                    await sleep(10);
                }
                announce();
            }
        },

        async stopScreen() {
            await withLock(() => screens.forEach((sender) => pc.removeTrack(sender)));
            screens = [];
            screenTracks.forEach((track) => track.stop());
            client.send('screen_off');
        },

        async startVideo() {
            if (settings.mobile) {
                throw new Error('the mobile client has no camera');
            }
            const stream = await navigator.mediaDevices.getUserMedia({video: true});
            const track = stream.getVideoTracks()[0]!;
            client.send('video_on', {data: JSON.stringify({videoStreamID: stream.id})});
            await withLock(() => {
                pc.addTransceiver(track, {direction: 'sendrecv', streams: [stream], sendEncodings: [{maxBitrate: 1_000_000, maxFramerate: 30}]});
            });
        },

        askLock() {
            return new Promise((resolve) => {
                lockReply = resolve;
                dc.send(new Uint8Array(pack(7)));
            });
        },

        unlock() {
            dc.send(new Uint8Array(pack(8)));
        },

        send(action, data) {
            call?.send(action, data);
        },

        cut() {
            call?.ws.close();
            call = undefined;
        },

        async reconnect() {
            // Said on open, before hello.
            call = new Socket('call', `?connection_id=${previous}&sequence_number=0`, (socket) =>
                socket.send('reconnect', {channelID: joined.channel, originalConnID: client.session, prevConnID: previous}));
            call.onSignal = (text) => signal(text, 'socket');
            await call.hello();
            previous = call.connection;
        },

        leave() {
            call?.send('leave', null);
            setTimeout(() => call?.ws.close(), 100);
            pc.close();
        },

        async videoStats() {
            const wanted = ['type', 'rid', 'codecId', 'packetsSent', 'framesEncoded', 'keyFramesEncoded', 'qualityLimitationReason',
                'packetsReceived', 'framesReceived', 'framesDecoded', 'keyFramesDecoded', 'pliCount', 'nackCount', 'framesPerSecond'];
            const reports = [...(await pc.getStats()).values()] as Record<string, unknown>[];
            const codecs = new Map(reports.filter((report) => report.type === 'codec').map((report) => [report.id, report.mimeType]));
            return reports.filter((report) => report.kind === 'video' && /^(out|in)bound-rtp$/.test(String(report.type)))
                .map((report) => ({codec: codecs.get(report.codecId), ...Object.fromEntries(wanted.filter((key) => key in report).map((key) => [key, report[key]]))}));
        },

        async rest(method, path, body) {
            const token = /MMCSRF=([^;]+)/.exec(document.cookie)?.[1] ?? '';
            const answer = await fetch(BASE + path, {
                method,
                headers: {'X-CSRF-Token': token},
                ...body === undefined ? {} : {body: JSON.stringify(body)},
            });
            return {status: answer.status, body: await answer.json().catch(() => null) as unknown};
        },
    };
    window.official = client;
}
