// "The user wants this call in a window of its own": told by the page that opens the window to the window, over
// storage that no other site can write. A window that was opened otherwise asks the user before it joins.

import {isId} from '../base/ids';
import {asFields, asFlag, asNonEmpty, asNumber, asText, fromJson} from '../base/parse';
import type {Fields} from '../base/parse';

const KEY = 'parley.calls.window';

/** The app opens the window at once. */
export const PERMIT_MS = 60_000;

export interface Permit {
    channelId: string;
    /** Also in direct channels, where one otherwise talks at once. */
    muted: boolean;
    /** Colours of the page, by the names of its variables. */
    theme: Readonly<Record<string, string>>;
    dark: boolean;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export const givePermit = (permit: Permit, now: number, store: Store = window.localStorage): void => {
    try {
        store.setItem(KEY, JSON.stringify({...permit, at: now}));
    } catch {
        // Storage switched off or full: the window asks then.
    }
};

const parseTheme = (fields: Fields | undefined): Record<string, string> => {
    const theme: Record<string, string> = {};
    for (const [name, value] of Object.entries(fields ?? {})) {
        const text = asText(value);
        if (text !== undefined && /^--[a-z-]+$/.test(name)) {
            theme[name] = text;
        }
    }
    return theme;
};

/** Reads it once: it holds for one window. */
export const takePermit = (channelId: string, now: number, store: Store = window.localStorage): Permit | undefined => {
    let text: string | null;
    try {
        text = store.getItem(KEY);
        store.removeItem(KEY);
    } catch {
        return undefined;
    }
    const fields = asFields(fromJson(text));
    const at = asNumber(fields?.at);
    if (at === undefined || now < at || now - at > PERMIT_MS || !isId(channelId) || asNonEmpty(fields?.channelId) !== channelId) {
        return undefined;
    }
    return {channelId, muted: asFlag(fields?.muted), theme: parseTheme(asFields(fields?.theme)), dark: asFlag(fields?.dark)};
};
