import {afterEach, beforeEach, expect, it, vi} from 'vitest';

import {TurnServers} from './turn';

const server = (username: string): RTCIceServer => ({urls: ['turn:turn.example.org'], username, credential: 'x'});

beforeEach(() => {
    vi.useFakeTimers({now: 1_700_000_000_000});
});

afterEach(() => {
    vi.useRealTimers();
});

it('asks nobody when no server wants credentials', async () => {
    const turn = new TurnServers(undefined);
    await turn.load();
    expect(turn.servers).toEqual([]);
});

it('has them before the first connection, and new ones before they expire', async () => {
    const fetch = vi.fn(() => Promise.resolve([server(`${Math.floor(Date.now() / 1000) + 3_600}:alice`)]));
    const turn = new TurnServers(fetch);
    await turn.load();
    expect(turn.servers).toEqual([server('1700003600:alice')]);
    await vi.advanceTimersByTimeAsync(3_500_000);
    expect(fetch.mock.calls.length).toBeGreaterThan(1);
    expect(Number.parseInt(turn.servers[0]?.username ?? '')).toBeGreaterThan(Date.now() / 1000 + 60);
    turn.close();
    const asked = fetch.mock.calls.length;
    await vi.advanceTimersByTimeAsync(7_200_000);
    expect(fetch.mock.calls.length).toBe(asked);
});

it('does not ask all the time when they expire at once', async () => {
    const fetch = vi.fn(() => Promise.resolve([server('1:alice')]));
    const turn = new TurnServers(fetch);
    await turn.load();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(fetch.mock.calls.length).toBe(1);
    turn.close();
});

it('goes on without them when they cannot be had, or not soon, and keeps those it had', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue(undefined);
    const answers = [[server('0:alice')], undefined];
    const turn = new TurnServers(() => {
        const answer = answers.shift();
        return answer ? Promise.resolve(answer) : Promise.reject(new Error('503'));
    });
    await turn.load();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(turn.servers.length).toBe(1);
    turn.close();
    const slow = new TurnServers(() => new Promise(() => undefined));
    const loaded = vi.fn();
    void slow.load().then(loaded);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(loaded).toHaveBeenCalled();
    slow.close();
    warn.mockRestore();
});
