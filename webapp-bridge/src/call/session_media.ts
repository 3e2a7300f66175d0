// What this session sends: microphone, camera, screen. Keeps them over connections: a new peer gets
// what is on at present. Server states (mute, video_on, ...) leave as actions.

import {Emitter} from '../base/emitter';
import type {Board} from './board';
import type {DeviceUse} from './device_picker';
import {cameraEncodings, screenEncodings} from './encodings';
import {Input} from './input';
import {MediaError} from './media';
import type {Devices, Screen} from './media';
import type {Peer, Publication} from './peer';

type InputKind = 'microphone' | 'camera';

export type Switch = 'off' | 'opening' | 'on';

export interface Sending {
    microphone: Switch;
    camera: Switch;
    screen: Switch;
}

export type SendingProblem =
    | 'insecure' | 'microphone' | 'camera' | 'screen' | 'screen_taken' | 'not_sent'
    /** Unplugged, and there is no other one. */
    | 'microphone_lost' | 'camera_lost'
    /** Unplugged: the default is used in its place. */
    | 'microphone_default' | 'camera_default';

export type SendingEvent =
    | {type: 'changed'}
    /** Another device is wanted, or a permission was given. */
    | {type: 'devices'}
    | {type: 'action'; action: string; data: Record<string, string>}
    | {type: 'problem'; problem: SendingProblem};

export class SessionMedia {
    readonly events = new Emitter<SendingEvent>();
    private now: Sending = {microphone: 'off', camera: 'off', screen: 'off'};
    private peer: Peer | undefined;
    private session = '';
    private readonly inputs: Readonly<Record<InputKind, Input>>;
    private screen: MediaStreamTrack[] = [];
    private closed = false;
    // One stream per kind for the session's life: its id names the publication to the server.
    private readonly voiceStream = new MediaStream();
    private readonly cameraStream = new MediaStream();
    private readonly screenStream = new MediaStream();

    constructor(
        private readonly devices: Devices,
        private readonly board: Board,
        private readonly options: {simulcast: boolean},
    ) {
        this.inputs = {
            microphone: new Input((id) => devices.microphone(id)),
            camera: new Input((id) => devices.camera(id)),
        };
        this.inputs.microphone.lost.on(() => void this.lose('microphone'));
        this.inputs.camera.lost.on(() => void this.lose('camera'));
    }

    /** For the menu of devices. */
    use(kind: InputKind): DeviceUse {
        const input = this.inputs[kind];
        return {
            get chosen() {
                return input.chosen;
            },
            choose: (id) => this.choose(kind, id),
            handleGone: () => this.handleGone(kind),
        };
    }

    get sending(): Sending {
        return this.now;
    }

    /** A connection is up: sends on it what is on, and tells the server so again. */
    async attach(peer: Peer, session: string): Promise<void> {
        this.peer = peer;
        this.session = session;
        this.tell();
        this.showOwn();
        const {microphone, camera} = this.inputs;
        const publications: Publication[] = [];
        if (microphone.track && this.now.microphone === 'on') {
            publications.push(this.publication('microphone', microphone.track));
        }
        if (camera.track) {
            publications.push(this.publication('camera', camera.track));
        }
        publications.push(...this.screenPublications());
        if (publications.length > 0 && !(await this.publish(publications))) {
            this.mute();
            this.cameraOff();
            this.stopSharing();
        }
    }

    /**
     * Says all of it: what changed while the socket was down for long was not kept, and after a reload the server
     * believes in what the reload has closed. It makes nothing of repetitions.
     */
    tell(): void {
        this.action(this.now.microphone === 'on' ? 'unmute' : 'mute');
        if (this.inputs.camera.track) {
            this.announce('camera');
        } else {
            this.action('video_off');
        }
        if (this.screen.length > 0) {
            this.announceScreen();
        } else {
            this.action('screen_off');
        }
    }

    detach(): void {
        this.peer = undefined;
    }

    toggle(kind: keyof Sending): void {
        const on = this.now[kind] === 'on';
        if (kind === 'screen') {
            if (on) {
                this.stopSharing();
            } else {
                void this.share(() => this.devices.screen());
            }
        } else if (on) {
            this.switchOff(kind);
        } else {
            void this.switchOn(kind);
        }
    }

    /** After a reload: what was on is switched on again where that asks nobody. */
    async reopen(was: Readonly<Record<InputKind, boolean>>): Promise<void> {
        for (const kind of ['microphone', 'camera'] as const) {
            if (was[kind] && (await this.devices.granted(kind))) {
                void this.switchOn(kind);
            }
        }
    }

    unmute(): Promise<void> {
        return this.switchOn('microphone');
    }

    private mute(): void {
        if (this.now.microphone !== 'on') {
            return;
        }
        const track = this.inputs.microphone.track;
        if (track) {
            track.enabled = false;
        }
        this.set({microphone: 'off'});
        this.action('mute');
        void this.peer?.silence('voice');
    }

    private cameraOff(): void {
        if (this.now.camera !== 'on') {
            return;
        }
        this.inputs.camera.release();
        this.showOwn();
        this.set({camera: 'off'});
        this.action('video_off');
        void this.peer?.silence('video');
    }

    /** Shares what `capture` brings; nothing when something is shared already. */
    async share(capture: () => Promise<Screen>): Promise<void> {
        if (this.now.screen !== 'off') {
            return;
        }
        this.set({screen: 'opening'});
        try {
            const {video, audio} = await capture();
            this.screen = audio ? [this.take(video), this.take(audio)] : [this.take(video)];
            video.contentHint = 'detail';
            video.onended = () => this.stopSharing();
            this.showOwn();
        } catch (error) {
            this.set({screen: 'off'});
            if (!(error instanceof MediaError && error.problem === 'cancelled')) {
                this.problem(this.reason(error, 'screen'));
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

    private stopSharing(): void {
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
            this.problem('screen_taken');
        }
    }

    close(): void {
        this.closed = true;
        this.peer = undefined;
        this.inputs.microphone.close();
        this.inputs.camera.close();
        for (const track of this.screen) {
            this.release(track);
        }
        this.screen = [];
    }

    private async switchOn(kind: InputKind): Promise<void> {
        const problem = await this.open(kind);
        if (problem) {
            this.problem(problem);
        }
    }

    private switchOff(kind: InputKind): void {
        if (kind === 'microphone') {
            this.mute();
        } else {
            this.cameraOff();
        }
    }

    /** Why it stays off; undefined when it is on, or the call is over. */
    private async open(kind: InputKind): Promise<SendingProblem | undefined> {
        if (this.now[kind] !== 'off') {
            return undefined;
        }
        this.setSwitch(kind, 'opening');
        let track: MediaStreamTrack | undefined;
        try {
            track = await this.inputs[kind].open();
        } catch (error) {
            this.setSwitch(kind, 'off');
            return this.reason(error, kind);
        }
        if (!track) {
            return undefined;
        }
        track.enabled = true;
        this.showOwn();
        this.setSwitch(kind, 'on');
        this.events.emit({type: 'devices'});
        if (this.peer) {
            this.announce(kind);
            await this.send(kind, track);
        }
        return undefined;
    }

    private async choose(kind: InputKind, id: string): Promise<void> {
        const input = this.inputs[kind];
        if (this.now[kind] === 'off') {
            // Nothing is opened while muted: the next unmute opens what is chosen.
            input.release();
        }
        try {
            if (!(await input.choose(id))) {
                return;
            }
        } catch (error) {
            if (!input.track) {
                this.switchOff(kind);
            }
            this.problem(this.reason(error, kind));
            return;
        }
        const track = input.track;
        if (track) {
            // Muted meanwhile: the new one is as silent as the old one was.
            track.enabled = this.now[kind] === 'on';
            this.showOwn();
            if (track.enabled && this.peer) {
                await this.send(kind, track);
            }
        }
    }

    private async send(kind: InputKind, track: MediaStreamTrack): Promise<void> {
        if (!(await this.publish([this.publication(kind, track)]))) {
            this.switchOff(kind);
        }
    }

    /** A chosen device is gone that was not open. */
    private handleGone(kind: InputKind): void {
        if (!this.inputs[kind].forget()) {
            this.problem(`${kind}_default`);
        }
    }

    private async lose(kind: InputKind): Promise<void> {
        this.events.emit({type: 'devices'});
        const wasOn = this.now[kind] === 'on';
        this.switchOff(kind);
        const staysOff = !wasOn || await this.open(kind) !== undefined;
        this.problem(staysOff ? `${kind}_lost` : `${kind}_default`);
    }

    private publication(kind: InputKind, track: MediaStreamTrack): Publication {
        return kind === 'microphone'
            ? {kind: 'voice', track, stream: this.voiceStream}
            : {kind: 'video', track, stream: this.cameraStream, encodings: cameraEncodings(this.options.simulcast)};
    }

    private screenPublications(): Publication[] {
        return this.screen.map((track) =>
            track.kind === 'video'
                ? {kind: 'screen', track, stream: this.screenStream, encodings: screenEncodings(this.options.simulcast)}
                : {kind: 'screen-audio', track, stream: this.screenStream});
    }

    private announce(kind: InputKind): void {
        if (kind === 'microphone') {
            this.action('unmute');
        } else {
            this.action('video_on', {data: JSON.stringify({videoStreamID: this.cameraStream.id})});
        }
    }

    private announceScreen(): void {
        this.action('screen_on', {data: JSON.stringify({screenStreamID: this.screenStream.id})});
    }

    private showOwn(): void {
        this.board.setOwn(this.session, 'video', this.inputs.camera.track ?? null);
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
                this.problem('not_sent');
                return false;
            }
        }
        return true;
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

    private reason(error: unknown, device: InputKind | 'screen'): SendingProblem {
        return error instanceof MediaError && error.problem === 'insecure' ? 'insecure' : device;
    }

    private problem(problem: SendingProblem): void {
        if (!this.closed) {
            this.events.emit({type: 'problem', problem});
        }
    }

    private setSwitch(kind: InputKind, now: Switch): void {
        this.set(kind === 'microphone' ? {microphone: now} : {camera: now});
    }

    private set(change: Partial<Sending>): void {
        if (!this.closed) {
            this.now = {...this.now, ...change};
            this.events.emit({type: 'changed'});
        }
    }
}
