// The local platform's page. Builds the parts, connects them, starts.
import * as React from 'react';
import {createBrowserHistory} from 'history';
import {createRoot} from 'react-dom/client';
import {Provider} from 'react-redux';

import '@mattermost/compass-icons/css/compass-icons.css';
import './theme/base.css';
import './theme/layout.css';
import './theme/posts.css';
import './theme/files.css';

import {ApiClient} from './api/client';
import {Page} from './app/page';
import {safeTarget, withoutBase} from './app/routes';
import {Sender} from './app/sender';
import {rememberLocale, rememberTheme, rememberedLocale, rememberedTheme} from './app/settings';
import {App} from './components/App';
import {ServicesContext, type PageServices} from './components/context';
import {resolveLocale} from './i18n/texts';
import {exposeGlobals, runScript, type SocketClient} from './plugins/globals';
import {PluginHandlers} from './plugins/handlers';
import {PluginLoader} from './plugins/loader';
import {PluginRegistry} from './plugins/registry';
import type {EventFrame} from './socket/frame';
import {PageSocket} from './socket/socket';
import {currentUser} from './store/select';
import {createPageStore} from './store/store';

const STATUS_POLL_MS = 60_000;

const basename = new URL(document.baseURI).pathname.replace(/\/+$/, '');
const history = createBrowserHistory({basename});
const {store, setPluginReducer, removePluginReducer} = createPageStore();
const handlers = new PluginHandlers();
const api = new ApiClient({
    basename,
    fetch: (input, init) => window.fetch(input, init),
    cookies: () => document.cookie,
});

const page = new Page({
    api,
    store,
    handlers,
    navigation: {
        pathname: () => history.location.pathname,
        search: () => history.location.search,
        push: (path) => history.push(path),
        replace: (path) => history.replace(path),
        leaveTo: (path) => window.location.assign(basename + withoutBase(path, basename)),
    },
    isVisible: () => document.visibilityState === 'visible',
    now: () => Date.now(),
});
api.onSignedOut = () => page.showLogin();

page.socket = new PageSocket(
    {
        open: (connectionId, sequence) => {
            const address = new URL(`${basename}/api/v4/websocket`, window.location.href);
            address.protocol = address.protocol.replace('http', 'ws');
            address.search = new URLSearchParams({connection_id: connectionId, sequence_number: String(sequence)}).toString();
            return new WebSocket(address);
        },
        setTimer: (handler, delay) => window.setTimeout(handler, delay),
        clearTimer: (id) => window.clearTimeout(id),
        random: () => Math.random(),
    },
    page,
);

const textsChanged = new Set<() => void>();
let textsVersion = 0;
let componentIds = 0;

page.plugins = new PluginLoader({
    fetchManifests: () => api.webappPlugins(),
    runScript,
    removeScript: (id) => document.getElementById(id)?.remove(),
    newRegistry: (pluginId) => new PluginRegistry(pluginId, {
        dispatch: store.dispatch,
        handlers,
        setReducer: setPluginReducer,
        translationsChanged: () => {
            textsVersion++;
            textsChanged.forEach((listener) => listener());
        },
        newId: () => `component_${++componentIds}`,
    }),
    store,
    basename,
    onLoaded: (manifest) => store.dispatch({type: 'plugin_loaded', manifest}),
    onRemoving: (pluginId) => store.dispatch({type: 'plugin_removed', pluginId}),
    onRemoved: (pluginId) => {
        handlers.removePlugin(pluginId);
        removePluginReducer(pluginId);
    },
});

const listeners = new Map<(frame: EventFrame) => void, () => void>();
const socketClient: SocketClient = {
    sendMessage: (action, data) => page.socket.sendMessage(action, data),
    addMessageListener: (listener) => listeners.set(listener, page.listen(listener)),
    removeMessageListener: (listener) => {
        listeners.get(listener)?.();
        listeners.delete(listener);
    },
    get connectionId() {
        return page.socket.currentConnectionId;
    },
};

const goTo = (path: string): void => history.push(path);

exposeGlobals({
    basename,
    history,
    socketClient,
    registerPlugin: page.plugins.register,
    store,
    openThread: (postId) => {
        page.openThread(postId).catch((error: unknown) => console.warn('The thread did not load', error));
    },
});

const services: PageServices = {
    page,
    api,
    handlers,
    goTo,
    socketClient,
    sender: new Sender({
        api,
        store,
        handlers,
        now: () => Date.now(),
        goTo: (address) => {
            const target = safeTarget(address, window.location.origin);
            if (target) {
                goTo(withoutBase(target, basename));
            } else {
                window.open(address, '_blank', 'noopener');
            }
        },
    }),
    setLocale: (locale) => {
        rememberLocale(locale);
        store.dispatch({type: 'locale', locale});
    },
};

function usePlaceOnSite(): {pathname: string; search: string} {
    const [place, setPlace] = React.useState(history.location);
    React.useEffect(() => history.listen((next) => setPlace(next)), []);
    return place;
}

function useTextsVersion(): number {
    return React.useSyncExternalStore((changed) => {
        textsChanged.add(changed);
        return () => textsChanged.delete(changed);
    }, () => textsVersion);
}

store.dispatch({type: 'theme', choice: rememberedTheme()});
store.dispatch({type: 'locale', locale: resolveLocale(rememberedLocale() || navigator.languages[0] || 'en')});
let shownTheme = store.getState().views.themeChoice;
store.subscribe(() => {
    const {themeChoice} = store.getState().views;
    if (themeChoice !== shownTheme) {
        shownTheme = themeChoice;
        rememberTheme(themeChoice);
    }
});

// The account follows the page's language: answers to commands come in the one that is read here.
let toldLocale = '';
store.subscribe(() => {
    const state = store.getState();
    const {locale} = state.views;
    const me = currentUser(state);
    if (me && locale !== toldLocale) {
        toldLocale = locale;
        if (me.locale !== locale) {
            api.setLocale(locale).catch((error: unknown) => console.warn('The language was not kept', error));
        }
    }
});

history.listen(() => void page.openLocation());
document.addEventListener('visibilitychange', () => page.markViewed(store.getState().entities.channels.currentChannelId));
window.addEventListener('online', () => page.socket.hurry());
window.setInterval(() => {
    if (page.socket.isConnected && document.visibilityState === 'visible') {
        void page.people.refreshStatuses();
    }
}, STATUS_POLL_MS);

const root = document.getElementById('root');
if (root) {
    createRoot(root).render(
        <Provider store={store}>
            <ServicesContext.Provider value={services}>
                <App usePlaceOnSite={usePlaceOnSite} useTextsVersion={useTextsVersion}/>
            </ServicesContext.Provider>
        </Provider>,
    );
    void page.start();
}
