// What looks at recordings, proven on files whose content is known: one made here, one that a browser made of
// the very sources that the recorded calls have. When this fails, no other result about recordings means anything.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import type {Browser} from 'playwright-core';
import {afterAll, beforeAll, expect, it} from 'vitest';

import {launch} from './support/browser';
import {counter, flashes, frames, median, onsets, skews, sound, toneShare} from './support/media_file';
import {ALICE, Person} from './support/person';
import {probe} from './support/recording_file';

const BEEP_HZ = 2_500;
const RATE = 48_000;
const [WIDTH, HEIGHT, FPS] = [320, 180, 10];

let folder: string;
beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'parley-media-'));
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

interface Known {
    seconds: number;
    tones: number[];
    /** Beeps come so much after the flashes. */
    lateMs: number;
    /** No flash in this second. */
    without?: number;
}

/** A file with a number, flashes on the second, tones and beeps. */
function make({seconds, tones, lateMs, without = -1}: Known): string {
    const picture = Buffer.alloc(WIDTH * HEIGHT * FPS * seconds);
    for (let frame = 0; frame < FPS * seconds; frame++) {
        const at = frame * WIDTH * HEIGHT;
        const white = frame % FPS < 2 && Math.floor(frame / FPS) !== without;
        for (let y = 0; y < HEIGHT; y++) {
            for (let x = 0; x < WIDTH; x++) {
                const cell = Math.floor((x * 16) / WIDTH);
                const upper = (frame >> (15 - cell)) & 1 ? 235 : 16;
                picture[at + y * WIDTH + x] = y < HEIGHT / 2 ? upper : white ? 235 : 50;
            }
        }
    }
    const pcm = new Float32Array(RATE * seconds);
    pcm.forEach((_, index) => {
        const t = index / RATE;
        const sinceBeep = (t - lateMs / 1000 + 1) % 1;
        const beep = t * 1000 >= lateMs && sinceBeep < 0.1 ? 0.5 * Math.sin(2 * Math.PI * BEEP_HZ * t) : 0;
        pcm[index] = beep + tones.reduce((sum, hz) => sum + 0.2 * Math.sin(2 * Math.PI * hz * t), 0);
    });
    writeFileSync(join(folder, 'picture'), picture);
    writeFileSync(join(folder, 'sound'), Buffer.from(pcm.buffer));
    const path = join(folder, `known-${lateMs}.mkv`);
    execFileSync('ffmpeg', [
        '-v', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${WIDTH}x${HEIGHT}`, '-r', `${FPS}`, '-i', join(folder, 'picture'),
        '-f', 'f32le', '-ac', '1', '-ar', `${RATE}`, '-i', join(folder, 'sound'),
        // Not Opus: with it, ffmpeg's own writer puts pictures 7 ms late.
        '-c:v', 'libvpx', '-b:v', '1M', '-deadline', 'realtime', '-pix_fmt', 'yuv420p', '-c:a', 'pcm_s16le', path,
    ]);
    return path;
}

it('times, tones, numbers and the offset of picture and sound are read as they were made', async () => {
    for (const lateMs of [0, 35, 120]) {
        const path = make({seconds: 6, tones: [500, 800], lateMs});
        const {durationMs, streams} = await probe(path);
        expect(Math.abs(durationMs - 6_000)).toBeLessThan(50);
        expect(streams.map(({kind, codec}) => [kind, codec])).toEqual([['video', 'vp8'], ['audio', 'pcm_s16le']]);
        const heard = sound(path);
        expect([500, 800, 1_100].map((hz) => Math.round(toneShare(heard, hz) * 10) / 10)).toEqual([1, 1, 0]);
        const seen = frames(path);
        expect(seen.map((frame) => counter(frame))).toEqual(Array.from({length: 60}, (_, index) => index));
        const beeps = onsets(heard, BEEP_HZ);
        beeps.slice(1).forEach((at, index) => expect(Math.abs(at - (index + 1 + lateMs / 1000)), `${at} s`).toBeLessThan(0.012));
        const found = skews(flashes(seen), beeps);
        expect(found.length).toBe(5);
        for (const skew of found) {
            expect(Math.abs(skew + lateMs), `${skew} ms instead of ${-lateMs}`).toBeLessThan(4);
        }
    }
});

it('a flash that is missing, and a tone that stops, are noticed', () => {
    const path = make({seconds: 6, tones: [500], lateMs: 60, without: 3});
    expect(skews(flashes(frames(path)), onsets(sound(path), BEEP_HZ)).length).toBe(4);
    const cut = sound(path).map((sample, index) => (index < RATE * 3 ? sample : 0));
    expect(toneShare(cut, 500)).toBeCloseTo(0.5, 1);
});

let browser: Browser | undefined;
afterAll(() => browser?.close());

it('a browser\'s flashes and beeps leave the page at the same time', async () => {
    browser = await launch();
    const alice = await Person.open(browser, {...ALICE, flashWith: BEEP_HZ});
    await alice.page.route('http://localhost/', (route) => route.fulfill({contentType: 'text/html', body: ''}));
    await alice.page.goto('http://localhost/');
    const found = await alice.page.evaluate(async () => {
        type Reader<T> = ReadableStreamDefaultReader<T>;
        const Processor = (window as unknown as {MediaStreamTrackProcessor: new (init: {track: MediaStreamTrack}) => {readable: ReadableStream}})
            .MediaStreamTrackProcessor;
        const [voice] = (await navigator.mediaDevices.getUserMedia({audio: true})).getAudioTracks();
        const [screen] = (await navigator.mediaDevices.getDisplayMedia({video: true})).getVideoTracks();
        const pictures = new Processor({track: screen!}).readable.getReader() as Reader<VideoFrame>;
        const sounds = new Processor({track: voice!}).readable.getReader() as Reader<AudioData>;
        const ends = performance.now() + 5_500;
        const flashed: number[] = [];
        const beeped: number[] = [];
        const look = async (): Promise<void> => {
            let before = true;
            while (performance.now() < ends) {
                const {value} = await pictures.read();
                const bytes = new Uint8Array(value!.allocationSize());
                await value!.copyTo(bytes);
                // Luma or the first colour, near the lower edge of the first plane; by four where colours are together.
                const row = Math.floor(value!.codedHeight * 0.95) * value!.codedWidth * (value!.format?.startsWith('I4') || value!.format === 'NV12' ? 1 : 4);
                const white = bytes[row + 4]! > 190;
                if (white && !before) {
                    flashed.push(performance.now());
                }
                before = white;
                value!.close();
            }
        };
        const listen = async (): Promise<void> => {
            let quietFor = 0;
            while (performance.now() < ends) {
                const {value} = await sounds.read();
                const samples = new Float32Array(value!.numberOfFrames);
                value!.copyTo(samples, {planeIndex: 0, format: 'f32-planar'});
                // The person's own tone is at 0.3, the beep comes on top of it.
                const at = samples.findIndex((sample) => Math.abs(sample) > 0.4);
                if (at >= 0 && quietFor > 10) {
                    beeped.push(performance.now() - (samples.length - at) / 48);
                }
                quietFor = at >= 0 ? 0 : quietFor + 1;
                value!.close();
            }
        };
        await Promise.all([look(), listen()]);
        return {flashed, beeped};
    });
    const apart = skews(found.flashed.map((at) => at / 1000), found.beeped.map((at) => at / 1000));
    expect(apart.length, JSON.stringify(found)).toBeGreaterThanOrEqual(4);
    expect(Math.abs(median(apart)), `${apart.join(', ')} ms`).toBeLessThan(15);
});
