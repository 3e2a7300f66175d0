// What happens to a recording on a Mattermost server when its plugin is taken away, and when its files are too large.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, expect, it} from 'vitest';

import {bundle, CHANNEL} from './support/mattermost';
import {MattermostRig} from './support/mattermost_rig';
import {frames, probe, Sound} from './support/recording_file';
import {expectPostedOnce, newPost, tonesOf} from './support/recording_run';
import {download, fileInfo, recordingPosts, startRecording, stopRecording} from './support/recordings';
import {sleep, until} from './support/until';

const folder = mkdtempSync(join(tmpdir(), 'parley-life-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** The media server waits for a host before it ends. */
const LEASE_MS = 20_000;
let rig: MattermostRig | undefined;

afterEach(async ({task}) => {
    await rig?.close(task.result?.state === 'fail');
    rig = undefined;
});

it('the plugin is removed while it records, and installed again later: what was recorded is posted, once', async () => {
    rig = await MattermostRig.open('plugin');
    const {alice, bob, server} = rig;
    const startAt = await startRecording(alice, CHANNEL);
    await sleep(3_000);
    const removedAt = Date.now();
    await server.remove();
    await until('the media server is gone', () => server.sidecarPids().length === 0, {within: LEASE_MS + 15_000});
    expect(await recordingPosts(alice, CHANNEL)).toEqual([]);
    await server.upload(bundle());
    await server.enable();
    const post = await newPost(alice, CHANNEL, []);
    const infos = await Promise.all(post.file_ids.map((id) => fileInfo(bob, id)));
    const media = infos.filter((info) => !info.name.endsWith('.vtt'));
    expect(media).toHaveLength(1);
    const sound = await Sound.of(await download(bob, media[0]!.id, folder));
    for (const person of [alice, bob]) {
        // Until then, at least, everybody was in the call.
        const [gap] = sound.lacks(tonesOf(person), {from: 0, to: removedAt - startAt});
        expect((gap?.to ?? 0) - (gap?.from ?? 0), `of ${person.name}`).toBeLessThan(1_500);
    }
    await sleep(3_000);
    await expectPostedOnce(alice, CHANNEL, 1);
}, 150_000);

it('a file is larger than the server takes: parts that play by themselves, in one post', async () => {
    rig = await MattermostRig.open('plugin');
    const {alice, bob, server} = rig;
    const bytesMax = 330_000;
    await server.configure({FileSettings: {MaxFileSize: bytesMax}});
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    const startAt = await startRecording(alice, CHANNEL);
    // Key frames come each 10 s: where a file may be cut.
    await sleep(25_000);
    const stopAt = Date.now();
    await stopRecording(alice, CHANNEL);
    await newPost(alice, CHANNEL, []);
    await sleep(3_000);
    const posts = await recordingPosts(bob, CHANNEL);
    expect(new Set(posts.map((post) => post.props.recording_id)).size).toBe(1);
    const infos = await Promise.all(posts.flatMap((post) => post.file_ids).map((id) => fileInfo(bob, id)));
    const parts = infos.filter((info) => !info.name.endsWith('.vtt'));
    console.info(`parts of ${parts.map((part) => part.size).join(', ')} bytes`);
    expect(parts.length).toBeGreaterThan(1);
    let total = 0;
    for (const {id, size, name} of parts) {
        expect(size, name).toBeLessThanOrEqual(bytesMax);
        const path = await download(bob, id, folder);
        const {durationMs, streams} = await probe(path);
        expect(streams.map((stream) => stream.codec).sort(), name).toEqual(['opus', 'vp8']);
        expect(await frames(path), name).toBeGreaterThan(0);
        const sound = await Sound.of(path);
        const [gap] = sound.lacks(tonesOf(alice), {from: 0, to: durationMs});
        expect((gap?.to ?? 0) - (gap?.from ?? 0), name).toBeLessThan(1_500);
        total += durationMs;
    }
    expect(Math.abs(total - (stopAt - startAt))).toBeLessThan(1_500);
}, 150_000);
