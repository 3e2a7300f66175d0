import {describe, expect, it} from 'vitest';

import {INTENT_MS, StartIntents} from './intent';

const start = {channelId: 'x', ownerId: 'me'};

describe('/call start in this tab', () => {
    it('joins when the call of this user starts there', () => {
        const intents = new StartIntents();
        intents.remember('x', 0);
        expect(intents.take(start, 'me', INTENT_MS - 1)).toBe(true);
    });

    it('joins once', () => {
        const intents = new StartIntents();
        intents.remember('x', 0);
        intents.take(start, 'me', 1);
        expect(intents.take(start, 'me', 2)).toBe(false);
    });

    it('does not join after 10 s', () => {
        const intents = new StartIntents();
        intents.remember('x', 0);
        expect(intents.take(start, 'me', INTENT_MS)).toBe(false);
    });

    it('does not join a call that somebody else started meanwhile', () => {
        const intents = new StartIntents();
        intents.remember('x', 0);
        expect(intents.take({channelId: 'x', ownerId: 'other'}, 'me', 1)).toBe(false);
        expect(intents.take(start, 'me', 2)).toBe(true);
    });

    it('does not join elsewhere, nor without a wish: another tab asked', () => {
        const intents = new StartIntents();
        expect(intents.take(start, 'me', 1)).toBe(false);
        intents.remember('y', 0);
        expect(intents.take(start, 'me', 1)).toBe(false);
    });
});
