// What this session sends: microphone, camera, screen. Keeps them over connections: a new peer gets
// what is on at present. Server states (mute, video_on, ...) leave as actions.

import {Emitter} from '../base/emitter';
import type {Board} from './board';
import {cameraEncodings, screenEncodings} from './encodings';
import {MediaError} from './media';
import type {Devices} from './media';
import type {Peer, Publication} from './peer';

export type Switch = 'off' | 'opening' | 'on';

export interface Sending {
    microphone: Switch;
    camera: Switch;
    screen: Switch;
}

export type SendingProblem = 'insecure' | 'microphone' | 'camera' | 'screen' | 'screen_taken' | 'microphone_lost' | 'not_sent';

export type SendingEvent =
    | {type: 'changed'}
    | {type: 'action'; action: string; data: Record<string, string>}
    | {type: 'problem'; problem: SendingProblem};

export class SessionMedia {
    readonly events = new Emitter<SendingEvent>();
    private now: Sending = {microphone: 'off', camera: 'off', screen: 'off'};
    private peer: Peer | undefined;
    private session = '';
    private voice: MediaStreamTrack | undefined;
    private camera: MediaStreamTrack | undefined;
    private screen: MediaStreamTrack[] = [];
    private closed = false;
    /** The server may believe in a camera and a screen that a reload has closed. */
    private stale: boolean;
    // One stream per kind for the session's life: its id names the publication to the server.
    private readonly voiceStream = new MediaStream();
    private readonly cameraStream = new MediaStream();
    private readonly screenStream = new MediaStream();

    constructor(
        private readonly devices: Devices,
        private readonly board: Board,
        private readonly options: {simulcast: boolean; resumed: boolean},
    ) {
        this.stale = options.resumed;
    }

    get sending(): Sending {
        return this.now;
    }

    /** A connection is up: sends on it what is on, and tells the server so again. */
    async attach(peer: Peer, session: string): Promise<void> {
        this.peer = peer;
        this.session = session;
        this.action(this.voice && this.now.microphone === 'on' ? 'unmute' : 'mute');
        if (this.stale) {
            this.stale = false;
            if (!this.camera) {
                this.action('video_off');
            }
            if (this.screen.length === 0) {
                this.action('screen_off');
            }
        }
        this.showOwn();
        const publications: Publication[] = [];
        if (this.voice && this.now.microphone === 'on') {
            publications.push({kind: 'voice', track: this.voice, stream: this.voiceStream});
        }
        if (this.camera) {
            this.announceCamera();
            publications.push(this.cameraPublication(this.camera));
        }
        if (this.screen.length > 0) {
            this.announceScreen();
            publications.push(...this.screenPublications());
        }
        if (publications.length > 0 && !(await this.publish(publications))) {
            this.mute();
            this.cameraOff();
            this.stopSharing();
        }
    }

    detach(): void {
        this.peer = undefined;
    }

    async unmute(): Promise<void> {
        if (this.now.microphone !== 'off') {
            return;
        }
        this.set({microphone: 'opening'});
        try {
            if (!this.voice || this.voice.readyState === 'ended') {
                this.voice = this.take(await this.devices.microphone());
                this.voice.onended = () => this.loseMicrophone();
            }
        } catch (error) {
            this.set({microphone: 'off'});
            this.complain(error, 'microphone');
            return;
        }
        if (this.closed) {
            return;
        }
        this.voice.enabled = true;
        this.set({microphone: 'on'});
        if (!this.peer) {
            return;
        }
        this.action('unmute');
        if (!(await this.publish([{kind: 'voice', track: this.voice, stream: this.voiceStream}]))) {
            this.mute();
        }
    }

    mute(): void {
        if (this.now.microphone !== 'on') {
            return;
        }
        if (this.voice) {
            this.voice.enabled = false;
        }
        this.set({microphone: 'off'});
        this.action('mute');
        void this.peer?.silence('voice');
    }

    async cameraOn(): Promise<void> {
        if (this.now.camera !== 'off') {
            return;
        }
        this.set({camera: 'opening'});
        let track: MediaStreamTrack;
        try {
            track = this.take(await this.devices.camera());
        } catch (error) {
            this.set({camera: 'off'});
            this.complain(error, 'camera');
            return;
        }
        if (this.closed) {
            return;
        }
        this.camera = track;
        track.onended = () => this.cameraOff();
        this.showOwn();
        this.set({camera: 'on'});
        if (!this.peer) {
            return;
        }
        this.announceCamera();
        if (!(await this.publish([this.cameraPublication(track)]))) {
            this.cameraOff();
        }
    }

    cameraOff(): void {
        if (!this.camera) {
            return;
        }
        this.release(this.camera);
        this.camera = undefined;
        this.showOwn();
        this.set({camera: 'off'});
        this.action('video_off');
        void this.peer?.silence('video');
    }

    async share(): Promise<void> {
        if (this.now.screen !== 'off') {
            return;
        }
        this.set({screen: 'opening'});
        try {
            const {video, audio} = await this.devices.screen();
            this.screen = audio ? [this.take(video), this.take(audio)] : [this.take(video)];
            video.contentHint = 'detail';
            video.onended = () => this.stopSharing();
            this.showOwn();
        } catch (error) {
            this.set({screen: 'off'});
            if (!(error instanceof MediaError && error.problem === 'cancelled')) {
                this.complain(error, 'screen');
            }
            return;
        }
        if (this.closed) {
            return;
        }
        this.set({screen: 'on'});
        if (!this.peer) {
            return;
        }
        this.announceScreen();
        if (!(await this.publish(this.screenPublications()))) {
            this.stopSharing();
        }
    }

    stopSharing(): void {
        if (this.screen.length === 0) {
            return;
        }
        this.dropScreen();
        this.action('screen_off');
    }

    /** The server refused our screen: somebody else shares. */
    handleScreenRefused(): void {
        if (this.screen.length > 0) {
            this.dropScreen();
            this.events.emit({type: 'problem', problem: 'screen_taken'});
        }
    }

    close(): void {
        this.closed = true;
        this.peer = undefined;
        for (const track of [this.voice, this.camera, ...this.screen]) {
            if (track) {
                this.release(track);
            }
        }
        this.voice = undefined;
        this.camera = undefined;
        this.screen = [];
    }

    private cameraPublication(track: MediaStreamTrack): Publication {
        return {kind: 'video', track, stream: this.cameraStream, encodings: cameraEncodings(this.options.simulcast)};
    }

    private screenPublications(): Publication[] {
        return this.screen.map((track) =>
            track.kind === 'video'
                ? {kind: 'screen', track, stream: this.screenStream, encodings: screenEncodings(this.options.simulcast)}
                : {kind: 'screen-audio', track, stream: this.screenStream});
    }

    private announceCamera(): void {
        this.action('video_on', {data: JSON.stringify({videoStreamID: this.cameraStream.id})});
    }

    private announceScreen(): void {
        this.action('screen_on', {data: JSON.stringify({screenStreamID: this.screenStream.id})});
    }

    private showOwn(): void {
        this.board.setOwn(this.session, 'video', this.camera ?? null);
        this.board.setOwn(this.session, 'screen', this.screen[0] ?? null);
    }

    /** False when it failed on a connection that still stands; a lost one sends again by `attach`. */
    private async publish(publications: Publication[]): Promise<boolean> {
        const peer = this.peer;
        try {
            await peer?.publish(publications);
        } catch (error) {
            if (peer === this.peer && !this.closed) {
                console.warn('parley: publishing failed', error);
                this.events.emit({type: 'problem', problem: 'not_sent'});
                return false;
            }
        }
        return true;
    }

    private loseMicrophone(): void {
        this.voice = undefined;
        this.mute();
        this.events.emit({type: 'problem', problem: 'microphone_lost'});
    }

    private dropScreen(): void {
        for (const track of this.screen) {
            this.release(track);
        }
        this.screen = [];
        this.showOwn();
        this.set({screen: 'off'});
        void this.peer?.silence('screen');
        void this.peer?.silence('screen-audio');
    }

    /** A device opened after the call ended is closed at once. */
    private take(track: MediaStreamTrack): MediaStreamTrack {
        if (this.closed) {
            track.stop();
        }
        return track;
    }

    private release(track: MediaStreamTrack): void {
        track.onended = null;
        track.stop();
    }

    private action(action: string, data: Record<string, string> = {}): void {
        this.events.emit({type: 'action', action, data});
    }

    private complain(error: unknown, device: 'microphone' | 'camera' | 'screen'): void {
        const insecure = error instanceof MediaError && error.problem === 'insecure';
        this.events.emit({type: 'problem', problem: insecure ? 'insecure' : device});
    }

    private set(change: Partial<Sending>): void {
        if (!this.closed) {
            this.now = {...this.now, ...change};
            this.events.emit({type: 'changed'});
        }
    }
}
