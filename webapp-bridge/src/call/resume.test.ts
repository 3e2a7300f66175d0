import {beforeEach, describe, expect, it} from 'vitest';

import {RESUME_MS_MAX, saveResume, takeResume} from './resume';

const resume = {channelId: 'c'.repeat(26), session: 's', token: 't', microphone: true, camera: false};

let store: Map<string, string>;
let storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

beforeEach(() => {
    store = new Map();
    storage = {
        getItem: (key) => store.get(key) ?? null,
        setItem: (key, value) => void store.set(key, value),
        removeItem: (key) => void store.delete(key),
    };
});

describe('taking a call back after a reload', () => {
    it('works once', () => {
        saveResume(resume, 100, storage);
        expect(takeResume(200, storage)).toEqual(resume);
        expect(takeResume(201, storage)).toBeUndefined();
    });

    it('works for a minute', () => {
        saveResume(resume, 0, storage);
        expect(takeResume(RESUME_MS_MAX + 1, storage)).toBeUndefined();
    });

    it.each(['', '{}', '[]', 'null', '{"at":1,"channelId":"../x","session":"s","token":"t"}'])('ignores %j', (text) => {
        store.set('parley.calls.resume', text);
        expect(takeResume(2, storage)).toBeUndefined();
    });

    it('does without storage', () => {
        const broken = {
            getItem: () => {
                throw new Error('off');
            },
            setItem: () => {
                throw new Error('off');
            },
            removeItem: () => undefined,
        };
        saveResume(resume, 0, broken);
        expect(takeResume(1, broken)).toBeUndefined();
    });
});
