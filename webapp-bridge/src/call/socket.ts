// The call's own connection to the platform: its binary frames and its life are not the page's.
// Knows hello, seq, ping and reconnecting; what the events mean is its owner's business.

import {Emitter} from '../base/emitter';
import {WIRE_PREFIX} from '../base/ids';
import type {Fields} from '../base/parse';
import {asNonEmpty} from '../base/parse';
import {Scope} from '../base/scope';
import {binaryFrame, readTextFrame, textFrame} from '../protocol/frames';
import type {Broadcast} from '../protocol/frames';

/** Both the liveness check's period and its deadline: an unanswered ping at the next one is a loss. */
export const PING_PERIOD_MS = 5_000;
/** Until `hello` after opening. */
export const HELLO_TIMEOUT_MS = 5_000;
export const RETRY_MIN_MS = 250;
/** Longest wait while the server would still take the session back at once. */
export const RETRY_SOON_MS = 3_000;
/** How long that is, from the loss on. */
export const SOON_MS = 40_000;
/** Longest wait afterwards. */
export const RETRY_MAX_MS = 30_000;
/** Actions made while the connection is down wait this long for the next one. */
export const QUEUED_MS_MAX = 30_000;
export const QUEUED_MAX = 32;
/** A connection that lived this long resets the backoff. */
const STEADY_MS = 10_000;

/** The part of a WebSocket that we use. */
export interface SocketLike {
    binaryType: string;
    onopen: ((event: Event) => void) | null;
    onmessage: ((event: MessageEvent) => void) | null;
    onclose: ((event: CloseEvent) => void) | null;
    onerror: ((event: Event) => void) | null;
    send(data: string | Uint8Array<ArrayBuffer>): void;
    close(code?: number): void;
}

export type SocketEvent =
    /** `previous` is the id of the connection before; empty for the first. */
    | {type: 'up'; connectionId: string; previous: string}
    | {type: 'down'}
    | {type: 'event'; name: string; data: Fields; broadcast: Broadcast};

interface Queued {
    action: string;
    data: Fields;
    until: number;
}

export class CallSocket {
    readonly events = new Emitter<SocketEvent>();
    private socket: SocketLike | undefined;
    private life = new Scope();
    private ended = false;
    private up = false;
    private connectionId = '';
    private seq = 0;
    private expectedSeq = 0;
    private pingSeq = 0;
    private retryMs = RETRY_MIN_MS;
    private lostAt = Date.now();
    private queue: Queued[] = [];

    constructor(
        private readonly url: string,
        private readonly open: (url: string) => SocketLike = (target) => new WebSocket(target),
    ) {}

    /** Id of the present connection; empty while it is down. */
    get connection(): string {
        return this.up ? this.connectionId : '';
    }

    connect(): void {
        if (this.ended || this.socket) {
            return;
        }
        this.life = new Scope();
        const socket = this.open(this.url);
        this.socket = socket;
        socket.binaryType = 'arraybuffer';
        socket.onmessage = (message) => this.handleMessage(message.data);
        socket.onclose = () => this.handleLoss();
        socket.onerror = () => this.handleLoss();
        this.life.timeout(() => this.handleLoss(), HELLO_TIMEOUT_MS);
    }

    /** Tries again at once instead of waiting for the backoff, e.g. when the network is back. */
    hurry(): void {
        if (!this.ended && !this.socket) {
            this.retryMs = RETRY_MIN_MS;
            this.life.close();
            this.connect();
        }
    }

    /** Sends an action of the plugin, or keeps it for a while when the connection is down. */
    send(action: string, data: Fields = {}): void {
        if (!this.write(action, data)) {
            const now = Date.now();
            this.queue = [...this.queue.filter((item) => item.until > now), {action, data, until: now + QUEUED_MS_MAX}]
                .slice(-QUEUED_MAX);
        }
    }

    /** Sends now or not at all: for what is worthless on another connection. */
    sendNow(action: string, data: Fields = {}): boolean {
        return this.write(action, data);
    }

    /** Sends binary data in a msgpack frame, now or not at all. */
    sendBytes(action: string, bytes: Uint8Array): boolean {
        if (!this.up || !this.socket) {
            return false;
        }
        this.socket.send(binaryFrame(WIRE_PREFIX + action, this.nextSeq(), {data: bytes}));
        return true;
    }

    close(): void {
        this.ended = true;
        this.queue = [];
        this.drop();
    }

    private write(action: string, data: Fields): boolean {
        if (!this.up || !this.socket) {
            return false;
        }
        this.socket.send(textFrame(WIRE_PREFIX + action, this.nextSeq(), data));
        return true;
    }

    private nextSeq(): number {
        this.seq += 1;
        return this.seq;
    }

    private handleMessage(data: unknown): void {
        const frame = readTextFrame(data);
        if (frame.type === 'reply') {
            if (frame.seqReply === this.pingSeq) {
                this.pingSeq = 0;
            }
            return;
        }
        if (frame.type !== 'event') {
            return;
        }
        if (frame.event === 'hello') {
            this.handleHello(frame.data, frame.seq);
            return;
        }
        if (!this.up) {
            return;
        }
        if (frame.seq !== this.expectedSeq) {
            // An event was lost: a new connection with a fresh state is the only sure way back.
            console.warn(`parley: expected event ${this.expectedSeq}, got ${frame.seq}; reconnecting`);
            this.handleLoss();
            return;
        }
        this.expectedSeq += 1;
        if (frame.event.startsWith(WIRE_PREFIX)) {
            this.events.emit({
                type: 'event',
                name: frame.event.slice(WIRE_PREFIX.length),
                data: frame.data,
                broadcast: frame.broadcast,
            });
        }
    }

    private handleHello(data: Fields, seq: number): void {
        const connectionId = asNonEmpty(data.connection_id);
        if (connectionId === undefined || this.up) {
            return;
        }
        const previous = this.connectionId;
        this.connectionId = connectionId;
        this.expectedSeq = seq + 1;
        this.up = true;
        this.pingSeq = 0;
        this.life.close();
        this.life = new Scope();
        this.life.interval(() => this.ping(), PING_PERIOD_MS);
        this.life.timeout(() => {
            this.retryMs = RETRY_MIN_MS;
        }, STEADY_MS);
        this.events.emit({type: 'up', connectionId, previous});
        const now = Date.now();
        const queued = this.queue.filter((item) => item.until > now);
        this.queue = [];
        for (const item of queued) {
            this.send(item.action, item.data);
        }
    }

    private ping(): void {
        if (this.pingSeq !== 0) {
            this.handleLoss();
            return;
        }
        this.pingSeq = this.nextSeq();
        this.socket?.send(textFrame('ping', this.pingSeq, {}));
    }

    private handleLoss(): void {
        if (!this.socket) {
            return;
        }
        const wasUp = this.up;
        this.drop();
        if (this.ended) {
            return;
        }
        this.life = new Scope();
        // Up to half more by chance, so that a restarted server is not met by everybody at once.
        const delay = this.retryMs * (1 + Math.random() / 2);
        this.lostAt = wasUp ? Date.now() : this.lostAt;
        const longest = Date.now() - this.lostAt < SOON_MS ? RETRY_SOON_MS : RETRY_MAX_MS;
        this.retryMs = Math.min(this.retryMs * 2, longest);
        this.life.timeout(() => this.connect(), delay);
        if (wasUp) {
            this.events.emit({type: 'down'});
        }
    }

    private drop(): void {
        this.life.close();
        this.up = false;
        const socket = this.socket;
        this.socket = undefined;
        if (socket) {
            socket.onopen = null;
            socket.onmessage = null;
            socket.onclose = null;
            socket.onerror = null;
            socket.close();
        }
    }
}
