// The store: the page's reducers, and those that plugins add while running.
import {legacy_createStore as createStore, type Reducer, type Store, type UnknownAction} from 'redux';

import type {PageAction} from './actions';
import * as entities from './entities';
import {emptyPlugins, plugins} from './plugins';
import {posts} from './posts';
import type {PageState, Views} from './state';

const emptyViews: Views = {
    threadRootId: '',
    panelId: '',
    locale: 'en',
    themeChoice: 'system',
    phase: 'loading',
    missing: false,
    announcement: '',
};

const emptyState: PageState = {
    entities: entities.emptyEntities,
    plugins: emptyPlugins,
    websocket: {connected: false, connectionId: ''},
    views: emptyViews,
};

function views(state: Views, action: PageAction): Views {
    switch (action.type) {
    case 'thread_opened':
        return {...state, threadRootId: action.rootId, panelId: ''};
    case 'panel_opened':
        return {...state, threadRootId: '', panelId: action.panelId};
    case 'side_closed':
    case 'current_team':
        return {...state, threadRootId: '', panelId: ''};
    case 'locale':
        return {...state, locale: action.locale};
    case 'theme':
        return {...state, themeChoice: action.choice};
    case 'phase':
        return {...state, phase: action.phase};
    case 'missing':
        return {...state, missing: true};
    case 'current_channel':
        return {...state, missing: false};
    case 'announce':
        return {...state, announcement: action.text};
    default:
        return state;
    }
}

/** Pure: the page's own part of the state. */
export function reduce(state: PageState | undefined, action: PageAction): PageState {
    const before = state ?? emptyState;
    if (action.type === 'signed_out') {
        // Plugins stay loaded, as in the web app; everything about the person goes.
        const {locale, themeChoice} = before.views;
        return {...emptyState, plugins: before.plugins, views: {...emptyViews, locale, themeChoice, phase: 'login'}};
    }
    const from = before.entities;
    return {
        entities: {
            users: entities.users(from.users, action),
            channels: entities.channels(from.channels, action),
            teams: entities.teams(from.teams, action),
            general: entities.general(from.general, action),
            preferences: entities.preferences(from.preferences, action),
            posts: posts(from.posts, action),
            threads: from.threads,
            roles: from.roles,
        },
        plugins: plugins(before.plugins, action),
        websocket: action.type === 'socket' ?
            {connected: action.connected, connectionId: action.connectionId} :
            before.websocket,
        views: views(before.views, action),
    };
}

export type PageStore = Store<PageState, PageAction>;

/** A thunk, as plugins may dispatch them: the web app's store runs them. */
type Thunk = (dispatch: (action: unknown) => unknown, getState: () => unknown) => unknown;

export interface StoreParts {
    store: PageStore;
    /** Slice `plugins-<id>`; the last one of a plugin wins. */
    setPluginReducer: (pluginId: string, reducer: Reducer) => void;
    removePluginReducer: (pluginId: string) => void;
}

export function createPageStore(): StoreParts {
    const added = new Map<string, Reducer>();
    const root = (state: unknown, action: UnknownAction): PageState => {
        const before = (state ?? {}) as Record<string, unknown>;
        const own = reduce(state === undefined ? undefined : state as PageState, action as unknown as PageAction);
        const slices: Record<string, unknown> = {};
        for (const [key, reducer] of added) {
            slices[key] = reducer(before[key], action) as unknown;
        }
        return {...own, ...slices};
    };
    const store = createStore(root) as unknown as PageStore;
    const plain = store.dispatch.bind(store);
    const dispatch = (action: unknown): unknown =>
        typeof action === 'function' ? (action as Thunk)(dispatch, () => store.getState()) : plain(action as PageAction);
    store.dispatch = dispatch as PageStore['dispatch'];
    const key = (pluginId: string): string => `plugins-${pluginId}`;
    return {
        store,
        setPluginReducer: (pluginId, reducer) => {
            added.set(key(pluginId), reducer);
            plain({type: 'slices_changed'});
        },
        removePluginReducer: (pluginId) => {
            added.delete(key(pluginId));
        },
    };
}
