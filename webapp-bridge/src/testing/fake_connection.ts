// An RTCPeerConnection for tests: the signalling states of the specification, nothing of the media.

import {decodeMulti, encode} from '@msgpack/msgpack';

export class FakeChannel {
    binaryType = '';
    readyState: RTCDataChannelState = 'connecting';
    onmessage: ((event: {data: unknown}) => void) | null = null;
    onopen: (() => void) | null = null;
    onclose: (() => void) | null = null;
    readonly sent: unknown[][] = [];

    send(bytes: Uint8Array): void {
        this.sent.push([...decodeMulti(bytes)]);
    }

    open(): void {
        this.readyState = 'open';
        this.onopen?.();
    }

    receive(...values: unknown[]): void {
        const parts = values.map((value) => encode(value));
        const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
        let at = 0;
        for (const part of parts) {
            bytes.set(part, at);
            at += part.byteLength;
        }
        this.onmessage?.({data: bytes.buffer});
    }

    types(): unknown[] {
        return this.sent.map((message) => message[0]);
    }
}

export class FakeTransceiver {
    currentDirection: RTCRtpTransceiverDirection | null = null;
    readonly replaced: unknown[] = [];
    readonly sender = {
        replaceTrack: (track: unknown): Promise<void> => {
            this.replaced.push(track);
            return Promise.resolve();
        },
    };

    constructor(readonly track: unknown, readonly init: RTCRtpTransceiverInit) {}
}

/** Counts offers; an SDP is just a name. */
export class FakeConnection extends EventTarget {
    signalingState: RTCSignalingState = 'stable';
    connectionState: RTCPeerConnectionState = 'new';
    localDescription: {type: string; sdp: string} | null = null;
    currentLocalDescription: {type: string; sdp: string} | null = null;
    remoteDescription: {type: string; sdp: string} | null = null;
    onnegotiationneeded: (() => void) | null = null;
    onconnectionstatechange: (() => void) | null = null;
    ontrack: ((event: unknown) => void) | null = null;
    readonly channel = new FakeChannel();
    readonly transceivers: FakeTransceiver[] = [];
    closed = false;
    private needed = false;
    private offers = 0;

    createDataChannel(): FakeChannel {
        this.need();
        return this.channel;
    }

    addTransceiver(track: unknown, init: RTCRtpTransceiverInit): FakeTransceiver {
        const transceiver = new FakeTransceiver(track, init);
        this.transceivers.push(transceiver);
        this.need();
        return transceiver;
    }

    setLocalDescription(): Promise<void> {
        if (this.signalingState === 'have-remote-offer') {
            this.localDescription = {type: 'answer', sdp: `answer to ${this.remoteDescription?.sdp ?? ''}`};
            this.currentLocalDescription = this.localDescription;
            this.become('stable');
            this.renegotiate();
        } else {
            this.offers += 1;
            this.needed = false;
            this.localDescription = {type: 'offer', sdp: `offer ${this.offers}`};
            this.become('have-local-offer');
        }
        return Promise.resolve();
    }

    setRemoteDescription(description: {type: string; sdp: string}): Promise<void> {
        this.remoteDescription = description;
        if (description.type === 'offer') {
            if (this.signalingState === 'have-local-offer') {
                this.needed = true;
            }
            this.become('have-remote-offer');
        } else {
            for (const transceiver of this.transceivers) {
                transceiver.currentDirection = 'sendonly';
            }
            this.become('stable');
            this.renegotiate();
        }
        return Promise.resolve();
    }

    getStats(): Promise<Map<string, unknown>> {
        return Promise.resolve(new Map<string, unknown>());
    }

    close(): void {
        this.closed = true;
    }

    connect(): void {
        this.connectionState = 'connected';
        this.onconnectionstatechange?.();
    }

    fail(): void {
        this.connectionState = 'failed';
        this.onconnectionstatechange?.();
    }

    private need(): void {
        this.needed = true;
        void Promise.resolve().then(() => this.renegotiate());
    }

    private renegotiate(): void {
        // A task of its own, as the specification says: promises settle before.
        setImmediate(() => {
            if (this.needed && this.signalingState === 'stable') {
                this.onnegotiationneeded?.();
            }
        });
    }

    private become(state: RTCSignalingState): void {
        this.signalingState = state;
        this.dispatchEvent(new Event('signalingstatechange'));
    }
}

export const asConnection = (fake: FakeConnection): RTCPeerConnection => fake as unknown as RTCPeerConnection;

// Taken before a test fakes the clock.
const realTimeout = globalThis.setTimeout;

/** Lets promises and zlib streams run; the latter work in other threads and take real time. */
export const settle = async (ms = 15): Promise<void> => {
    await new Promise((resolve) => realTimeout(resolve, ms));
};

/** Waits until it holds, at most 2 s of real time. */
export const until = async (holds: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 400 && !holds(); turn += 1) {
        await settle(5);
    }
};
