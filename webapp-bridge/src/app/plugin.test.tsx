// @vitest-environment happy-dom
import {combineReducers, legacy_createStore as createStore} from 'redux';
import type {Reducer} from 'redux';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {PLUGIN_ID} from '../base/ids';
import type {Channel, Registry, SlashArgs, SlashResult, Store} from '../base/platform';
import {calls} from '../state/select';
import {Plugin} from './plugin';

const CHANNEL = 'c'.repeat(26);
const OTHER = 'd'.repeat(26);
const args: SlashArgs = {channel_id: CHANNEL};

let plugin: Plugin;
let store: Store;
let slash: (message: string, args: SlashArgs) => SlashResult;
let header: (channel?: Channel) => void;
let events: Map<string, (frame: unknown) => void>;
let sockets: number;

const start = (channelId = CHANNEL, ownerId = 'me') =>
    events.get(`custom_${PLUGIN_ID}_call_start`)?.({
        event: `custom_${PLUGIN_ID}_call_start`,
        data: {id: 'call', channelID: channelId, start_at: 1, thread_id: '', post_id: 'p', owner_id: ownerId, host_id: ownerId},
        broadcast: {channel_id: channelId},
        seq: 1,
    });

const own = (): string | undefined => calls(store.getState()).own?.channelId;

beforeEach(() => {
    events = new Map();
    sockets = 0;
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('{}', {headers: {'Content-Type': 'application/json'}})));
    vi.stubGlobal('WebSocket', class {
        constructor() {
            sockets += 1;
        }

        close(): void {
            sockets -= 1;
        }
    });
    vi.stubGlobal('MediaStream', class {
        id = '';
    });
    const reducers: Record<string, Reducer> = {
        entities: () => ({
            users: {currentUserId: 'me', profiles: {}},
            channels: {currentChannelId: CHANNEL, channels: {}},
        }),
    };
    const real = createStore(combineReducers(reducers) as Reducer);
    store = real as Store;
    const registry: Registry = {
        registerReducer: (reducer) => {
            real.replaceReducer(combineReducers({...reducers, [`plugins-${PLUGIN_ID}`]: reducer as Reducer}) as Reducer);
            return '';
        },
        registerCallButtonAction: (_button, _dropdown, action) => {
            header = action;
            return '';
        },
        registerPostTypeComponent: () => '',
        registerSidebarChannelLinkLabelComponent: () => '',
        registerGlobalComponent: () => '',
        registerRootComponent: () => '',
        registerChannelHeaderMenuAction: () => '',
        registerSlashCommandWillBePostedHook: (hook) => {
            slash = hook;
            return '';
        },
        registerWebSocketEventHandler: (name, handler) => void events.set(name, handler),
        registerReconnectHandler: () => undefined,
        registerTranslations: () => undefined,
    };
    plugin = new Plugin();
    plugin.initialize(registry, store);
});

afterEach(() => {
    plugin.uninitialize();
    vi.unstubAllGlobals();
});

describe('/call start', () => {
    it('goes on unchanged, and this tab joins when the call starts', () => {
        expect(slash('/call start Weekly', args)).toEqual({message: '/call start Weekly', args});
        expect(own()).toBeUndefined();
        start();
        expect(own()).toBe(CHANNEL);
    });

    it('joins nothing when another tab asked, somebody else started, or it is another channel', () => {
        start();
        expect(own()).toBeUndefined();
        slash('/call start', args);
        start(OTHER);
        start(CHANNEL, 'somebody');
        expect(own()).toBeUndefined();
    });

    it('looks for the call when its event does not come', async () => {
        vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
        const call = {id: 'call', start_at: Date.now(), sessions: [], owner_id: 'me', host_id: 'me', post_id: 'p'};
        vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify({channel_id: CHANNEL, enabled: true, call}))));
        slash('/call start', args);
        vi.advanceTimersByTime(1_500);
        vi.useRealTimers();
        await vi.waitFor(() => expect(own()).toBe(CHANNEL));
    });

    it('joins nothing after 10 s', () => {
        const now = vi.spyOn(Date, 'now').mockReturnValue(1_000_000);
        slash('/call start', args);
        now.mockReturnValue(1_010_000);
        start();
        now.mockRestore();
        expect(own()).toBeUndefined();
    });
});

describe('other commands', () => {
    it('/call join acts here when a call runs, else the server answers', () => {
        expect(slash('/call join', args)).toEqual({message: '/call join', args});
        start();
        expect(slash('/call join', args)).toEqual({});
        expect(own()).toBe(CHANNEL);
        // In it already: the server says so.
        expect(slash('/call join', args)).toEqual({message: '/call join', args});
    });

    it('/call leave acts here when this tab is in the call, else the server answers', () => {
        expect(slash('/call leave', args)).toEqual({message: '/call leave', args});
        header();
        expect(slash('/call leave', args)).toEqual({});
        expect(own()).toBeUndefined();
    });

    it('has no opinion about the rest', () => {
        expect(slash('/call stats', args)).toBeNull();
        expect(slash('/callous start', args)).toBeNull();
        expect(slash('/away', args)).toBeNull();
    });
});

describe('the header', () => {
    it('tolerates click and touchend in one', async () => {
        header({id: CHANNEL} as Channel);
        header({id: CHANNEL} as Channel);
        await vi.waitFor(() => expect(sockets).toBe(1));
    });

    it('asks before it leaves another call', () => {
        header({id: OTHER} as Channel);
        vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 10_000);
        header({id: CHANNEL} as Channel);
        vi.restoreAllMocks();
        expect(own()).toBe(OTHER);
        expect(calls(store.getState()).prompt).toEqual({type: 'switch', channelId: CHANNEL});
    });
});

describe('uninitialize', () => {
    it('leaves the call and takes the styles along', async () => {
        header({id: CHANNEL} as Channel);
        await vi.waitFor(() => expect(sockets).toBe(1));
        expect(document.querySelectorAll('style[data-plugin="parley"]').length).toBe(1);
        plugin.uninitialize();
        expect(document.querySelectorAll('style[data-plugin="parley"]').length).toBe(0);
        await vi.waitFor(() => expect(sockets).toBe(0));
    });
});
