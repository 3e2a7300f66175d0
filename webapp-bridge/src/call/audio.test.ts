// @vitest-environment happy-dom
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {AudioOut} from './audio';

let audio: AudioOut;
let refused: string[];
const track = (): MediaStreamTrack => ({kind: 'audio'}) as MediaStreamTrack;

/** Where each playing element sends its sound. */
const sinks = (): unknown[] => [...document.querySelectorAll('audio')].map((element) => (element as unknown as {sink?: string}).sink ?? '');

beforeEach(() => {
    refused = [];
    vi.stubGlobal('MediaStream', class {
        id = '';
    });
    vi.spyOn(HTMLMediaElement.prototype, 'play').mockResolvedValue(undefined);
    Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {configurable: true, writable: true, value: null});
    Object.defineProperty(HTMLMediaElement.prototype, 'setSinkId', {
        configurable: true,
        value(this: {sink: string}, id: string) {
            if (refused.includes(id)) {
                return Promise.reject(new Error('no'));
            }
            this.sink = id;
            return Promise.resolve();
        },
    });
    audio = new AudioOut();
});

afterEach(() => {
    audio.reset();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    Reflect.deleteProperty(HTMLMediaElement.prototype, 'setSinkId');
    Reflect.deleteProperty(HTMLMediaElement.prototype, 'srcObject');
});

describe('the speaker', () => {
    it('is that of all voices, of later ones and of the next connection too', async () => {
        audio.add('0', track());
        await audio.use().choose('headset');
        audio.add('1', track());
        expect(sinks()).toEqual(['headset', 'headset']);
        audio.reset();
        audio.add('0', track());
        expect(sinks()).toEqual(['headset']);
    });

    it('stays the one before when the new one is refused', async () => {
        const problems = vi.fn();
        audio.problems.on(problems);
        audio.add('0', track());
        await audio.use().choose('headset');
        refused = ['other'];
        await audio.use().choose('other');
        expect(problems).toHaveBeenCalledExactlyOnceWith('speaker');
        expect(audio.use().chosen).toBe('headset');
        expect(sinks()).toEqual(['headset']);
    });

    it('is the default again when it is gone', async () => {
        const problems = vi.fn();
        audio.problems.on(problems);
        audio.add('0', track());
        await audio.use().choose('headset');
        audio.use().handleGone();
        await Promise.resolve();
        expect(problems).toHaveBeenCalledExactlyOnceWith('speaker_default');
        expect(sinks()).toEqual(['']);
    });
});

describe('the chime', () => {
    /** Notes that were started, in Hz, and whether the context is closed. */
    const stubContext = (): {notes: number[]; closed: boolean} => {
        const seen = {notes: [] as number[], closed: false};
        vi.stubGlobal('AudioContext', class {
            currentTime = 0;

            createMediaStreamDestination(): unknown {
                return {stream: {getAudioTracks: () => [{kind: 'audio', stop: () => undefined}]}};
            }

            createGain(): unknown {
                return {gain: {setValueAtTime: vi.fn(), linearRampToValueAtTime: vi.fn(), exponentialRampToValueAtTime: vi.fn()}, connect: vi.fn()};
            }

            createOscillator(): unknown {
                const frequency = {value: 0};
                return {frequency, connect: () => ({connect: vi.fn()}), start: () => seen.notes.push(frequency.value), stop: vi.fn()};
            }

            close(): Promise<void> {
                seen.closed = true;
                return Promise.resolve();
            }
        });
        return seen;
    };

    it('goes up or down on the chosen speaker, and leaves nothing behind', async () => {
        vi.useFakeTimers();
        const seen = stubContext();
        await audio.setSpeaker('headset');
        audio.chime('started');
        expect(sinks()).toEqual(['headset']);
        expect(seen.notes[0]).toBeLessThan(seen.notes[1]!);
        vi.advanceTimersByTime(3_000);
        expect(sinks()).toEqual([]);
        expect(seen.closed).toBe(true);
        audio.chime('stopped');
        expect(seen.notes[2]).toBeGreaterThan(seen.notes[3]!);
        vi.useRealTimers();
    });

    it('is no mistake where the browser makes no sound', () => {
        vi.stubGlobal('AudioContext', undefined);
        audio.chime('started');
        expect(sinks()).toEqual([]);
    });
});
