// The tab's calls: what the user wishes and what the server tells, turned into one CallClient at a time
// and into the store's slice. No React in here.

import {
    DEFAULT_CONFIG, endCall, fetchCall, fetchChannels, fetchConfig, fetchTurnServers, sendReport, switchChannel,
} from '../base/api';
import {callLink, webSocketUrl} from '../base/ids';
import type {PlatformState, Store} from '../base/platform';
import {Scope} from '../base/scope';
import {CallClient} from '../call/client';
import type {ClientOptions, EndReason} from '../call/client_types';
import {takesAv1} from '../call/encodings';
import {INTENT_MS, StartIntents} from '../call/intent';
import {BrowserDevices} from '../call/media';
import {clearResume, saveResume, takeResume} from '../call/resume';
import type {Resume} from '../call/resume';
import {CallSocket} from '../call/socket';
import {TurnServers} from '../call/turn';
import type {TextId} from '../i18n/texts';
import {Popout} from '../popout/opener';
import type {CallEvent} from '../protocol/events';
import * as select from '../state/select';
import type {CallsAction, Notice, Prompt, ViewMode} from '../state/slice';
import {announcement} from './announcement';
import {copyText} from './clipboard';
import {Profiles, peopleOf} from './profiles';
import {Recording} from './recording';
import {ScreenShare} from './screen_share';
import {explain} from './reasons';
import type {CallWindow, JoinWish, Surroundings} from './surroundings';

/** How long after `user_left` of our session its reason may still arrive. */
const REMOVAL_GRACE_MS = 1_000;
/** Information goes away by itself; errors stay until they are dismissed. */
const INFO_MS = 6_000;
/** When to look for a started call whose event did not come. */
const START_LOOKS_MS = [1_500, 4_000, 8_000];

export class Controller {
    readonly popout: Popout;
    readonly screen: ScreenShare;
    readonly recording: Recording;
    private readonly scope = new Scope();
    private window: CallWindow | undefined;
    private readonly intents = new StartIntents();
    private config = Promise.resolve(DEFAULT_CONFIG);
    private client: CallClient | undefined;
    private serial = 0;
    private connectedOnce = false;
    private readonly profiles: Profiles;
    private stopInfo: () => void = () => undefined;

    constructor(private readonly store: Store, private readonly surroundings: Surroundings = {}) {
        this.screen = new ScreenShare(() => this.client, surroundings.askForScreen);
        this.recording = new Recording(store, this.scope, {
            chime: (tune) => this.client?.audio.chime(tune),
            tell: (message, values) => this.notify('error', message, values),
        });
        this.profiles = new Profiles(
            this.scope,
            (id) => select.user(this.state, id) !== undefined,
            (users) => this.dispatch({type: 'parley/users', users}),
        );
        this.popout = new Popout({store, controller: this}, (open) => this.handlePopout(open));
        this.scope.listen(window, 'pagehide', () => this.handlePageHide());
        this.scope.listen(window, 'pageshow', () => clearResume());
        this.scope.listen(window, 'online', () => this.client?.handleOnline());
    }

    /** The running call's client, for pictures and devices. */
    get current(): CallClient | undefined {
        return this.client;
    }

    /** Loads the running calls, and takes back a call that a reload interrupted. */
    start(): void {
        void this.refresh();
        const resume = takeResume(Date.now());
        if (resume) {
            void this.open({channelId: resume.channelId}, resume);
        }
    }

    /** Calls are opened there from now on. */
    useWindow(opened: CallWindow): void {
        this.window = opened;
        this.screen.shareIn(opened);
    }

    /**
     * The plugin goes. The server may replace or restart it in this moment, so whoever is in a call keeps
     * the place for the plugin that comes next; microphone and camera are closed, for nobody could do it.
     */
    close(): void {
        this.popout.close();
        const client = this.client;
        const resume = client?.resumable;
        this.client = undefined;
        this.scope.close();
        this.dispatch({type: 'parley/own', own: null});
        if (client && resume) {
            client.abandon();
            saveResume(resume, Date.now());
        } else {
            client?.leave();
        }
    }

    /** Loads what may have changed while nobody told us: the configuration, the running calls. */
    async refresh(): Promise<void> {
        this.loadConfig();
        try {
            const {calls, channels} = await fetchChannels();
            this.dispatch({type: 'parley/calls', calls, channels});
            this.profiles.want(calls.flatMap((call) => call.sessions.map((session) => session.userId)));
        } catch (error) {
            console.warn('parley: the running calls could not be read', error);
        }
    }

    /** The user wishes to be in this channel's call. */
    join(wish: JoinWish): void {
        const present = select.ownChannelId(this.state);
        if (present === wish.channelId) {
            return;
        }
        const refusal = select.callIn(this.state, wish.channelId) ? undefined : select.startRefusal(this.state, wish.channelId);
        if (refusal) {
            this.notify('error', `notice.${refusal}`);
            return;
        }
        if (present !== '') {
            this.ask({type: 'switch', channelId: wish.channelId, ...(wish.title ? {title: wish.title} : {})});
            return;
        }
        this.enter(wish);
    }

    /** Leaves the present call for another one. */
    switchTo(wish: JoinWish): void {
        this.leave();
        this.enter(wish);
    }

    leave(): void {
        if (this.slice.elsewhere) {
            this.window?.leave();
        } else if (this.client) {
            this.client.leave();
        } else if (this.slice.own) {
            // Still waiting for the configuration: `open` sees that nobody wants the call any more.
            this.dispatch({type: 'parley/own', own: null});
        }
    }

    /** Shows the larger view in a window of its own. From a gesture: browsers open none otherwise. */
    popOut(): void {
        const channelId = this.slice.own?.channelId;
        if (channelId !== undefined && !this.popout.open(select.teamName(this.state, channelId), channelId)) {
            this.notify('error', 'notice.popup_blocked');
        }
    }

    async end(channelId: string): Promise<void> {
        try {
            await endCall(channelId);
        } catch {
            this.notify('error', 'notice.end_failed');
        }
    }

    /** Turns starting calls in a channel on or off; everybody there is told by an event. */
    async switchChannel(channelId: string, enabled: boolean): Promise<void> {
        try {
            await switchChannel(channelId, enabled);
            this.notify('info', enabled ? 'notice.switched_on' : 'notice.channel_off');
        } catch {
            this.notify('error', 'notice.switch_failed');
        }
    }

    /** `copy` is that of the window that was clicked in: others may not. */
    async copyLink(channelId: string, copy = copyText): Promise<void> {
        const link = callLink(channelId, this.state.entities?.general?.config?.SiteURL);
        if (await copy(link)) {
            this.notify('info', 'notice.link_copied');
        } else {
            this.notify('error', 'notice.link', {link});
        }
    }

    ask(prompt: Prompt | null): void {
        this.dispatch({type: 'parley/prompt', prompt});
    }

    show(mode: ViewMode): void {
        this.dispatch({type: 'parley/mode', mode});
    }

    /** Shows a text. */
    tell(tone: Notice['tone'], message: TextId, values?: Notice['values']): void {
        this.notify(tone, message, values);
    }

    dismiss(): void {
        this.dispatch({type: 'parley/notice', notice: null});
    }

    /** `/call start` was typed here. */
    rememberStart(channelId: string): void {
        const at = Date.now();
        this.intents.remember(channelId, at);
        for (const delay of START_LOOKS_MS) {
            this.scope.timeout(() => void this.lookForStart(channelId, at), delay);
        }
    }

    handleEvent(event: CallEvent): void {
        this.say(event);
        this.dispatch({type: 'parley/event', event});
        this.profiles.want(peopleOf(event));
        if (event.type === 'call_start') {
            const {channelId, ownerId} = event.call;
            if (this.intents.take({channelId, ownerId}, select.me(this.state), Date.now())) {
                this.join({channelId});
            }
            return;
        }
        const client = this.client;
        if (!client || event.channelId !== client.channelId) {
            return;
        }
        switch (event.type) {
            case 'call_end':
                client.handleEnded({type: 'call_ended', reason: event.reason});
                break;
            case 'removed':
                if (event.sessionId === client.snapshot.session) {
                    client.handleEnded({type: 'removed', reason: event.reason});
                }
                break;
            case 'left':
                if (event.sessionId === client.snapshot.session) {
                    this.scope.timeout(() => client.handleEnded({type: 'removed', reason: ''}), REMOVAL_GRACE_MS);
                }
                break;
            case 'media_moved':
                client.handleMediaMoved();
                break;
            case 'alone':
                this.notify('info', 'notice.alone', {seconds: event.endsInS});
                break;
            default:
                break;
        }
    }

    /** The page's connection may have missed `call_start`, e.g. while it was reconnecting: then asks. */
    private async lookForStart(channelId: string, rememberedAt: number): Promise<void> {
        if (!this.intents.waits(channelId, Date.now())) {
            return;
        }
        try {
            const call = await fetchCall(channelId);
            if (call && Math.abs(call.startAt - rememberedAt) < INTENT_MS) {
                this.handleEvent({type: 'call_start', call});
            }
        } catch (error) {
            console.debug('parley: the call could not be looked for', error);
        }
    }

    private get state(): PlatformState {
        return this.store.getState();
    }

    private get slice(): ReturnType<typeof select.calls> {
        return select.calls(this.state);
    }

    private dispatch(action: CallsAction): void {
        this.store.dispatch(action);
    }

    /** The one before stays when a new one cannot be had. */
    private loadConfig(): void {
        const before = this.config;
        this.config = fetchConfig().then((config) => {
            const {features, calls} = config;
            this.dispatch({type: 'parley/config', features, callsConfig: calls});
            return config;
        }).catch((error: unknown) => {
            console.warn('parley: no configuration', error);
            return before;
        });
    }

    private enter(wish: JoinWish): void {
        if (this.window) {
            this.window.join(wish);
        } else {
            void this.open(wish);
        }
    }

    private handlePopout(open: boolean): void {
        this.dispatch({type: 'parley/popout', open});
        if (!open) {
            this.screen.handleWindowGone();
        }
    }

    private async open(wish: JoinWish, resume?: Resume): Promise<void> {
        this.dismiss();
        this.dispatch({
            type: 'parley/own',
            own: {
                channelId: wish.channelId,
                joinedAt: Date.now(),
                phase: resume ? 'reconnecting' : 'connecting',
                session: resume?.session ?? '',
                sending: {microphone: 'off', camera: 'off', screen: 'off'},
                speaking: [],
                soundBlocked: false,
                devices: true,
            },
        });
        const config = await this.config;
        const turn = new TurnServers(config.needsTurnCredentials ? fetchTurnServers : undefined);
        const forgetTurn = this.scope.add(() => turn.close());
        await turn.load();
        if (this.slice.own?.channelId !== wish.channelId || this.client) {
            forgetTurn();
            return;
        }
        const direct = select.channel(this.state, wish.channelId)?.type === 'D';
        const options: ClientOptions = {
            channelId: wish.channelId,
            ...(wish.title ? {title: wish.title} : {}),
            ...(wish.threadId ? {threadId: wish.threadId} : {}),
            ...(resume ? {resume} : {}),
            unmute: direct && wish.muted !== true,
            simulcast: config.simulcast,
            av1: config.av1 && takesAv1(),
        };
        const client = new CallClient({
            socket: new CallSocket(webSocketUrl(this.state.entities?.general?.config?.WebsocketURL)),
            devices: new BrowserDevices(),
            connect: () => new RTCPeerConnection({iceServers: [...config.iceServers, ...turn.servers]}),
            report: sendReport,
        }, options);
        this.client = client;
        this.connectedOnce = resume !== undefined;
        client.events.on((event) => {
            if (this.client !== client) {
                return;
            }
            switch (event.type) {
                case 'state': {
                    this.connectedOnce ||= event.state.phase === 'connected';
                    const own = this.slice.own;
                    if (own) {
                        this.dispatch({type: 'parley/own', own: {...own, ...event.state}});
                    }
                    break;
                }
                case 'problem':
                    // What was solved already is news, not an error.
                    this.notify(event.problem.endsWith('_default') ? 'info' : 'error', `notice.${event.problem}`);
                    break;
                case 'heard':
                    if (this.surroundings.alone) {
                        this.handleEvent(event.event);
                    }
                    break;
                case 'ended':
                    forgetTurn();
                    this.handleEnd(event.reason);
                    break;
            }
        });
        client.start();
    }

    private handleEnd(reason: EndReason): void {
        this.client = undefined;
        this.popout.close();
        clearResume();
        this.dispatch({type: 'parley/own', own: null});
        const explanation = explain(reason, this.connectedOnce);
        this.surroundings.onEnd?.(explanation);
        if (explanation) {
            this.notify(explanation.tone, explanation.message, explanation.values);
        }
    }

    private handlePageHide(): void {
        const resume = this.client?.resumable;
        if (resume) {
            saveResume(resume, Date.now());
        }
    }

    private notify(tone: Notice['tone'], message: TextId, values?: Notice['values']): void {
        this.serial += 1;
        this.stopInfo();
        this.dispatch({type: 'parley/notice', notice: {serial: this.serial, tone, message, ...(values ? {values} : {})}});
        if (tone === 'info') {
            this.stopInfo = this.scope.timeout(() => this.dismiss(), INFO_MS);
        }
    }

    /** Joins and leaves of others in our call, for the live region. */
    private say(event: CallEvent): void {
        const said = announcement(this.state, event);
        if (said) {
            this.serial += 1;
            this.dispatch({type: 'parley/said', said: {serial: this.serial, tone: 'info', ...said}});
        }
    }
}
