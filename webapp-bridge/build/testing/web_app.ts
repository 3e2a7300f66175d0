// A stand-in for Mattermost's web app: its globals in one React version, its registry, and the places
// where it puts what plugins register. Built from the real packages, run in a window of its own.
import {fileURLToPath} from 'node:url';

import {BrowserErrorCaptureEnum, Window} from 'happy-dom';
import type * as React from 'react';
import type * as ReactIntl from 'react-intl';
import type * as ReactRedux from 'react-redux';
import type * as Redux from 'redux';
import {build} from 'vite';
import type {Rolldown} from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Output = Rolldown.RolldownOutput['output'];

export interface Versions {
    /** Of React, as the web app has it. */
    react: string;
    entry: string;
    /** Packages by other names than their own. */
    packages: Record<string, string>;
}

/** What servers from the oldest we support to the next have. */
export const WEB_APPS: Versions[] = [
    {
        react: '17.0.2',
        entry: 'globals_17.ts',
        packages: {react: 'react-17', 'react-dom': 'react-dom-17', redux: 'redux-4', 'react-redux': 'react-redux-7'},
    },
    {react: '18.2.0', entry: 'globals_18.ts', packages: {}},
    {react: '19.2.9', entry: 'globals_18.ts', packages: {react: 'react-19', 'react-dom': 'react-dom-19'}},
];

interface Globals {
    React: typeof React;
    ReactIntl: typeof ReactIntl;
    ReactRedux: typeof ReactRedux;
    Redux: typeof Redux;
    testRender: (node: React.ReactNode, place: unknown) => void;
}

/** The web app's globals as one classic script; React's warnings are in it. */
export async function globalsOf({entry, packages}: Versions): Promise<string> {
    const alias = Object.entries(packages).map(([name, other]) =>
        ({find: new RegExp(`^${name}(?=/|$)`), replacement: here(`../../node_modules/${other}`)}));
    const made = await build({
        configFile: false,
        logLevel: 'error',
        root: here('../..'),
        define: {'process.env.NODE_ENV': JSON.stringify('development')},
        resolve: {alias},
        build: {
            write: false,
            minify: false,
            rolldownOptions: {input: here(entry), output: {format: 'iife'}},
        },
    });
    return onlyScript(made as Rolldown.RolldownOutput);
}

/** The bundle, built as `npm run build` does it, but for an id or of an entry of choice. */
export async function bundleWith({pluginId, entry}: {pluginId?: string; entry?: string}): Promise<Output> {
    const before = process.env.PARLEY_PLUGIN_ID;
    if (pluginId !== undefined) {
        process.env.PARLEY_PLUGIN_ID = pluginId;
    }
    try {
        const made = await build({
            configFile: here('../vite.plugin.ts'),
            logLevel: 'error',
            build: {write: false, ...(entry === undefined ? {} : {rolldownOptions: {input: entry}})},
        });
        return (made as Rolldown.RolldownOutput).output;
    } finally {
        if (before === undefined) {
            delete process.env.PARLEY_PLUGIN_ID;
        } else {
            process.env.PARLEY_PLUGIN_ID = before;
        }
    }
}

export function onlyScript({output}: {output: Output}): string {
    const [only, ...more] = output.filter((file) => file.type === 'chunk');
    if (!only || more.length > 0) {
        throw new Error(`one script was expected, not ${output.map((file) => file.fileName).join(', ')}`);
    }
    return only.code;
}

interface Plugin {
    initialize: (registry: unknown, store: unknown) => void;
    uninitialize: () => void;
}

type Component = React.ComponentType<Record<string, unknown>>;
type Handler = (frame: unknown) => void;
type Action = (channel: unknown, member: unknown) => void;

export const CHANNEL = {id: 'c'.repeat(26), name: 'town', display_name: 'Town Square', type: 'O', team_id: 't'.repeat(26), delete_at: 0};
export const ME = 'u'.repeat(26);
const OTHER = 'v'.repeat(26);

const person = (id: string, username: string) => ({[id]: {id, username, roles: 'system_user'}});
const people = {...person(ME, 'alice'), ...person(OTHER, 'bob')};

/** The parts of the state that plugins may read. */
const entities = {
    users: {currentUserId: ME, profiles: people, statuses: {}},
    channels: {currentChannelId: CHANNEL.id, channels: {[CHANNEL.id]: CHANNEL}, myMembers: {}},
    teams: {currentTeamId: CHANNEL.team_id, teams: {}},
    general: {config: {}, license: {}},
    preferences: {myPreferences: {}},
};

/** A page of the web app with the plugin in it. */
export class WebApp {
    /** Errors and warnings: of React, of the console, of scripts. */
    readonly problems: string[] = [];
    /** Ids under which scripts registered. */
    readonly registered: string[] = [];
    readonly window: Window;
    private readonly globals: Globals;
    private readonly store: Redux.Store;
    private plugin: Plugin | undefined;
    private readonly reducers: Record<string, Redux.Reducer>;
    private readonly postTypes = new Map<string, Component>();
    private readonly globalComponents: Component[] = [];
    private readonly labels: Component[] = [];
    private readonly events = new Map<string, Handler>();
    private header: {button: React.ReactNode; dropdown: React.ReactNode; action: Action} | undefined;
    private texts: Record<string, string> = {};
    private numbers = 0;

    /** `before`: what the window has when the scripts run. */
    constructor(scripts: {globals: string; bundle: string; before?: Record<string, unknown>}) {
        const keep = (...parts: unknown[]) => void this.problems.push(parts.map(String).join(' '));
        this.window = new Window({
            url: 'https://chat.example.com/team/channels/town',
            console: Object.assign(Object.create(console) as Console, {error: keep, warn: keep}),
            settings: {enableJavaScriptEvaluation: true, errorCapture: BrowserErrorCaptureEnum.tryAndCatch, suppressInsecureJavaScriptEnvironmentWarning: true},
        });
        this.stubNetwork();
        Object.assign(this.window, scripts.before);
        Object.assign(this.window, {registerPlugin: (id: string, plugin: Plugin) => {
            this.registered.push(id);
            this.plugin = plugin;
        }});
        this.run('globals', scripts.globals);
        this.globals = this.window as unknown as Globals;
        this.reducers = {entities: () => entities};
        this.store = this.globals.Redux.legacy_createStore(this.reducer());
        this.run(`plugin`, scripts.bundle);
        this.plugin?.initialize(this.registry(), this.store);
    }

    /** Puts everything that is registered where the web app has it. */
    render(post: Record<string, unknown>): void {
        const {React, ReactIntl, ReactRedux} = this.globals;
        const place = this.window.document.createElement('div');
        this.window.document.body.append(place);
        const element = React.createElement;
        const props = {theme: {}, webSocketClient: {}};
        const PostBody = this.postTypes.get(post.type as string);
        const header = this.header;
        this.globals.testRender(
            element(ReactRedux.Provider, {store: this.store} as never,
                element(ReactIntl.IntlProvider, {locale: 'en', messages: this.texts} as never,
                    element('div', {id: 'header', onClick: () => header?.action(CHANNEL, {}), onTouchEnd: () => header?.action(CHANNEL, {})}, header?.button),
                    element('div', {id: 'menu'}, header?.dropdown),
                    element('div', {id: 'sidebar'}, this.labels.map((Label, at) => element(Label, {key: at, channel: CHANNEL, ...props}))),
                    element('div', {id: 'post'}, PostBody ? element(PostBody, {post, compactDisplay: false, isRHS: false, theme: {}}) : null),
                    this.globalComponents.map((Global, at) => element(Global, {key: at, ...props})),
                )),
            place,
        );
    }

    /** A WebSocket event of the plugin. */
    receive(name: string, data: Record<string, unknown>): void {
        const event = `custom_${this.registered[0] ?? ''}_${name}`;
        const handler = this.events.get(event);
        if (!handler) {
            throw new Error(`nobody listens to ${event}`);
        }
        handler({event, data, broadcast: {channel_id: CHANNEL.id}, seq: 1});
    }

    text(place: string): string {
        return this.window.document.querySelector(place)?.textContent ?? '';
    }

    /** The web app's own element round the button takes the click. */
    clickHeader(): void {
        (this.window.document.querySelector('#header button') as unknown as {click: () => void}).click();
    }

    removePlugin(): void {
        this.plugin?.uninitialize();
        this.plugin = undefined;
    }

    async close(): Promise<void> {
        this.removePlugin();
        await this.window.happyDOM.close();
    }

    private run(name: string, source: string): void {
        try {
            this.window.eval(source);
        } catch (error) {
            this.problems.push(`${name}: ${String(error)}`);
        }
    }

    /** The server is there but has nothing to say. */
    private stubNetwork(): void {
        const {window} = this;
        class Socket {
            static readonly OPEN = 1;
            readonly readyState = 0;
            send(): void { /* not open yet */ }
            close(): void { /* nothing to close */ }
            addEventListener(): void { /* never opens */ }
            removeEventListener(): void { /* never opens */ }
        }
        const answer = () => Promise.resolve(new window.Response('{}', {headers: {'Content-Type': 'application/json'}}));
        Object.assign(window, {WebSocket: Socket, fetch: answer});
    }

    private reducer(): Redux.Reducer {
        return this.globals.Redux.combineReducers(this.reducers) as Redux.Reducer;
    }

    private id(): string {
        this.numbers += 1;
        return `id${this.numbers}`;
    }

    /** As far as plugins of ours use it; positional arguments, as they pass them. */
    private registry(): Record<string, unknown> {
        return {
            registerReducer: (reducer: Redux.Reducer) => {
                this.reducers[`plugins-${this.registered[0] ?? ''}`] = reducer;
                this.store.replaceReducer(this.reducer());
                return this.id();
            },
            registerTranslations: (texts: (locale: string) => Record<string, string>) => {
                this.texts = texts('en');
            },
            registerCallButtonAction: (button: React.ReactNode, dropdown: React.ReactNode, action: Action) => {
                this.header = {button, dropdown, action};
                return this.id();
            },
            registerPostTypeComponent: (type: string, component: Component) => {
                this.postTypes.set(type, component);
                return this.id();
            },
            registerGlobalComponent: (component: Component) => {
                this.globalComponents.push(component);
                return this.id();
            },
            registerSidebarChannelLinkLabelComponent: (component: Component) => {
                this.labels.push(component);
                return this.id();
            },
            registerWebSocketEventHandler: (event: string, handler: Handler) => this.events.set(event, handler),
            registerChannelHeaderMenuAction: () => this.id(),
            registerSlashCommandWillBePostedHook: () => this.id(),
            registerReconnectHandler: () => undefined,
        };
    }
}
