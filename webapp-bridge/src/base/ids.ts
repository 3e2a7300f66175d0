// Names that the plugin, the host and the server agree on, and addresses built from them.

/** The bundle's build says which (build/vite.plugin.ts); tests have none. */
const built: unknown = import.meta.env.PARLEY_PLUGIN_ID;
export const PLUGIN_ID = typeof built === 'string' ? built : 'app.parley.calls';

/** Id of the plugin that web app and desktop app know by name. Ours may stand in its place. */
export const WEB_APPS_OWN_ID = 'com.mattermost.calls';

/** Prefix of WebSocket actions and events. */
export const WIRE_PREFIX = `custom_${PLUGIN_ID}_`;

/** Type of the posts that stand for a call. */
export const CALL_POST_TYPE = 'custom_calls';

const ID = /^[a-z0-9]{26}$/;

/** Whether a text has the form of a platform id. */
export const isId = (text: string): boolean => ID.test(text);

declare global {
    interface Window {
        /** Sub-path under which the web app is served, without a trailing slash. */
        basename?: string;
        registerPlugin(id: string, plugin: unknown): void;
    }
}

const basename = (): string => (window.basename ?? '').replace(/\/+$/, '');

/** Address of a resource of the platform, e.g. `/api/v4/users/ids`. */
export const platformUrl = (path: string): string => `${basename()}${path}`;

/** Address of a route of the plugin, e.g. `/config`. */
export const pluginUrl = (path: string): string => platformUrl(`/plugins/${PLUGIN_ID}${path}`);

/** The link that is handed to others: asks them to join the channel's call. */
export const callLink = (channelId: string, siteUrl?: string): string => {
    const base = siteUrl ? siteUrl.replace(/\/+$/, '') : `${window.location.origin}${basename()}`;
    return `${base}/plugins/${PLUGIN_ID}/join/${channelId}`;
};

/** The platform's WebSocket, for a connection of our own. */
export const webSocketUrl = (configured?: string): string => {
    const origin = configured ? configured.replace(/\/+$/, '') : window.location.origin.replace(/^http/, 'ws') + basename();
    return `${origin}/api/v4/websocket`;
};
