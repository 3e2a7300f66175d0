// The page's conductor: signs in, loads what an address needs, keeps the state in step with the
// server. It decides; fetching, parsing, sockets and plugins are others' work.
import type {ApiClient} from '../api/client';
import type {Post} from '../api/shapes';
import type {PluginHandlers} from '../plugins/handlers';
import type {PluginLoader} from '../plugins/loader';
import type {EventFrame} from '../socket/frame';
import type {PageSocket} from '../socket/socket';
import {channelName, currentTeam, directPartnerId, displayName, sidebarChannels} from '../store/select';
import type {PageStore} from '../store/store';
import {plainText} from '../text/format';
import {handleEvent} from './events';
import {People} from './people';
import {channelPath, isId, parseRoute, type Route} from './routes';

export interface Navigation {
    pathname: () => string;
    search: () => string;
    push: (path: string) => void;
    replace: (path: string) => void;
    /** Leaves the page: the whole document is loaded anew. */
    leaveTo: (path: string) => void;
}

export interface PageParts {
    api: ApiClient;
    store: PageStore;
    handlers: PluginHandlers;
    navigation: Navigation;
    isVisible: () => boolean;
    now: () => number;
}

export class Page {
    socket!: PageSocket;
    plugins!: PluginLoader;
    readonly people: People;
    private listening: ((frame: EventFrame) => void)[] = [];
    /** Counts addresses: a slow answer for an older one must not win. */
    private turn = 0;

    constructor(private readonly parts: PageParts) {
        this.people = new People(parts.api, parts.store);
    }

    /** Loads everything for the person whose cookie this is, or shows the sign-in page. */
    async start(): Promise<void> {
        const {api, store, navigation} = this.parts;
        try {
            const [config, license] = await Promise.all([api.clientConfig(), api.license()]);
            store.dispatch({type: 'config', config, license});
            await this.loadOwn();
        } catch (error) {
            if (isSignedOut(error)) {
                this.showLogin();
                return;
            }
            console.error('The page did not start', error);
            store.dispatch({type: 'phase', phase: 'failed'});
            return;
        }
        if (parseRoute(navigation.pathname(), navigation.search()).kind === 'login') {
            navigation.replace('/');
        }
        this.socket.connect();
        // Plugins read the current channel while they start: open it first.
        await this.openLocation();
        await this.plugins.sync();
    }

    private async loadOwn(): Promise<void> {
        const {api, store} = this.parts;
        const user = await api.me();
        store.dispatch({type: 'me', user});
        const [teams, members, preferences, config] = await Promise.all([
            api.myTeams(),
            api.myTeamMembers(),
            api.preferences(),
            api.clientConfig(),
        ]);
        store.dispatch({type: 'preferences', preferences});
        store.dispatch({type: 'config', config, license: store.getState().entities.general.license});
        store.dispatch({type: 'teams', teams, members});
    }

    showLogin(): void {
        const {store, navigation} = this.parts;
        this.socket.close();
        store.dispatch({type: 'signed_out'});
        if (parseRoute(navigation.pathname(), navigation.search()).kind === 'login') {
            return;
        }
        const here = navigation.pathname() + navigation.search();
        navigation.replace(here === '/' ? '/login' : `/login?redirect_to=${encodeURIComponent(here)}`);
    }

    async signIn(loginId: string, password: string, redirectTo: string): Promise<void> {
        await this.parts.api.login(loginId, password);
        // A fresh document: the page starts as if the person had come signed in.
        this.parts.navigation.leaveTo(redirectTo || '/');
    }

    async signOut(): Promise<void> {
        await this.parts.api.logout();
        this.parts.navigation.leaveTo('/login');
    }

    /** Shows what the address says. */
    async openLocation(): Promise<void> {
        const {store, navigation} = this.parts;
        const turn = ++this.turn;
        const route = parseRoute(navigation.pathname(), navigation.search());
        const state = store.getState();
        if (route.kind === 'login' || route.kind === 'plugin' || state.entities.users.currentUserId === '') {
            return;
        }
        const teams = Object.values(state.entities.teams.teams).filter((team) => team.delete_at === 0);
        const team = 'team' in route ? teams.find((entry) => entry.name === route.team) : currentTeam(state) ?? teams[0];
        if (!team) {
            store.dispatch(teams.length === 0 ? {type: 'phase', phase: 'no_team'} : {type: 'missing'});
            if (teams.length > 0) {
                store.dispatch({type: 'phase', phase: 'ready'});
            }
            return;
        }
        try {
            if (state.entities.teams.currentTeamId !== team.id) {
                store.dispatch({type: 'current_team', teamId: team.id});
                await this.reloadChannels();
            }
            const channelId = await this.findChannel(route, team.id);
            if (turn !== this.turn) {
                return;
            }
            if (!('team' in route) || route.kind === 'team') {
                const first = sidebarChannels(store.getState()).channels;
                const start = first.find((channel) => channel.name === 'town-square') ?? first[0];
                store.dispatch({type: 'phase', phase: 'ready'});
                if (start && !this.isPluginRoute(route)) {
                    navigation.replace(channelPath(team.name, start.name));
                }
                return;
            }
            if (channelId === '') {
                store.dispatch({type: 'missing'});
                store.dispatch({type: 'phase', phase: 'ready'});
                return;
            }
            const channel = store.getState().entities.channels.channels[channelId];
            if (route.kind === 'channel' && channel && channel.name !== route.channel) {
                // The address named it by id: show the readable one. The change brings us here again.
                navigation.replace(channelPath(team.name, channel.name) + navigation.search());
                return;
            }
            await this.showChannel(channelId);
        } catch (error) {
            if (isSignedOut(error)) {
                this.showLogin();
                return;
            }
            console.error('The channel did not load', error);
            store.dispatch({type: 'missing'});
        }
        store.dispatch({type: 'phase', phase: 'ready'});
    }

    /** `/<team>/<plugin id>/<route>`: a plugin's own view inside a team. */
    private isPluginRoute(route: Route): boolean {
        return route.kind === 'team' && this.parts.navigation.pathname().split('/').filter(Boolean).length > 1;
    }

    private async findChannel(route: Route, teamId: string): Promise<string> {
        const {api, store} = this.parts;
        const {entities} = store.getState();
        const mine = Object.values(entities.channels.channels).filter((channel) => entities.channels.myMembers[channel.id]);
        if (route.kind === 'group') {
            return mine.find((channel) => channel.name === route.channel)?.id ?? '';
        }
        if (route.kind === 'direct') {
            return this.directChannel(route.user);
        }
        if (route.kind !== 'channel') {
            return '';
        }
        const here = mine.filter((channel) => channel.team_id === teamId || channel.type === 'G');
        const known = here.find((channel) => channel.name === route.channel) ?? here.find((channel) => channel.id === route.channel);
        if (known) {
            return known.id;
        }
        const channel = isId(route.channel) ? await api.channel(route.channel) : await api.channelByName(teamId, route.channel);
        if (channel.type !== 'O' || channel.delete_at > 0) {
            return '';
        }
        await api.joinChannel(channel.id, entities.users.currentUserId);
        await this.reloadChannels();
        return channel.id;
    }

    private async directChannel(username: string): Promise<string> {
        const {api, store} = this.parts;
        const {users, channels} = store.getState().entities;
        const user = Object.values(users.profiles).find((entry) => entry.username === username) ?? await api.userByName(username);
        store.dispatch({type: 'users', users: [user]});
        const name = [users.currentUserId, user.id].sort().join('__');
        const known = Object.values(channels.channels).find((channel) => channel.name === name);
        if (known) {
            return known.id;
        }
        const channel = await api.directChannel([users.currentUserId, user.id]);
        const member = await api.myMember(channel.id);
        store.dispatch({type: 'channels', channels: [channel], members: [member]});
        return channel.id;
    }

    private async showChannel(channelId: string): Promise<void> {
        const {api, store} = this.parts;
        if (store.getState().entities.channels.currentChannelId !== channelId) {
            store.dispatch({type: 'side_closed'});
        }
        store.dispatch({type: 'current_channel', channelId});
        store.dispatch({type: 'phase', phase: 'ready'});
        const [list, users] = await Promise.all([api.posts(channelId), api.users({inChannel: channelId})]);
        store.dispatch({type: 'users_in_channel', channelId, users});
        store.dispatch({type: 'posts_loaded', channelId, list, older: false});
        this.people.needed(list.posts.map((post) => post.user_id));
        void this.people.refreshStatuses();
        this.markViewed(channelId);
    }

    async loadOlder(channelId: string): Promise<void> {
        const {api, store} = this.parts;
        const order = store.getState().entities.posts.postsInChannel[channelId]?.[0]?.order ?? [];
        const list = await api.posts(channelId, order[order.length - 1] ?? '');
        store.dispatch({type: 'posts_loaded', channelId, list, older: true});
        this.people.needed(list.posts.map((post) => post.user_id));
    }

    async openThread(rootId: string): Promise<void> {
        const {api, store} = this.parts;
        store.dispatch({type: 'thread_opened', rootId});
        const list = await api.thread(rootId);
        store.dispatch({type: 'thread_loaded', list});
        this.people.needed(list.posts.map((post) => post.user_id));
    }

    markViewed(channelId: string): void {
        const {api, store, isVisible, now} = this.parts;
        if (!isVisible() || channelId === '') {
            return;
        }
        store.dispatch({type: 'channel_viewed', channelId, now: now()});
        api.viewChannel(channelId).catch((error: unknown) => console.warn('Marking the channel as read failed', error));
    }

    async reloadChannels(): Promise<void> {
        const {api, store} = this.parts;
        const teamId = store.getState().entities.teams.currentTeamId;
        const [channels, members] = await Promise.all([api.myChannels(teamId), api.myChannelMembers(teamId)]);
        store.dispatch({type: 'channels', channels, members});
        const own = store.getState().entities.users.currentUserId;
        this.people.needed(channels.filter((channel) => channel.type === 'D').map((channel) => directPartnerId(channel, own)));
    }

    listen(listener: (frame: EventFrame) => void): () => void {
        this.listening = [...this.listening, listener];
        return () => {
            this.listening = this.listening.filter((entry) => entry !== listener);
        };
    }

    // What the socket reports.

    onEvent(frame: EventFrame): void {
        const {store, handlers} = this.parts;
        const background = (work: Promise<unknown>): void => {
            work.catch((error: unknown) => console.warn(`After ${frame.event}:`, error));
        };
        try {
            handleEvent(frame, {
                dispatch: (action) => store.dispatch(action),
                getState: () => store.getState(),
                reloadChannels: () => background(this.reloadChannels()),
                reloadTeams: () => background(this.loadOwn().then(() => this.openLocation())),
                reloadConfig: () => background(this.loadOwn()),
                channelGone: (channelId) => this.channelGone(channelId),
                newPost: (post, sender) => this.newPost(post, sender),
                usersNeeded: (ids) => this.people.needed(ids),
                pluginEnabled: (manifest) => background(this.plugins.load(manifest)),
                pluginDisabled: (id) => background(this.plugins.remove(id)),
            });
        } catch (error) {
            console.warn(`The event ${frame.event} makes no sense`, error);
        }
        handlers.handleEvent(frame);
        this.listening.forEach((listener) => listener(frame));
    }

    onConnected(connectionId: string, again: boolean): void {
        const {store, handlers} = this.parts;
        store.dispatch({type: 'socket', connected: true, connectionId});
        if (again) {
            this.catchUp().catch((error: unknown) => console.warn('Catching up failed', error));
            handlers.handleReconnect();
        }
    }

    onDisconnected(): void {
        this.parts.store.dispatch({type: 'socket', connected: false, connectionId: ''});
    }

    /** Events may have been missed: fetch what is on the screen again, and the list of plugins. */
    private async catchUp(): Promise<void> {
        const {threadRootId} = this.parts.store.getState().views;
        await this.plugins.sync();
        await this.loadOwn();
        await this.reloadChannels();
        const channelId = this.parts.store.getState().entities.channels.currentChannelId;
        if (channelId) {
            await this.showChannel(channelId);
        }
        if (threadRootId) {
            await this.openThread(threadRootId);
        }
    }

    private channelGone(channelId: string): void {
        const {store, navigation} = this.parts;
        const current = store.getState().entities.channels.currentChannelId === channelId;
        store.dispatch({type: 'channel_gone', channelId});
        if (current) {
            const team = currentTeam(store.getState());
            navigation.replace(team ? `/${team.name}` : '/');
        }
    }

    private newPost(post: Post, senderName: string): void {
        const {store} = this.parts;
        const state = store.getState();
        if (post.channel_id === state.entities.channels.currentChannelId) {
            this.markViewed(post.channel_id);
        }
        if (post.user_id === state.entities.users.currentUserId && post.type === '') {
            return;
        }
        const sender = displayName(state, state.entities.users.profiles[post.user_id]) || senderName.replace(/^@/, '');
        const place = channelName(state, state.entities.channels.channels[post.channel_id]);
        store.dispatch({type: 'announce', text: `${place} – ${sender}: ${plainText(post.message)}`});
    }
}

export function isSignedOut(error: unknown): boolean {
    return typeof error === 'object' && error !== null && 'status' in error && error.status === 401;
}
