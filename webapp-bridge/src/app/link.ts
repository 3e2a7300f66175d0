// A followed call link: `?join_call=true` in the page's address. It only ever asks.

import {isId} from '../base/ids';

const PARAMETER = 'join_call';

/** The web app may have rewritten the address before the plugin came: then the loaded one is looked at. */
const LOADED_MS_MAX = 60_000;

/** Remembers which page load was handled: the plugin may start twice in one. */
const HANDLED_KEY = 'parley.calls.link';

export interface FollowedLink {
    /** Undefined when the address names the channel otherwise: take the page's current one. */
    channelId: string | undefined;
}

export const parseLink = (address: string): FollowedLink | undefined => {
    let url: URL;
    try {
        url = new URL(address);
    } catch {
        return undefined;
    }
    if (url.searchParams.get(PARAMETER) !== 'true') {
        return undefined;
    }
    const last = url.pathname.split('/').filter((part) => part !== '').at(-1);
    return {channelId: last !== undefined && isId(last) ? last : undefined};
};

const firstTime = (): boolean => {
    const load = `${performance.timeOrigin}`;
    try {
        if (window.sessionStorage.getItem(HANDLED_KEY) === load) {
            return false;
        }
        window.sessionStorage.setItem(HANDLED_KEY, load);
    } catch {
        return false;
    }
    return true;
};

/** Reads the link once and takes the parameter out of the address, so that a reload does not ask again. */
export const takeLink = (): FollowedLink | undefined => {
    const present = parseLink(window.location.href);
    if (present) {
        const url = new URL(window.location.href);
        url.searchParams.delete(PARAMETER);
        window.history.replaceState(window.history.state, '', url);
        firstTime();
        return present;
    }
    const loaded = performance.getEntriesByType('navigation')[0]?.name;
    const link = loaded !== undefined && performance.now() < LOADED_MS_MAX ? parseLink(loaded) : undefined;
    return link && firstTime() ? link : undefined;
};
