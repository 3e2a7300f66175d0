// The page's connection to the platform's events. It knows no browser: socket, clock and timers
// come from outside, so that tests drive it by hand.
import {textOr} from '../api/parse';
import {parseFrame, type EventFrame} from './frame';

/** The part of a WebSocket that is used. */
export type Wire = Pick<WebSocket, 'close' | 'onclose' | 'onmessage' | 'send'>;

export interface SocketEnvironment {
    open: (connectionId: string, sequence: number) => Wire;
    setTimer: (handler: () => void, delayMs: number) => number;
    clearTimer: (id: number) => void;
    /** 0 <= value < 1; spreads the reconnects of many pages. */
    random: () => number;
}

export interface SocketListener {
    onEvent(frame: EventFrame): void;
    /** `again`: it was connected before, so events may have been missed. */
    onConnected(connectionId: string, again: boolean): void;
    onDisconnected(): void;
}

export const PING_INTERVAL_MS = 30_000;
export const RECONNECT_DELAY_MIN_MS = 250;
export const RECONNECT_DELAY_MAX_MS = 3_000;
/** An attempt that got no hello by then is given up. */
export const HELLO_WAIT_MAX_MS = 10_000;

export class PageSocket {
    private wire: Wire | null = null;
    private connectionId = '';
    private nextEventSeq = 0;
    private actionSeq = 1;
    private pingSeq = 0;
    private failures = 0;
    private wasConnected = false;
    private connected = false;
    private wanted = false;
    private timer = 0;

    constructor(
        private readonly environment: SocketEnvironment,
        private readonly listener: SocketListener,
    ) {}

    get isConnected(): boolean {
        return this.connected;
    }

    connect(): void {
        this.wanted = true;
        if (!this.wire) {
            this.open();
        }
    }

    close(): void {
        this.wanted = false;
        this.wasConnected = false;
        this.drop();
    }

    /** Tries at once instead of waiting for the next attempt: the network came back. */
    hurry(): void {
        if (this.wanted && !this.wire) {
            this.open();
        }
    }

    /** Dropped when not connected, as the web app's client does. */
    sendMessage(action: string, data: unknown): void {
        if (!this.wire || !this.connected) {
            return;
        }
        this.wire.send(JSON.stringify({action, seq: this.actionSeq++, data: data ?? {}}));
    }

    private open(): void {
        this.stopTimer();
        const wire = this.environment.open('', 0);
        this.wire = wire;
        this.nextEventSeq = 0;
        this.actionSeq = 1;
        this.pingSeq = 0;
        wire.onmessage = (event: MessageEvent<unknown>) => {
            if (this.wire === wire) {
                this.handleMessage(event.data);
            }
        };
        wire.onclose = () => {
            if (this.wire === wire) {
                this.lost();
            }
        };
        this.timer = this.environment.setTimer(() => this.lost(), HELLO_WAIT_MAX_MS);
    }

    private handleMessage(raw: unknown): void {
        let parsed;
        try {
            parsed = parseFrame(raw);
        } catch (error) {
            console.warn('A frame from the server makes no sense', error);
            return;
        }
        if (parsed.kind === 'reply') {
            if (parsed.replyTo === this.pingSeq) {
                this.pingSeq = 0;
            }
            return;
        }
        const {frame} = parsed;
        if (frame.seq !== this.nextEventSeq) {
            // An event is missing: start over, the reconnect makes up for what was lost.
            this.lost();
            return;
        }
        this.nextEventSeq++;
        if (frame.event === 'hello') {
            this.handleHello(textOr(frame.data, 'connection_id'));
        }
        this.listener.onEvent(frame);
    }

    private handleHello(connectionId: string): void {
        this.stopTimer();
        this.failures = 0;
        this.connectionId = connectionId;
        this.connected = true;
        const again = this.wasConnected;
        this.wasConnected = true;
        this.listener.onConnected(connectionId, again);
        this.ping();
    }

    private ping(): void {
        if (this.pingSeq !== 0) {
            this.lost();
            return;
        }
        this.pingSeq = this.actionSeq;
        this.sendMessage('ping', {});
        this.timer = this.environment.setTimer(() => this.ping(), PING_INTERVAL_MS);
    }

    private drop(): void {
        this.stopTimer();
        const wire = this.wire;
        this.wire = null;
        this.connectionId = '';
        if (wire) {
            wire.onmessage = null;
            wire.onclose = null;
            wire.close();
        }
        if (this.connected) {
            this.connected = false;
            this.listener.onDisconnected();
        }
    }

    private lost(): void {
        this.drop();
        if (!this.wanted) {
            return;
        }
        const base = Math.min(RECONNECT_DELAY_MAX_MS, RECONNECT_DELAY_MIN_MS * 2 ** this.failures);
        this.failures++;
        this.timer = this.environment.setTimer(() => this.open(), base * (0.75 + this.environment.random() / 2));
    }

    private stopTimer(): void {
        this.environment.clearTimer(this.timer);
        this.timer = 0;
    }

    /** Empty while not connected. */
    get currentConnectionId(): string {
        return this.connectionId;
    }
}
