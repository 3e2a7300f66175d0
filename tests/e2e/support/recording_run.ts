// One recording during which, or after which, a part dies: what is posted has to be whole.
import {rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {expect} from 'vitest';

import type {Account, Plan} from './chaos';
import {longestSilence} from './hearing_log';
import type {Person} from './person';
import {probe, Sound} from './recording_file';
import {callOf, download, fileInfo, recordingPosts, startRecording, stopRecording, type RecordingPost} from './recordings';
import {sleep, until} from './until';

/** Most that a file may lack around the death of a part, and be off the clock on the wall. */
const LACKING_MS_MAX = 1_500;
const TIMELINE_MS_MAX = 1_500;
/**
 * A part has to come back, a debug build on a busy machine compose and copy; a recording whose stop died with the
 * media server is closed when nobody went on with it for a minute.
 */
const POSTED_WITHIN_MS = 100_000;
const GOES_ON_MS = 3_000;
const MARK_MS = 400;

/** A call in which two people say their tones all the time. */
export interface Rig {
    alice: Person;
    bob: Person;
    /** Ends the part at once, as `kill -9` does. */
    kill: () => Promise<void>;
    /** What somebody or something else does about it; returns when people can start and stop recordings again. */
    recover: () => Promise<void>;
    /** Media is away from the death until people hear each other again. */
    mediaDies: boolean;
}

/** Of a person in a recording. */
export const markTone = (person: Person): number => person.tone + 1_000;
export const tonesOf = (person: Person): number[] => [person.tone, markTone(person)];

/** Something that is heard once; when it began (Unix ms). */
export async function mark(person: Person): Promise<number> {
    const at = await person.page.evaluate(([tone, ms]) => window.instruments.mark(tone, ms), [markTone(person), MARK_MS] as const);
    await sleep(MARK_MS + 200);
    return at;
}

async function killAndRecover(rig: Rig): Promise<number> {
    const at = Date.now();
    await rig.kill();
    await rig.recover();
    await Promise.all([rig.alice.hears(rig.bob), rig.bob.hears(rig.alice)]);
    return at;
}

/** The post of a recording that none of `known` is; there may be one only. */
export async function newPost(person: Person, channelId: string, known: RecordingPost[], within = POSTED_WITHIN_MS): Promise<RecordingPost> {
    const ids = new Set(known.map((post) => post.props.recording_id));
    const fresh = async (): Promise<RecordingPost[]> =>
        (await recordingPosts(person, channelId)).filter((post) => !ids.has(post.props.recording_id));
    await until('the recording is posted', async () => (await fresh()).length > 0, {within, every: 200, seen: () => callOf(person).catch(String)});
    const posts = await fresh();
    expect(posts, 'one recording, one post').toHaveLength(1);
    return posts[0]!;
}

/** Each recording has one post, and they are these many. */
export async function expectPostedOnce(person: Person, channelId: string, recordings: number): Promise<void> {
    const ids = (await recordingPosts(person, channelId)).map((post) => post.props.recording_id);
    expect(new Set(ids).size, 'recordings that are posted').toBe(recordings);
    expect(ids, 'their posts').toHaveLength(recordings);
}

export async function recordingRun(rig: Rig, kind: string, plan: Plan): Promise<Account> {
    const {alice, bob} = rig;
    const {channelId, call} = await callOf(alice);
    const known = await recordingPosts(alice, channelId);
    const startAt = await startRecording(alice, channelId);
    let killedAt: number | undefined;
    if (plan.phase === 'recording') {
        await sleep(Math.max(0, startAt + plan.killAfterMs - Date.now()));
        killedAt = await killAndRecover(rig);
    }
    await sleep(GOES_ON_MS);
    const markedAt = await mark(alice);
    // Before the stop: Bob's page hears on, the file does not.
    const silences = killedAt === undefined || !rig.mediaDies ? [0, 0] : await silencesOf(rig, killedAt - 1_000);
    const stopAt = Date.now();
    await stopRecording(alice, channelId);
    const stoppedAt = Date.now();
    if (plan.phase === 'publishing') {
        await sleep(plan.killAfterMs);
        await killAndRecover(rig);
    }
    const post = await newPost(alice, channelId, known);
    const postedMs = Date.now() - stopAt;
    expect(post.root_id, 'it is in the call\'s thread').toBe(call.post_id);
    const findings = await inspectFile(bob, post, {startAt, stopAt, stoppedAt, markedAt, rig, silences});
    return {kind, ...plan, ...findings, postedMs};
}

/** What is wrong with a file that was looked at; empty = nothing. */
export const verdict = ({lackingMs, timelineMs}: Account): string => [
    lackingMs > LACKING_MS_MAX ? `it lacks ${lackingMs} ms` : '',
    timelineMs > TIMELINE_MS_MAX ? `its timeline is off by ${timelineMs} ms` : '',
].filter(Boolean).join(', ');

/** How long the pages heard nothing of Alice, and of Bob, at a stretch since `since` (Unix ms); ms. */
export const silencesOf = ({alice, bob}: Rig, since: number): Promise<number[]> => Promise.all([
    longestSilence(bob, tonesOf(alice), since), longestSilence(alice, tonesOf(bob), since),
]);

interface Known {
    startAt: number;
    /** When it was asked for. */
    stopAt: number;
    /** When it was answered: a plugin that was just started has to be compiled first. */
    stoppedAt: number;
    markedAt: number;
    rig: Rig;
    /** See `silencesOf`; what nobody heard was not sent. */
    silences: number[];
}

/** Downloads the file as a member of the channel, and compares it with what is known. */
export async function inspectFile(person: Person, post: RecordingPost, known: Known): Promise<Pick<Account, 'gapMs' | 'lackingMs' | 'timelineMs'>> {
    const {startAt, stopAt, stoppedAt, markedAt, rig} = known;
    const infos = await Promise.all(post.file_ids.map((id) => fileInfo(person, id)));
    const [media, ...others] = infos.filter((info) => !info.name.endsWith('.vtt'));
    expect(others, 'further files').toEqual([]);
    const path = await download(person, media!.id, tmpdir());
    try {
        const [probed, sound] = [await probe(path), await Sound.of(path)];
        expect(probed.streams.map((stream) => stream.codec)).toContain('opus');
        const marks = sound.has([markTone(rig.alice)]);
        expect(marks, 'Alice\'s mark is there').not.toHaveLength(0);
        const due = stopAt - startAt;
        const outside = (length: number): number => Math.max(0, due - length, length - (stoppedAt - startAt));
        const off = [outside(probed.durationMs), outside(sound.durationMs), marks[0]!.from - (markedAt - startAt)];
        const lacks = [rig.alice, rig.bob].map((who) => sound.lacks(tonesOf(who), {from: 0, to: Math.min(due, sound.durationMs)}));
        const longest = (gaps: {from: number; to: number}[], index: number): number => gaps[index] ? gaps[index].to - gaps[index].from : 0;
        return {
            gapMs: Math.round(Math.max(...lacks.map((gaps) => longest(gaps, 0)))),
            // Around the death: but for the time that nobody could be heard. Elsewhere: nothing.
            lackingMs: Math.round(Math.max(...lacks.map((gaps, index) =>
                Math.max(longest(gaps, 0) - known.silences[index]!, longest(gaps, 1))))),
            timelineMs: Math.round(Math.max(...off.map(Math.abs))),
        };
    } finally {
        rmSync(path, {force: true});
    }
}
