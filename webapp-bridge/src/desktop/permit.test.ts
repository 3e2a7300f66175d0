import {beforeEach, describe, expect, it} from 'vitest';

import {PERMIT_MS, givePermit, takePermit} from './permit';

const CHANNEL = 'c'.repeat(26);
const OTHER = 'd'.repeat(26);

let kept: Map<string, string>;
const store = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
};

const give = (at = 1_000) => givePermit({channelId: CHANNEL, muted: true, theme: {'--button-bg': '#123'}, dark: true}, at, store);

beforeEach(() => {
    kept = new Map();
});

describe('a permit for the call\'s window', () => {
    it('holds once, for its channel', () => {
        give();
        expect(takePermit(CHANNEL, 1_500, store)).toEqual({channelId: CHANNEL, muted: true, theme: {'--button-bg': '#123'}, dark: true});
        expect(takePermit(CHANNEL, 1_500, store)).toBeUndefined();
        give();
        expect(takePermit(OTHER, 1_500, store)).toBeUndefined();
        expect(takePermit(CHANNEL, 1_500, store), 'and is gone then, too').toBeUndefined();
    });

    it('holds for a minute', () => {
        give();
        expect(takePermit(CHANNEL, 1_001 + PERMIT_MS, store)).toBeUndefined();
        give(5_000);
        expect(takePermit(CHANNEL, 4_000, store), 'not from the future').toBeUndefined();
    });

    it('is nothing without storage, and nothing of what does not parse', () => {
        const none = {getItem: () => { throw new Error('off'); }, setItem: () => { throw new Error('off'); }, removeItem: () => undefined};
        expect(() => givePermit({channelId: CHANNEL, muted: false, theme: {}, dark: false}, 1, none)).not.toThrow();
        expect(takePermit(CHANNEL, 1, none)).toBeUndefined();
        for (const text of ['', '[]', '{"at":1}', `{"at":1,"channelId":7}`]) {
            kept.set('parley.calls.window', text);
            expect(takePermit(CHANNEL, 2, store)).toBeUndefined();
        }
        kept.set('parley.calls.window', JSON.stringify({at: 1, channelId: CHANNEL, theme: {'--a': 1, 'background-image': 'url(x)'}}));
        expect(takePermit(CHANNEL, 2, store)).toEqual({channelId: CHANNEL, muted: false, theme: {}, dark: false});
    });
});
