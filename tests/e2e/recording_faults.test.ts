// What a recording survives that nobody can foresee: a full disk, a platform that takes no files, a media server that
// stands still. People are told, nothing that was recorded is lost, and it is posted once.
import {mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, expect, it} from 'vitest';

import {LocalRig} from './support/local_rig';
import type {Person} from './support/person';
import {frames, probe, Sound} from './support/recording_file';
import {expectPostedOnce, inspectFile, mark, markTone, newPost, silencesOf, tonesOf} from './support/recording_run';
import {callOf, download, fileInfo, recordingPosts, startRecording, stopRecording, type RecordingPost} from './support/recordings';
import {fill, onSmallDisk, resize} from './support/small_disk';
import {sleep, until} from './support/until';

const MB = 1_000_000;
const folder = mkdtempSync(join(tmpdir(), 'parley-faults-'));
/** A recording starts on a disk that small. */
const config = join(folder, 'sidecar.toml');
writeFileSync(config, '[recording]\nfloor_bytes = 1000000\n');
afterAll(() => rmSync(folder, {recursive: true, force: true}));

let rig: LocalRig | undefined;

afterEach(async ({task}) => {
    await rig?.close(task.result?.state === 'fail');
    rig = undefined;
});

/** The media file of a post of one, as somebody of the channel gets it. */
async function mediaOf(person: Person, post: RecordingPost): Promise<string> {
    const infos = await Promise.all(post.file_ids.map((id) => fileInfo(person, id)));
    const media = infos.filter((info) => !info.name.endsWith('.vtt'));
    expect(media.map((info) => info.name)).toHaveLength(1);
    return download(person, media[0]!.id, folder);
}

it('the disk is full: people are told, sound goes on, and it is posted when there is room again', async () => {
    rig = await LocalRig.open('host', {within: onSmallDisk(24 * MB), environment: {PARLEY_SIDECAR_CONFIG: config}});
    const {alice, bob, platform} = rig;
    const {channelId} = await callOf(alice);
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    const startAt = await startRecording(alice, channelId);
    await sleep(4_000);
    fill(platform, 0);
    // What was reserved before is used up first.
    const {err} = await until('everybody in the call is told', async () => {
        const {recording} = (await callOf(bob)).call;
        return recording?.err ? recording : undefined;
    }, {every: 1_000, within: 100_000});
    for (const person of [alice, bob]) {
        await person.page.getByText(err!, {exact: true}).first().waitFor();
    }
    // Of the reserve there is enough for this.
    const markedAt = await mark(alice);
    await sleep(2_000);
    const stopAt = Date.now();
    await stopRecording(alice, channelId);
    await sleep(3_000);
    resize(platform, 96 * MB);
    const post = await newPost(alice, channelId, []);
    const path = await mediaOf(bob, post);
    const sound = await Sound.of(path);
    const [marked] = sound.has([markTone(alice)]);
    expect(Math.abs(marked!.from - (markedAt - startAt)), 'what was said after the disk was full').toBeLessThan(1_500);
    for (const person of [alice, bob]) {
        const [gap] = sound.lacks(tonesOf(person), {from: 0, to: stopAt - startAt});
        expect((gap?.to ?? 0) - (gap?.from ?? 0), `of ${person.name}`).toBeLessThan(1_500);
    }
    expect((await probe(path)).streams).toContainEqual(expect.objectContaining({kind: 'video', codec: 'vp8'}));
    expect(await frames(path), 'of the first seconds').toBeGreaterThan(10);
}, 240_000);

it('the platform takes no files for a while: posted once, when it does again', async () => {
    rig = await LocalRig.open('host');
    const {alice, bob, platform} = rig;
    const {channelId} = await callOf(alice);
    const files = join(platform.dataDir, 'files');
    const startAt = await startRecording(alice, channelId);
    // Nothing can be made in what is no folder.
    renameSync(files, `${files}.away`);
    writeFileSync(files, '');
    await sleep(3_000);
    const markedAt = await mark(alice);
    const stopAt = Date.now();
    await stopRecording(alice, channelId);
    const stoppedAt = Date.now();
    await sleep(8_000);
    expect(await recordingPosts(alice, channelId), 'while it takes none').toEqual([]);
    rmSync(files);
    renameSync(`${files}.away`, files);
    const post = await newPost(alice, channelId, []);
    const {lackingMs, timelineMs} = await inspectFile(bob, post, {startAt, stopAt, stoppedAt, markedAt, rig, silences: [0, 0]});
    expect(lackingMs).toBeLessThan(1_500);
    expect(timelineMs).toBeLessThan(1_500);
    await sleep(3_000);
    await expectPostedOnce(alice, channelId, 1);
});

it('the media server stands still for 20 s and is replaced meanwhile: one recording, one post', async () => {
    rig = await LocalRig.open('sidecar');
    const {alice, bob, platform} = rig;
    const {channelId} = await callOf(alice);
    const startAt = await startRecording(alice, channelId);
    await sleep(2_000);
    const stopped = platform.sidecarPids();
    const stillAt = Date.now();
    stopped.forEach((pid) => process.kill(pid, 'SIGSTOP'));
    await until('another one is there', () => platform.sidecarPids().some((pid) => !stopped.includes(pid)), {within: 30_000});
    await sleep(stillAt + 20_000 - Date.now());
    // Killed by who replaced it, it is not there to go on; if it still is, it goes on now.
    for (const pid of stopped.filter((one) => platform.sidecarPids().includes(one))) {
        process.kill(pid, 'SIGCONT');
    }
    await Promise.all([alice.hears(bob), bob.hears(alice)]);
    const markedAt = await mark(alice);
    const stopAt = Date.now();
    await stopRecording(alice, channelId);
    const stoppedAt = Date.now();
    const post = await newPost(alice, channelId, []);
    // The silence is that of the pages: they hear again when the new one is there.
    const silences = await silencesOf(rig, stillAt - 1_000);
    const {lackingMs, timelineMs} = await inspectFile(bob, post, {startAt, stopAt, stoppedAt, markedAt, rig, silences});
    expect(lackingMs).toBeLessThan(1_500);
    expect(timelineMs).toBeLessThan(1_500);
    await sleep(3_000);
    await expectPostedOnce(alice, channelId, 1);
}, 120_000);
