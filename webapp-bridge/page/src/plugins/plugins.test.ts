import {beforeEach, describe, expect, it, vi} from 'vitest';

import type {Manifest} from '../api/shapes';
import {createPageStore, type StoreParts} from '../store/store';
import {namedArguments} from './args';
import {PluginHandlers} from './handlers';
import {PluginLoader, bundleAddress} from './loader';
import {PluginRegistry} from './registry';

const context = {channel_id: 'c', team_id: 't', root_id: ''};
const frame = (event: string) =>
    ({event, data: {}, broadcast: {omit_users: [], user_id: '', channel_id: '', team_id: '', connection_id: ''}, seq: 1});

describe('arguments', () => {
    it('come one by one or as one object of known names', () => {
        expect(namedArguments(['a', 'b'], [1, 2])).toEqual({a: 1, b: 2});
        expect(namedArguments(['a', 'b'], [{b: 2, a: 1}])).toEqual({a: 1, b: 2});
    });

    it('take any other object as the first argument', () => {
        const element = {type: 'div', props: {}};
        expect(namedArguments(['icon', 'action'], [element])).toEqual({icon: element, action: undefined});
        expect(namedArguments(['icon'], [{}])).toEqual({icon: {}});
    });
});

describe('the registry', () => {
    let parts: StoreParts;
    let handlers: PluginHandlers;
    let registry: PluginRegistry;
    let ids: number;

    beforeEach(() => {
        parts = createPageStore();
        handlers = new PluginHandlers();
        ids = 0;
        registry = new PluginRegistry('p', {
            dispatch: (action) => parts.store.dispatch(action),
            handlers,
            setReducer: parts.setPluginReducer,
            translationsChanged: vi.fn(),
            newId: () => `id${++ids}`,
        });
    });
    const place = (name: string) => parts.store.getState().plugins.components[name] ?? [];

    it('puts components into places and takes them back by id', () => {
        const action = vi.fn();
        const id = registry.registerCallButtonAction('button', 'entry', action);
        expect(place('CallButton')).toEqual([expect.objectContaining({id, pluginId: 'p', button: 'button', dropdownButton: 'entry', action})]);
        registry.unregisterComponent(id);
        expect(place('CallButton')).toEqual([]);
    });

    it('takes post types that start with custom_ only; the last one wins', () => {
        const one = () => null;
        const two = () => null;
        registry.registerPostTypeComponent('system_x', one);
        registry.registerPostTypeComponent('custom_x', one);
        const id = registry.registerPostTypeComponent({type: 'custom_x', component: two});
        expect(Object.keys(parts.store.getState().plugins.postTypes)).toEqual(['custom_x']);
        expect(parts.store.getState().plugins.postTypes.custom_x?.component).toBe(two);
        registry.unregisterPostTypeComponent(id);
        expect(parts.store.getState().plugins.postTypes).toEqual({});
    });

    it('toggles a panel by the action it returned', () => {
        const {id, toggleRHSPlugin} = registry.registerRightHandSidebarComponent(() => null, 'Title');
        parts.store.dispatch(toggleRHSPlugin as never);
        expect(parts.store.getState().views.panelId).toBe(id);
        parts.store.dispatch(toggleRHSPlugin as never);
        expect(parts.store.getState().views.panelId).toBe('');
    });

    it('delivers events to one handler per event and plugin', () => {
        const first = vi.fn();
        const second = vi.fn();
        registry.registerWebSocketEventHandler('custom_p_x', first);
        registry.registerWebSocketEventHandler('custom_p_x', second);
        handlers.handleEvent(frame('custom_p_x'));
        handlers.handleEvent(frame('custom_p_y'));
        expect(first).not.toHaveBeenCalled();
        expect(second).toHaveBeenCalledTimes(1);
        registry.unregisterWebSocketEventHandler('custom_p_x');
        handlers.handleEvent(frame('custom_p_x'));
        expect(second).toHaveBeenCalledTimes(1);
    });

    it('keeps one plugin\'s failure from the others', () => {
        const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
        const good = vi.fn();
        registry.registerWebSocketEventHandler('posted', () => {
            throw new Error('mine');
        });
        handlers.setEvent('q', 'posted', good);
        handlers.handleEvent(frame('posted'));
        expect(good).toHaveBeenCalled();
        error.mockRestore();
    });

    it('asks slash hooks in order: pass on, no opinion, swallow, refuse', async () => {
        const seen: string[] = [];
        registry.registerSlashCommandWillBePostedHook((message: string, args: object) => {
            seen.push(message);
            return Promise.resolve({message: `${message}!`, args});
        });
        const second = registry.registerSlashCommandWillBePostedHook((message: string) => {
            seen.push(message);
            return null;
        });
        expect(await handlers.runSlashHooks('/a', context)).toEqual({kind: 'pass', message: '/a!', args: context});
        expect(seen).toEqual(['/a', '/a!']);
        registry.unregisterComponent(second);
        registry.registerSlashCommandWillBePostedHook(() => ({error: {message: 'no'}}));
        expect(await handlers.runSlashHooks('/a', context)).toEqual({kind: 'refuse', text: 'no'});
        handlers.removePlugin('p');
        registry.registerSlashCommandWillBePostedHook(() => ({}));
        expect(await handlers.runSlashHooks('/a', context)).toEqual({kind: 'swallow'});
    });

    it('merges the texts of plugins', () => {
        registry.registerTranslations((locale: string) => ({'p.hello': locale === 'de' ? 'Hallo' : 'Hello', bad: 5}));
        expect(handlers.translationsFor('de')).toEqual({'p.hello': 'Hallo'});
    });

    it('accepts registrations for places it does not have', () => {
        const open = registry as unknown as Record<string, (...args: unknown[]) => unknown>;
        expect(open.registerFilePreviewComponent?.(() => true, () => null)).toBe('id1');
    });
});

describe('loading', () => {
    const manifest = (version: string, id = 'p'): Manifest => ({id, version, webapp: {bundle_path: `/static/${id}/${id}_${version}_bundle.js`}});

    function setUp(server: {list: Manifest[]}) {
        const log: string[] = [];
        const loader: PluginLoader = new PluginLoader({
            fetchManifests: () => Promise.resolve(server.list),
            runScript: (id, address) => {
                log.push(`script ${address}`);
                loader.register(id.replace('plugin_', ''), {
                    initialize: () => log.push('initialize'),
                    uninitialize: () => log.push('uninitialize'),
                });
                return Promise.resolve();
            },
            removeScript: (id) => log.push(`remove ${id}`),
            newRegistry: (id) => new PluginRegistry(id, {
                dispatch: vi.fn(),
                handlers: new PluginHandlers(),
                setReducer: vi.fn(),
                translationsChanged: vi.fn(),
                newId: () => '',
            }),
            store: {},
            basename: '/chat',
            onLoaded: () => undefined,
            onRemoving: () => log.push('components gone'),
            onRemoved: () => log.push('handlers gone'),
        });
        return {loader, log};
    }

    it('rewrites the address as Mattermost does', () => {
        expect(bundleAddress('/static/p/p_1_bundle.js', '/chat')).toBe('/chat/static/plugins/p/p_1_bundle.js');
        expect(bundleAddress('/static/plugins/p/x.js', '')).toBe('/static/plugins/p/x.js');
    });

    it('leaves the same version alone and replaces another', async () => {
        const server = {list: [manifest('1')]};
        const {loader, log} = setUp(server);
        await loader.sync();
        server.list = [{...manifest('1'), webapp: {bundle_path: '/static/p/another_file.js'}}];
        await loader.sync();
        expect(log).toEqual(['script /chat/static/plugins/p/p_1_bundle.js', 'initialize']);
        server.list = [manifest('2')];
        log.length = 0;
        await loader.sync();
        expect(log).toEqual([
            'components gone', 'uninitialize', 'handlers gone', 'remove plugin_p',
            'script /chat/static/plugins/p/p_2_bundle.js', 'initialize',
        ]);
    });

    it('removes what the server no longer has', async () => {
        const server = {list: [manifest('1')]};
        const {loader, log} = setUp(server);
        await loader.sync();
        server.list = [];
        log.length = 0;
        await loader.sync();
        expect(log).toEqual(['components gone', 'uninitialize', 'handlers gone', 'remove plugin_p']);
        await loader.load(manifest('1'));
        expect(log.slice(-1)).toEqual(['initialize']);
    });
});
