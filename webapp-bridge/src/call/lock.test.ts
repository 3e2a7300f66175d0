import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {LOCK_PATIENCE_MS, LOCK_RETRY_MS, SignallingLock} from './lock';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const setup = (sends = () => true) => {
    const request = vi.fn(sends);
    return {request, lock: new SignallingLock(request)};
};

describe('the signalling lock', () => {
    it('is granted', async () => {
        const {lock, request} = setup();
        const granted = lock.acquire();
        lock.handleReply(true);
        expect(await granted).toBe(true);
        expect(request).toHaveBeenCalledTimes(1);
    });

    it('asks again 50 ms after a refusal', async () => {
        const {lock, request} = setup();
        const granted = lock.acquire();
        lock.handleReply(false);
        expect(request).toHaveBeenCalledTimes(1);
        vi.advanceTimersByTime(LOCK_RETRY_MS);
        expect(request).toHaveBeenCalledTimes(2);
        lock.handleReply(true);
        expect(await granted).toBe(true);
    });

    it('loses patience after 5 s', async () => {
        const {lock} = setup();
        const granted = lock.acquire();
        vi.advanceTimersByTime(LOCK_PATIENCE_MS);
        expect(await granted).toBe(false);
    });

    it('asks as soon as the channel lets it', () => {
        let open = false;
        const {lock, request} = setup(() => open);
        void lock.acquire();
        vi.advanceTimersByTime(LOCK_RETRY_MS * 3);
        open = true;
        vi.advanceTimersByTime(LOCK_RETRY_MS);
        expect(request).toHaveLastReturnedWith(true);
        const calls = request.mock.calls.length;
        vi.advanceTimersByTime(LOCK_RETRY_MS * 5);
        expect(request).toHaveBeenCalledTimes(calls);
    });

    it('ignores answers nobody waits for', () => {
        const {lock, request} = setup();
        lock.handleReply(true);
        lock.handleReply(false);
        vi.advanceTimersByTime(LOCK_PATIENCE_MS);
        expect(request).not.toHaveBeenCalled();
    });

    it('ends when it is given up', async () => {
        const {lock} = setup();
        const granted = lock.acquire();
        lock.abort();
        expect(await granted).toBe(false);
    });
});
