// One media connection of a session: perfect negotiation (we are polite), the signalling lock, the data
// channel. Knows neither the socket nor React: SDP for the socket leaves as an event.

import {Emitter} from '../base/emitter';
import {asFields, asText, fromJson} from '../base/parse';
import {Scope} from '../base/scope';
import {CHANNEL_LABEL, decodeMessage, encodeMessage} from '../protocol/channel';
import type {Slot, ToServer, View} from '../protocol/channel';
import {deflate, inflate} from '../protocol/deflate';
import {SignallingLock} from './lock';

/** From the first offer until the data channel is open. */
export const CONNECT_TIMEOUT_MS = 15_000;
/** An offer that is not answered is sent again after this. */
export const ANSWER_TIMEOUT_MS = 5_000;
const OFFER_ATTEMPTS_MAX = 3;
export const PING_PERIOD_MS = 1_000;
/** So many pings without an answer: the server is gone, long before ICE says so. */
export const PINGS_UNANSWERED_MAX = 5;
/** State of a failure that the server wished: it closed the channel in order. */
export const CHANNEL_CLOSED = 'channel closed';

export type PublicationKind = 'voice' | 'video' | 'screen' | 'screen-audio';

/** What is to be sent. The stream's id names it to the server; `track` null keeps the m-line silent. */
export interface Publication {
    kind: PublicationKind;
    track: MediaStreamTrack | null;
    stream: MediaStream;
    encodings?: RTCRtpEncodingParameters[];
}

export type PeerEvent =
    /** To be sent through the socket as `sdp`. */
    | {type: 'sdp'; deflated: Uint8Array}
    | {type: 'connected'}
    /** This connection is lost for good: make a new one. */
    | {type: 'failed'; state: string}
    | {type: 'track'; mid: string; track: MediaStreamTrack}
    | {type: 'slots'; slots: Slot[]}
    | {type: 'voice'; sessions: string[]};

interface Description {
    type: 'offer' | 'answer';
    sdp: string;
}

const parseDescription = (json: string): Description | undefined => {
    const fields = asFields(fromJson(json));
    const sdp = asText(fields?.sdp);
    const type = fields?.type;
    return sdp !== undefined && (type === 'offer' || type === 'answer') ? {type, sdp} : undefined;
};

export class Peer {
    readonly events = new Emitter<PeerEvent>();
    private readonly scope = new Scope();
    private readonly channel: RTCDataChannel;
    private readonly lock: SignallingLock;
    private readonly transceivers = new Map<PublicationKind, RTCRtpTransceiver>();
    private inbox: Promise<void> = Promise.resolve();
    private outbox: Promise<void> = Promise.resolve();
    private changes: Promise<void> = Promise.resolve();
    private stopOfferTimer: () => void = () => undefined;
    private answers = 0;
    private epoch = -1;
    private pingsSent: number[] = [];
    private roundTripS: number | undefined;
    private connected = false;
    private view: View | undefined;

    constructor(private readonly pc: RTCPeerConnection) {
        this.lock = new SignallingLock(() => this.answers > 0 && this.tell({type: 'lock'}));
        this.scope.add(() => this.lock.abort());
        this.scope.add(() => this.release());
        pc.onnegotiationneeded = () => this.offer();
        pc.onconnectionstatechange = () => this.handleState();
        pc.ontrack = (event) => {
            const mid = event.transceiver.mid;
            if (mid !== null) {
                this.events.emit({type: 'track', mid, track: event.track});
            }
        };
        // Creating the channel makes negotiation needed: the first offer holds it alone.
        this.channel = pc.createDataChannel(CHANNEL_LABEL);
        this.channel.binaryType = 'arraybuffer';
        this.channel.onmessage = (message) => this.handleMessage(message.data);
        this.channel.onopen = () => this.handleOpen();
        this.channel.onclose = () => this.fail(CHANNEL_CLOSED);
        this.scope.timeout(() => {
            if (!this.connected) {
                this.fail('timeout');
            }
        }, CONNECT_TIMEOUT_MS);
    }

    /** Seconds, by the data channel's own pings. */
    get rtt(): number | undefined {
        return this.roundTripS;
    }

    /** An offer or answer that came through the socket. */
    handleSignal(json: string): void {
        const description = parseDescription(json);
        if (description) {
            this.receive(() => this.apply(description));
        }
    }

    /** What this client shows; sent again by each new connection's owner. */
    setView(view: View): void {
        this.view = view;
        this.tell({type: 'view', view});
    }

    /** Reports loss, jitter and round trip, as clients do each 10 s. */
    tellQuality(quality: {lossRate: number; jitterS: number}): void {
        this.tell({type: 'lossRate', value: quality.lossRate});
        this.tell({type: 'jitter', seconds: quality.jitterS});
        if (this.roundTripS !== undefined) {
            this.tell({type: 'roundTripTime', seconds: this.roundTripS});
        }
    }

    stats(): Promise<RTCStatsReport> {
        return this.pc.getStats();
    }

    /** Sends these tracks; negotiates only when one has no m-line yet. */
    publish(publications: Publication[]): Promise<void> {
        const done = this.changes.then(() => this.publishNow(publications));
        this.changes = done.catch(() => undefined);
        return done;
    }

    /** Stops sending without negotiation: the m-line stays for the next time. */
    async silence(kind: PublicationKind): Promise<void> {
        await this.transceivers.get(kind)?.sender.replaceTrack(null);
    }

    close(): void {
        this.scope.close();
    }

    private async publishNow(publications: Publication[]): Promise<void> {
        const missing: Publication[] = [];
        for (const publication of publications) {
            const transceiver = this.transceivers.get(publication.kind);
            if (transceiver) {
                await transceiver.sender.replaceTrack(publication.track);
            } else {
                missing.push(publication);
            }
        }
        if (missing.length === 0) {
            return;
        }
        try {
            if (!(await this.lock.acquire())) {
                throw new Error('the signalling lock was not granted');
            }
            const added = missing.map((publication) => this.addMLine(publication));
            await this.negotiated(added);
        } catch (error) {
            this.tell({type: 'unlock'});
            throw error;
        }
    }

    private addMLine(publication: Publication): RTCRtpTransceiver {
        // An m-line of our own: addTrack would turn a slot of the server into ours, and a rollback
        // would then lose the track in Chromium.
        const media = publication.kind === 'video' || publication.kind === 'screen' ? 'video' : 'audio';
        const transceiver = this.pc.addTransceiver(publication.track ?? media, {
            direction: 'sendonly',
            streams: [publication.stream],
            ...(publication.encodings ? {sendEncodings: publication.encodings} : {}),
        });
        this.transceivers.set(publication.kind, transceiver);
        return transceiver;
    }

    private negotiated(transceivers: RTCRtpTransceiver[]): Promise<void> {
        const settled = (): boolean =>
            this.pc.signalingState === 'stable' && transceivers.every((item) => item.currentDirection === 'sendonly');
        return new Promise((resolve, reject) => {
            const wait = new Scope();
            const forget = this.scope.add(() => {
                wait.close();
                reject(new Error('the connection was closed'));
            });
            // The first settling counts: the disposer's reject is void afterwards.
            wait.listen(this.pc, 'signalingstatechange', () => {
                if (settled()) {
                    resolve();
                    forget();
                }
            });
            wait.timeout(() => {
                reject(new Error('no answer'));
                forget();
            }, ANSWER_TIMEOUT_MS * OFFER_ATTEMPTS_MAX);
        });
    }

    private offer(): void {
        void (async () => {
            try {
                await this.pc.setLocalDescription();
                this.sendOffer(OFFER_ATTEMPTS_MAX);
            } catch (error) {
                if (!this.scope.closed) {
                    console.warn('parley: making an offer failed', error);
                }
            }
        })();
    }

    private sendOffer(attempts: number): void {
        const local = this.pc.localDescription;
        if (local?.type !== 'offer' || this.pc.signalingState !== 'have-local-offer') {
            return;
        }
        const sdp = local.sdp;
        const outstanding = (): boolean =>
            this.pc.signalingState === 'have-local-offer' && this.pc.localDescription?.sdp === sdp;
        this.sendDescription({type: 'offer', sdp}, outstanding);
        this.stopOfferTimer();
        this.stopOfferTimer = this.scope.timeout(() => {
            if (!outstanding()) {
                return;
            }
            if (attempts > 1) {
                this.sendOffer(attempts - 1);
            } else {
                this.fail('no answer');
            }
        }, ANSWER_TIMEOUT_MS);
    }

    /** In order, and only if it still stands after deflating. */
    private sendDescription(description: Description, stands: () => boolean): void {
        this.outbox = this.outbox.then(async () => {
            const deflated = await deflate(JSON.stringify(description));
            if (this.scope.closed || !stands()) {
                return;
            }
            if (!this.tell({type: 'sdp', deflated})) {
                this.events.emit({type: 'sdp', deflated});
            }
        }).catch((error: unknown) => console.warn('parley: sending a description failed', error));
    }

    private receive(task: () => Promise<void>): void {
        this.inbox = this.inbox.then(async () => {
            if (!this.scope.closed) {
                await task();
            }
        }).catch((error: unknown) => {
            if (!this.scope.closed) {
                console.warn('parley: applying a description failed', error);
                this.tell({type: 'unlock'});
            }
        });
    }

    private async apply(description: Description): Promise<void> {
        if (description.type === 'offer') {
            // In glare this rolls our own offer back; negotiation is then needed again by itself.
            await this.pc.setRemoteDescription(description);
            await this.pc.setLocalDescription();
            // Not `localDescription`: that may be our next offer already.
            const answer = this.pc.currentLocalDescription;
            if (answer?.type === 'answer') {
                this.sendDescription({type: 'answer', sdp: answer.sdp}, () => true);
            }
            return;
        }
        if (this.pc.signalingState !== 'have-local-offer') {
            return;
        }
        await this.pc.setRemoteDescription(description);
        this.stopOfferTimer();
        this.answers += 1;
        if (this.answers > 1) {
            this.tell({type: 'unlock'});
        }
    }

    private handleMessage(data: unknown): void {
        const message = decodeMessage(data);
        switch (message.type) {
            case 'pong': {
                const sent = this.pingsSent.shift();
                this.roundTripS = sent === undefined ? this.roundTripS : (performance.now() - sent) / 1000;
                break;
            }
            case 'sdp':
                this.receive(async () => {
                    const description = parseDescription(await inflate(message.deflated));
                    if (description) {
                        await this.apply(description);
                    }
                });
                break;
            case 'lock':
                this.lock.handleReply(message.granted);
                break;
            case 'slots':
                if (message.epoch >= this.epoch) {
                    this.epoch = message.epoch;
                    this.events.emit({type: 'slots', slots: message.slots});
                }
                break;
            case 'voice':
                this.events.emit({type: 'voice', sessions: message.sessions});
                break;
            case 'unknown':
                break;
        }
    }

    private handleOpen(): void {
        if (this.view) {
            this.tell({type: 'view', view: this.view});
        }
        this.scope.interval(() => {
            if (this.pingsSent.length >= PINGS_UNANSWERED_MAX) {
                this.fail('unreachable');
            } else if (this.tell({type: 'ping'})) {
                this.pingsSent.push(performance.now());
            }
        }, PING_PERIOD_MS);
        this.checkConnected();
    }

    private handleState(): void {
        const state = this.pc.connectionState;
        if (state === 'failed' || state === 'closed') {
            this.fail(state);
        }
        this.checkConnected();
    }

    private checkConnected(): void {
        if (!this.connected && this.pc.connectionState === 'connected' && this.channel.readyState === 'open') {
            this.connected = true;
            this.events.emit({type: 'connected'});
        }
    }

    private fail(state: string): void {
        if (!this.scope.closed) {
            this.close();
            this.events.emit({type: 'failed', state});
        }
    }

    private tell(message: ToServer): boolean {
        if (this.scope.closed || this.channel.readyState !== 'open') {
            return false;
        }
        this.channel.send(encodeMessage(message));
        return true;
    }

    private release(): void {
        this.pc.onnegotiationneeded = null;
        this.pc.onconnectionstatechange = null;
        this.pc.ontrack = null;
        this.channel.onmessage = null;
        this.channel.onopen = null;
        this.channel.onclose = null;
        this.pc.close();
    }
}
