// One call of this tab, from join to leave: the socket, the media connection and what we send. A lost
// media connection, a restarted media server and a reload all end in the same step: join with `resume`.

import {Emitter} from '../base/emitter';
import {asText} from '../base/parse';
import type {Fields} from '../base/parse';
import {Scope} from '../base/scope';
import type {View} from '../protocol/channel';
import {isCallEventName, parseEvent, parseJoined, parseRefusal} from '../protocol/events';
import type {Broadcast} from '../protocol/frames';
import {joinData} from '../protocol/join';
import {AudioOut} from './audio';
import {Board} from './board';
import {CONNECT_PATIENCE_MS, DROPPED_RETRY_MS, JOIN_RETRY_MS, LAST_REPORT_MS, MOVED_TWICE_MS} from './client_timing';
import {REASON_GRACE_MS, RECONNECT_PATIENCE_MS, UNAVAILABLE_RETRY_MS} from './client_timing';
import type {ClientEvent, ClientOptions, ClientState, ClientWorld, EndReason} from './client_types';
import {DevicePicker} from './device_picker';
import type {Screen} from './media';
import {CHANNEL_CLOSED, Peer} from './peer';
import {Reporter} from './reporter';
import type {Resume} from './resume';
import {SessionMedia} from './session_media';
import type {SocketEvent} from './socket';

export class CallClient {
    readonly events = new Emitter<ClientEvent>();
    readonly board = new Board();
    readonly audio = new AudioOut();
    readonly picker: DevicePicker;
    private readonly media: SessionMedia;
    private readonly scope = new Scope();
    private readonly reporter: Reporter;
    private state: ClientState;
    private peer: Peer | undefined;
    private token = '';
    /** True while the session needs a media connection that no `join` event has answered yet. */
    private wantsJoin = true;
    private stopJoinRetry: () => void = () => undefined;
    private stopPatience: () => void = () => undefined;
    private movedAt = 0;
    private view: View = {screen: false, cameras: []};

    constructor(private readonly world: ClientWorld, private readonly options: ClientOptions) {
        this.media = new SessionMedia(world.devices, this.board, {simulcast: options.simulcast});
        this.state = {
            phase: options.resume ? 'reconnecting' : 'connecting',
            session: options.resume?.session ?? '',
            sending: this.media.sending,
            speaking: [],
            soundBlocked: false,
            devices: world.devices.available,
        };
        this.token = options.resume?.token ?? '';
        this.scope.add(world.socket.events.on((event) => this.handleSocket(event)));
        this.scope.add(() => world.socket.close());
        this.scope.add(this.media.events.on((event) => {
            switch (event.type) {
                case 'changed':
                    this.set({sending: this.media.sending});
                    break;
                case 'devices':
                    void this.picker.refresh();
                    break;
                case 'action':
                    this.world.socket.send(event.action, event.data);
                    break;
                case 'problem':
                    this.events.emit(event);
                    break;
            }
        }));
        this.scope.add(() => this.media.close());
        this.picker = new DevicePicker(world.devices, {
            microphone: this.media.use('microphone'),
            camera: this.media.use('camera'),
            speaker: this.audio.use(),
        });
        this.scope.add(() => this.picker.close());
        this.scope.add(this.audio.blocked.on((soundBlocked) => this.set({soundBlocked})));
        this.scope.add(this.audio.problems.on((problem) => this.events.emit({type: 'problem', problem})));
        this.scope.add(() => this.audio.reset());
        this.reporter = new Reporter(
            this.scope,
            () => this.peer,
            (report) => this.world.report(this.options.channelId, this.state.session, report),
        );
    }

    get snapshot(): ClientState {
        return this.state;
    }

    get channelId(): string {
        return this.options.channelId;
    }

    start(): void {
        this.world.socket.connect();
        this.waitAtMost(CONNECT_PATIENCE_MS);
        if (this.options.resume) {
            void this.media.reopen(this.options.resume);
        } else if (this.options.unmute && this.world.devices.available) {
            void this.media.unmute();
        }
    }

    /** What a reload needs; undefined while there is nothing to take back. */
    get resumable(): Resume | undefined {
        if (this.state.session === '' || this.token === '' || this.state.phase === 'ended') {
            return undefined;
        }
        return {
            channelId: this.options.channelId,
            session: this.state.session,
            token: this.token,
            microphone: this.state.sending.microphone === 'on',
            camera: this.state.sending.camera === 'on',
        };
    }

    toggleMicrophone(): void {
        this.media.toggle('microphone');
    }

    toggleCamera(): void {
        this.media.toggle('camera');
    }

    toggleScreen(): void {
        this.media.toggle('screen');
    }

    /** Shares a screen that was chosen otherwise than by this page's browser. */
    share(capture: () => Promise<Screen>): void {
        void this.media.share(capture);
    }

    /** From a gesture: sound was blocked. */
    allowSound(): void {
        this.audio.resume();
    }

    setView(view: View): void {
        if (JSON.stringify(view) !== JSON.stringify(this.view)) {
            this.view = view;
            this.peer?.setView(view);
        }
    }

    leave(): void {
        if (this.state.phase !== 'ended') {
            const socket = this.world.socket;
            void this.finish({type: 'left'}, () => socket.sendNow('leave'));
        }
    }

    /** Ends at once and tells nobody: `resumable`, read before, takes the session up again. */
    abandon(): void {
        if (this.state.phase === 'ended') {
            return;
        }
        this.set({phase: 'ended'});
        this.closePeer();
        this.scope.close();
    }

    /** The call is over for all, or our session was ended: no `leave` is needed. */
    handleEnded(reason: EndReason): void {
        void this.finish(reason);
    }

    /** The media server is new: the old connection is worthless. Told twice, by both sockets. */
    handleMediaMoved(): void {
        const again = Date.now() - this.movedAt < MOVED_TWICE_MS;
        if (this.state.phase !== 'ended' && this.state.session !== '' && !again) {
            this.movedAt = Date.now();
            this.rejoin();
        }
    }

    /** The network came back: don't wait for timers. */
    handleOnline(): void {
        this.world.socket.hurry();
    }

    private handleSocket(event: SocketEvent): void {
        if (event.type === 'down') {
            // Media goes on without signalling, so the call does too.
            return;
        }
        if (event.type === 'event') {
            this.handleEvent(event.name, event.data, event.broadcast);
            return;
        }
        if (this.wantsJoin) {
            this.sendJoin();
            return;
        }
        this.world.socket.sendNow('reconnect', {
            channelID: this.options.channelId,
            originalConnID: this.state.session,
            prevConnID: event.previous,
        });
        // The answer tells whether the session still lives.
        this.world.socket.sendNow('call_state', {channelID: this.options.channelId});
        this.media.tell();
    }

    private handleEvent(name: string, data: Fields, broadcast: Broadcast): void {
        if (this.state.phase === 'ended') {
            return;
        }
        const own: Record<string, (() => void) | undefined> = {
            join: () => this.handleJoined(data),
            error: () => this.handleError(data),
            parley_dropped: () => this.handleDropped(),
            signal: () => this.peer?.handleSignal(asText(data.data) ?? ''),
        };
        const handle = own[name];
        if (handle) {
            if (data.connID === this.world.socket.connection || data.connID === this.state.session) {
                handle();
            }
            return;
        }
        if (!isCallEventName(name)) {
            return;
        }
        // The page hears these too; here they come even while its own connection is down.
        const event = parseEvent(name, data, broadcast);
        if (!event || event.type === 'call_start' || event.channelId !== this.options.channelId) {
            return;
        }
        this.events.emit({type: 'heard', event});
        if (event.type === 'call_state') {
            this.handleCallState(event.call?.sessions.map((session) => session.sessionId) ?? []);
        } else if (event.type === 'media_moved') {
            this.handleMediaMoved();
        } else if (event.type === 'call_end') {
            this.handleEnded({type: 'call_ended', reason: event.reason});
        } else if (event.type === 'removed' && event.sessionId === this.state.session) {
            this.handleEnded({type: 'removed', reason: event.reason});
        }
    }

    private handleCallState(sessions: string[]): void {
        if (this.state.session !== '' && !this.wantsJoin && !sessions.includes(this.state.session)) {
            // We were given up meanwhile; the token brings the same session back if the call still runs.
            this.rejoin();
        }
    }

    private handleJoined(data: Fields): void {
        // Each answer stands for a new media connection at the server, also one to a repeated `join`.
        const joined = parseJoined(data);
        if (!joined) {
            return;
        }
        this.wantsJoin = false;
        this.stopJoinRetry();
        this.token = joined.resume;
        this.set({session: joined.session});
        this.openPeer();
    }

    /** Too much was sent, whatever of it: what the others should know is said again when that has passed. */
    private handleDropped(): void {
        this.events.emit({type: 'problem', problem: 'rate_limited'});
        if (!this.wantsJoin) {
            this.scope.timeout(() => this.media.tell(), DROPPED_RETRY_MS);
        }
    }

    private handleError(data: Fields): void {
        const refusal = parseRefusal(data);
        if (!this.wantsJoin) {
            if (refusal.code === 'screen_taken' || refusal.code === 'screen_disabled') {
                this.media.handleScreenRefused();
            }
            return;
        }
        this.stopJoinRetry();
        const passing = refusal.code === 'unavailable' || refusal.code === 'rate_limited';
        if (this.state.session !== '' && passing) {
            this.stopJoinRetry = this.scope.timeout(() => this.sendJoin(), UNAVAILABLE_RETRY_MS);
        } else if (refusal.code === 'resume_invalid') {
            // Nothing to take back: what ended it may have been told on the page's connection.
            this.scope.timeout(() => this.handleEnded({type: 'removed', reason: 'timeout'}), REASON_GRACE_MS);
        } else {
            this.handleEnded({type: 'refused', ...refusal});
        }
    }

    private sendJoin(): void {
        const {channelId, title, threadId} = this.options;
        const session = this.state.session;
        this.stopJoinRetry();
        this.stopJoinRetry = this.scope.timeout(() => this.sendJoin(), JOIN_RETRY_MS);
        this.world.socket.sendNow('join', joinData({
            channelId,
            title,
            threadId,
            resume: session === '' ? undefined : {session, token: this.token},
            av1: this.options.av1,
            unmuted: this.state.sending.microphone === 'on',
        }));
    }

    private openPeer(): void {
        this.closePeer();
        const peer = new Peer(this.world.connect());
        this.peer = peer;
        peer.setView(this.view);
        peer.events.on((event) => {
            if (this.peer !== peer) {
                return;
            }
            switch (event.type) {
                case 'sdp':
                    this.world.socket.sendBytes('sdp', event.deflated);
                    break;
                case 'connected':
                    console.info(`parley: rtc connected (session ${this.state.session})`);
                    this.stopPatience();
                    this.set({phase: 'connected'});
                    void this.media.attach(peer, this.state.session);
                    break;
                case 'failed':
                    this.handleFailure(event.state);
                    break;
                case 'track':
                    if (event.track.kind === 'audio') {
                        this.audio.add(event.mid, event.track);
                    } else {
                        this.board.handleTrack(event.mid, event.track);
                    }
                    break;
                case 'slots':
                    this.board.handleSlots(event.slots);
                    break;
                case 'voice':
                    this.set({speaking: event.sessions});
                    break;
            }
        });
    }

    private handleFailure(state: string): void {
        const again = (): void => {
            if (this.state.phase !== 'ended') {
                console.warn(`parley: rtc failed: ${state} (session ${this.state.session})`);
                this.rejoin();
            }
        };
        if (state === CHANNEL_CLOSED) {
            // The server hung up, most likely because the call is over: the reason is on its way.
            this.peer = undefined;
            this.media.detach();
            this.scope.timeout(() => {
                if (!this.peer) {
                    again();
                }
            }, REASON_GRACE_MS);
        } else {
            again();
        }
    }

    private closePeer(): void {
        this.media.detach();
        this.peer?.close();
        this.peer = undefined;
        this.board.reset();
        this.audio.reset();
    }

    private rejoin(): void {
        if (this.state.phase === 'ended') {
            return;
        }
        this.closePeer();
        if (this.state.phase === 'connected') {
            this.waitAtMost(RECONNECT_PATIENCE_MS);
            this.set({phase: 'reconnecting', speaking: []});
        }
        this.wantsJoin = true;
        if (this.world.socket.connection !== '') {
            this.sendJoin();
        }
    }

    private waitAtMost(patienceMs: number): void {
        this.stopPatience();
        this.stopPatience = this.scope.timeout(() => this.handleEnded({type: 'connection'}), patienceMs);
    }

    /** Ends for the user at once; the last report still goes out before the connection is closed. */
    private async finish(reason: EndReason, farewell?: () => void): Promise<void> {
        if (this.state.phase === 'ended') {
            return;
        }
        this.set({phase: 'ended'});
        this.media.close();
        this.audio.reset();
        this.events.emit({type: 'ended', reason});
        // A tab that is closed meanwhile does not come back to the line below.
        this.scope.listen(window, 'pagehide', () => farewell?.());
        await Promise.race([this.reporter.report(), new Promise((resolve) => setTimeout(resolve, LAST_REPORT_MS))]);
        farewell?.();
        this.closePeer();
        this.scope.close();
    }

    private set(change: Partial<ClientState>): void {
        this.state = {...this.state, ...change};
        this.events.emit({type: 'state', state: this.state});
    }
}
