// The media server dies again and again during one recording: it stays one, on one timeline.
import {rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {afterAll, beforeAll, expect, it} from 'vitest';

import {LocalRig} from './support/local_rig';
import {probe, Sound} from './support/recording_file';
import {expectPostedOnce, mark, markTone, newPost, silencesOf, tonesOf} from './support/recording_run';
import {callOf, download, fileInfo, startRecording, stopRecording} from './support/recordings';
import {sleep} from './support/until';

/** The second one already ends a recording that was resumed. */
const DEATHS = Number(process.env.PARLEY_RECORD_DEATHS || 3);
const BETWEEN_MS = 1_000;
/** Around each death, beside the time in which nobody was heard; and of the whole timeline. */
const LACKING_MS_MAX = 1_500;
const TIMELINE_MS_MAX = 1_500;
const POSTED_WITHIN_MS = 100_000;

let rig: LocalRig;
let failed = true;
beforeAll(async () => {
    rig = await LocalRig.open('sidecar');
});
afterAll(() => rig?.close(failed));

it(`${DEATHS} deaths of the media server: one file, gaps where it was away, the length of the clock`, async () => {
    const {alice, bob} = rig;
    const {channelId} = await callOf(alice);
    const startAt = await startRecording(alice, channelId);
    let silence = 0;
    for (let death = 1; death <= DEATHS; death++) {
        await sleep(BETWEEN_MS);
        const killedAt = Date.now();
        await rig.kill();
        await rig.recover();
        await Promise.all([alice.hears(bob), bob.hears(alice)]);
        silence = Math.max(silence, ...await silencesOf(rig, killedAt - 500));
    }
    await sleep(BETWEEN_MS);
    const markedAt = await mark(alice);
    const stopAt = Date.now();
    await stopRecording(alice, channelId);
    const post = await newPost(alice, channelId, [], POSTED_WITHIN_MS);
    const infos = await Promise.all(post.file_ids.map((id) => fileInfo(bob, id)));
    const [media, ...others] = infos.filter((info) => !info.name.endsWith('.vtt'));
    expect(others, 'further files').toEqual([]);
    const path = await download(bob, media!.id, tmpdir());
    try {
        const due = stopAt - startAt;
        const [{durationMs}, sound] = [await probe(path), await Sound.of(path)];
        expect(Math.abs(durationMs - due), `${durationMs} ms for ${due}`).toBeLessThanOrEqual(TIMELINE_MS_MAX);
        const [heard] = sound.has([markTone(alice)]);
        expect(Math.abs(heard!.from - (markedAt - startAt)), 'the mark\'s moment').toBeLessThanOrEqual(TIMELINE_MS_MAX);
        for (const who of [alice, bob]) {
            const gaps = sound.lacks(tonesOf(who), {from: 0, to: Math.min(due, durationMs)}).map(({from, to}) => to - from);
            const long = gaps.filter((gap) => gap > 300);
            expect(gaps[0], `the longest gap of ${who.name}, ${silence} ms of which nobody was heard`).toBeLessThanOrEqual(silence + LACKING_MS_MAX);
            // One per death; nothing is missing between them.
            expect(long.length, `gaps of ${who.name}: ${long.join(', ')} ms`).toBeLessThanOrEqual(DEATHS);
            expect(long.length).toBeGreaterThan(0);
        }
    } finally {
        rmSync(path, {force: true});
    }
    await expectPostedOnce(alice, channelId, 1);
    failed = false;
}, 60_000 + DEATHS * 40_000 + POSTED_WITHIN_MS);
