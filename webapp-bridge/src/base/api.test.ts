// @vitest-environment happy-dom
import {afterEach, beforeEach, expect, it, vi} from 'vitest';

import {HttpError, endCall, fetchTurnServers} from './api';

const SERVER = {urls: ['turn:turn.example.org'], username: '1700003600:alice', credential: 'x'};
const fetched = vi.fn<typeof fetch>();

const answers = (...statuses: number[]) => {
    for (const status of statuses) {
        const body = status === 200 ? [SERVER] : {message: 'Too many requests.', status_code: status};
        fetched.mockResolvedValueOnce(new Response(JSON.stringify(body), {status}));
    }
};

beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', fetched);
});

afterEach(() => {
    fetched.mockReset();
    vi.unstubAllGlobals();
    vi.useRealTimers();
});

it('asks again a little later when it asked too often', async () => {
    answers(429, 429, 200);
    const servers = fetchTurnServers();
    await vi.advanceTimersByTimeAsync(900);
    expect(fetched).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await servers).toEqual([SERVER]);
    expect(fetched).toHaveBeenCalledTimes(3);
});

it('gives up when it is still too often, and at once when the answer is another', async () => {
    answers(429, 429, 429);
    const often = fetchTurnServers().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await often).toEqual(new HttpError(429, 'Too many requests.'));
    expect(fetched).toHaveBeenCalledTimes(3);
    answers(403);
    expect(await fetchTurnServers().catch((error: unknown) => error)).toMatchObject({status: 403});
    expect(fetched).toHaveBeenCalledTimes(4);
});

it('what people do is sent again as well: the refused one did nothing', async () => {
    answers(429, 200);
    const ended = endCall('c'.repeat(26));
    await vi.advanceTimersByTimeAsync(2_000);
    await ended;
    const sent = fetched.mock.calls.map(([url, request]) => [url, request?.method, request?.headers]);
    expect(sent.length).toBe(2);
    expect(sent[1]).toEqual(sent[0]);
    expect(sent[0]?.slice(1)).toEqual(['POST', expect.objectContaining({'X-Requested-With': 'XMLHttpRequest', 'Content-Type': 'application/json'})]);
});
