// A WebSocket for tests: keeps what was sent, lets the test speak as the server.

import {decode} from '@msgpack/msgpack';

import type {SocketLike} from '../call/socket';

export interface Sent {
    action: string;
    seq: number;
    data: Record<string, unknown>;
    binary: boolean;
}

export class FakeSocket implements SocketLike {
    binaryType = '';
    onopen: ((event: Event) => void) | null = null;
    onmessage: ((event: MessageEvent) => void) | null = null;
    onclose: ((event: CloseEvent) => void) | null = null;
    onerror: ((event: Event) => void) | null = null;
    readonly sent: Sent[] = [];
    closed = false;
    private seq = 0;

    send(data: string | Uint8Array): void {
        const value = (typeof data === 'string' ? JSON.parse(data) : decode(data)) as Omit<Sent, 'binary'>;
        this.sent.push({...value, binary: typeof data !== 'string'});
    }

    close(): void {
        this.closed = true;
    }

    hello(connectionId: string): void {
        this.seq = 0;
        this.event('hello', {connection_id: connectionId});
    }

    event(event: string, data: Record<string, unknown>, channelId = ''): void {
        this.text({event, data, broadcast: {channel_id: channelId}, seq: this.seq});
        this.seq += 1;
    }

    text(value: unknown): void {
        this.onmessage?.({data: typeof value === 'string' ? value : JSON.stringify(value)} as MessageEvent);
    }

    lose(): void {
        this.onclose?.({} as CloseEvent);
    }

    /** Skips an event, as a server with a full queue would. */
    skip(): void {
        this.seq += 1;
    }

    actions(): string[] {
        return this.sent.map((item) => item.action.replace('custom_app.parley.calls_', ''));
    }
}
