// Addresses of the page. Pure: text in, route out.

export type Route =
    | {kind: 'login'; redirectTo: string}
    | {kind: 'channel'; team: string; channel: string}
    | {kind: 'direct'; team: string; user: string}
    | {kind: 'group'; team: string; channel: string}
    | {kind: 'team'; team: string}
    | {kind: 'plugin'; path: string}
    | {kind: 'home'};

/** Reads a location below the base path. */
export function parseRoute(pathname: string, search: string): Route {
    const parts = pathname.split('/').filter(Boolean).map(decode);
    const [first, second, third] = parts;
    if (first === undefined) {
        return {kind: 'home'};
    }
    if (first === 'login' && second === undefined) {
        return {kind: 'login', redirectTo: safeRedirect(new URLSearchParams(search).get('redirect_to') ?? '')};
    }
    if (first === 'plug') {
        return {kind: 'plugin', path: `/${parts.slice(1).join('/')}`};
    }
    if (second === 'channels' && third !== undefined) {
        return {kind: 'channel', team: first, channel: third};
    }
    if (second === 'messages' && third !== undefined) {
        return third.startsWith('@') ? {kind: 'direct', team: first, user: third.slice(1)} : {kind: 'group', team: first, channel: third};
    }
    return {kind: 'team', team: first};
}

/** Ids are 26 letters and digits. */
export const isId = (text: string): boolean => /^[a-z0-9]{26}$/.test(text);

function decode(part: string): string {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

/**
 * Where to go after signing in: a path of this site, or nothing. `//host` and `/\host` are other
 * sites to a browser, whatever they look like.
 */
export function safeRedirect(target: string): string {
    const plain = Array.from(target).every((letter) => letter > ' ' && letter !== '\\');
    return plain && target.startsWith('/') && !target.startsWith('//') ? target : '';
}

/** A path of this site out of an address, which may be absolute; empty for other sites. */
export function safeTarget(address: string, origin: string): string {
    const path = address.startsWith(`${origin}/`) ? address.slice(origin.length) : address;
    return safeRedirect(path);
}

/**
 * An address of this site (by its configured name) on the name by which the page was loaded: the same
 * server may be reached by several, and the cookies are here.
 */
export function onThisHost(address: string, siteUrl: string, here: string): string {
    return siteUrl !== '' && address.startsWith(`${siteUrl}/`) ? here + address.slice(siteUrl.length) : address;
}

export const channelPath = (team: string, name: string): string => `/${team}/channels/${encodeURIComponent(name)}`;
export const directPath = (team: string, username: string): string => `/${team}/messages/@${encodeURIComponent(username)}`;
export const groupPath = (team: string, name: string): string => `/${team}/messages/${encodeURIComponent(name)}`;

/** Takes the base path off a path of the whole site. */
export function withoutBase(path: string, basename: string): string {
    if (basename === '') {
        return path;
    }
    if (path === basename) {
        return '/';
    }
    return path.startsWith(`${basename}/`) ? path.slice(basename.length) : path;
}
