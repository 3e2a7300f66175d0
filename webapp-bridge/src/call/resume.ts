// What a tab needs to take its session back after a reload. Written only while the page goes away, so
// that a duplicated tab, which copies the storage of a living one, finds nothing.

import {isId} from '../base/ids';
import {asFields, asFlag, asNonEmpty, asNumber, fromJson} from '../base/parse';

const KEY = 'parley.calls.resume';

/** A longer absence is no reload. */
export const RESUME_MS_MAX = 60_000;

export interface Resume {
    channelId: string;
    session: string;
    token: string;
    microphone: boolean;
    camera: boolean;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

export const saveResume = (resume: Resume, now: number, store: Store = window.sessionStorage): void => {
    try {
        store.setItem(KEY, JSON.stringify({...resume, at: now}));
    } catch {
        // Storage switched off or full: then a reload ends the call.
    }
};

export const clearResume = (store: Store = window.sessionStorage): void => {
    try {
        store.removeItem(KEY);
    } catch {
        // As above.
    }
};

/** Reads it once. */
export const takeResume = (now: number, store: Store = window.sessionStorage): Resume | undefined => {
    let text: string | null;
    try {
        text = store.getItem(KEY);
        store.removeItem(KEY);
    } catch {
        return undefined;
    }
    const fields = asFields(fromJson(text));
    const at = asNumber(fields?.at);
    const channelId = asNonEmpty(fields?.channelId);
    const session = asNonEmpty(fields?.session);
    const token = asNonEmpty(fields?.token);
    if (at === undefined || channelId === undefined || session === undefined || token === undefined) {
        return undefined;
    }
    if (!isId(channelId) || now - at > RESUME_MS_MAX || now < at) {
        return undefined;
    }
    return {channelId, session, token, microphone: asFlag(fields?.microphone), camera: asFlag(fields?.camera)};
};
