import {describe, expect, it} from 'vitest';

import {ApiError} from '../api/client';
import {createPageStore} from '../store/store';
import {SendRefused, Sender} from './sender';

const sender = (failure: Error): Sender => new Sender({
    api: {createPost: () => Promise.reject(failure), runCommand: () => Promise.reject(failure)},
    store: createPageStore().store,
    handlers: {runSlashHooks: (message, args) => Promise.resolve({kind: 'pass', message, args})},
    goTo: () => undefined,
    now: () => 1,
});

describe('a text that is not sent', () => {
    it.each(['Hello', '/call start'])('%s: says what the server said', async (text) => {
        const refused = sender(new ApiError('Not here.', 403, 'x')).send('c', '', text);
        await expect(refused).rejects.toThrow(SendRefused);
        await expect(refused).rejects.toThrow('Not here.');
    });

    it.each(['Hello', '/call start'])('%s: does not pass the browser\'s words off as a refusal', async (text) => {
        await expect(sender(new TypeError('Failed to fetch')).send('c', '', text)).rejects.not.toBeInstanceOf(SendRefused);
    });
});
