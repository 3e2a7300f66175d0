// What is in the file: two people's tones, a screen whose picture moves, and both at the same time as they were.
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, expect, it} from 'vitest';

import {counter, flashes, frames, median, onsets, skews, sound, toneShare} from './support/media_file';
import {lengthOf, numberIn, playersOf, playsFrom} from './support/player';
import {probe} from './support/recording_file';
import {newPost} from './support/recording_run';
import {callOf, download, fileInfo, startRecording, stopRecording} from './support/recordings';
import {useStage} from './support/stage';
import {sleep, until} from './support/until';

/** A minute once, by hand. */
const SECONDS = Number(process.env.PARLEY_RECORD_SECONDS ?? 12);
const BEEP_HZ = 2_500;
/** Frames that the screen has each second. */
const SCREEN_FPS = 10;
const SYNC_MS_MAX = 40;
/** Sound in a packet. */
const PACKET_MS = 20;

const stage = useStage();
const folder = mkdtempSync(join(tmpdir(), 'parley-recorded-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

it(`${SECONDS} s of two tones and a moving screen are recorded as they were, and play in Chromium`, async () => {
    const alice = await stage.alice({flashWith: BEEP_HZ});
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await Promise.all([alice.unmute(), bob.unmute()]);
    await Promise.all([alice.hears(bob), bob.hears(alice)]);
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    const {channelId, call} = await callOf(alice);

    const startAt = await startRecording(alice, channelId);
    const people = [alice, bob];
    const sentBefore = await Promise.all(people.map((person) => person.soundSent()));
    const measuredFrom = Date.now();
    await sleep(SECONDS * 1_000);
    const sentAfter = await Promise.all(people.map((person) => person.soundSent()));
    const packetsDue = (Date.now() - measuredFrom) / PACKET_MS;
    await stopRecording(alice, channelId);
    const endAt = await until('everybody is told that it is over', async () => (await callOf(bob)).call.recording?.end_at || undefined);
    const due = endAt - startAt;

    const post = await newPost(bob, channelId, []);
    const infos = await Promise.all(post.file_ids.map((id) => fileInfo(bob, id)));
    const [media, ...more] = infos.filter((info) => !info.name.endsWith('.vtt'));
    expect(more, 'one file').toEqual([]);
    const path = await download(bob, media!.id, folder);

    const {durationMs, streams} = await probe(path);
    expect(streams.map(({kind, codec}) => `${kind} ${codec}`).sort()).toEqual(['audio opus', 'video vp8']);
    expect(Math.abs(durationMs - due), `${durationMs} ms instead of ${due} ms`).toBeLessThanOrEqual(200);

    const heard = sound(path);
    expect(Math.abs(heard.length / 48 - due)).toBeLessThanOrEqual(200);
    // Coming and going take a moment each.
    const inner = heard.subarray(48_000 * 0.3, heard.length - 48_000 * 0.3);
    for (const [at, person] of people.entries()) {
        // What a busy page never sent cannot be in the file.
        const sent = Math.min(1, ((sentAfter[at] ?? 0) - (sentBefore[at] ?? 0)) / packetsDue);
        expect(toneShare(inner, person.tone), `${person.name}'s tone, of which ${(sent * 100).toFixed(1)} % were sent`).toBeGreaterThan(0.98 * sent);
        expect(sent, `${person.name}'s share of sound that was sent`).toBeGreaterThan(0.7);
    }
    expect(toneShare(inner, 1_100), 'nobody\'s tone').toBe(0);

    const seen = frames(path);
    const numbers = seen.map((frame) => counter(frame)).filter((number) => number >= 0);
    expect(numbers.length, 'frames of the screen').toBeGreaterThan(0.7 * SCREEN_FPS * (due / 1_000 - 1));
    expect(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0) || number === numbers[at - 1])).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(0.7 * SCREEN_FPS * (due / 1_000 - 1));
    const gaps = seen.slice(1).map((frame, at) => frame.at - (seen[at]?.at ?? 0));
    expect(Math.max(...gaps), 'longest time without a frame, s').toBeLessThan(1.5);

    const apart = skews(flashes(seen), onsets(heard, BEEP_HZ));
    console.info(`picture and sound, ms apart: median ${median(apart).toFixed(0)}, all ${apart.map((ms) => ms.toFixed(0)).join(' ')}; ` +
        `length ${durationMs} ms of ${due} ms, ${seen.length} frames`);
    expect(apart.length, 'flashes with their beeps').toBeGreaterThanOrEqual(Math.floor(due / 1_000) - 2);
    // A busy machine's browser is late with single pictures, before they are sent; a recording that is off is
    // off for good.
    const inSync = apart.filter((ms) => Math.abs(ms) <= SYNC_MS_MAX);
    expect(Math.abs(median(apart)), 'picture and sound, ms apart').toBeLessThanOrEqual(SYNC_MS_MAX);
    expect(inSync.length / apart.length, `the share within ${SYNC_MS_MAX} ms`).toBeGreaterThanOrEqual(0.75);

    const names = infos.find((info) => info.name.endsWith('.vtt'));
    const speakers = readFileSync(await download(bob, names!.id, folder), 'utf8');
    expect(speakers).toMatch(/^WEBVTT/);
    expect(speakers).toContain('Alice Adler');
    expect(speakers).toContain('Bob');

    const player = (await playersOf(bob, call.post_id)).first();
    const length = await lengthOf(player);
    expect(Math.abs(length * 1_000 - due)).toBeLessThanOrEqual(200);
    for (const at of [0, length * 0.7, length * 0.3]) {
        await playsFrom(player, at);
        expect(await numberIn(player), `picture at ${at} s`).toBeGreaterThanOrEqual(0);
    }
}, (SECONDS + 150) * 1_000);
