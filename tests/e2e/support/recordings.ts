// Recordings as a member of the channel has them: asked for, told about, posted, downloaded.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

import type {Person} from './person';
import {until} from './until';

const POST_TYPE = 'custom_calls_recording';

export interface RecordingState {
    /** Unix ms; 0 = not yet. */
    start_at: number;
    /** Unix ms; 0 = it goes on. */
    end_at: number;
    /** What is wrong with it, in words. */
    err?: string;
}

export interface RecordingPost {
    id: string;
    root_id: string;
    message: string;
    file_ids: string[];
    props: {recording_id: string};
}

interface Call {
    id: string;
    post_id: string;
    recording?: RecordingState;
}

/** Who asks too often is asked to wait: tests ask more often than people, and pages do on top after a restart. */
const TOO_MANY = 429;

/** A request of the person's page, as its scripts make them; throws with the answer's words. */
async function ask<T>(person: Person, method: string, path: string): Promise<T> {
    const answer = await until(`${method} ${path} is answered`, async () => {
        const one = await askOnce(person, method, path);
        return one.status !== TOO_MANY && one;
    }, {every: 1_000});
    if (answer.status >= 300) {
        throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    }
    return JSON.parse(answer.text) as T;
}

const askOnce = (person: Person, method: string, path: string): Promise<{status: number; text: string}> =>
    person.page.evaluate(async ([how, where]) => {
        const base = (window as {basename?: string}).basename ?? '';
        const response = await fetch(`${base}${where}`, {
            method: how,
            headers: {
                'Content-Type': 'application/json',
                'X-Requested-With': 'XMLHttpRequest',
                'X-CSRF-Token': /(?:^|;\s*)MMCSRF=([^;]*)/.exec(document.cookie)?.[1] ?? '',
            },
            ...how === 'GET' ? {} : {body: '{}'},
        });
        return {status: response.status, text: await response.text()};
    }, [method, path] as const);

const PLUGIN_PATH = '/plugins/app.parley.calls';

/** The channel that has the call, and the call. */
export async function callOf(person: Person): Promise<{channelId: string; call: Call}> {
    const channels = await ask<{channel_id: string; call?: Call}[]>(person, 'GET', `${PLUGIN_PATH}/channels`);
    const found = channels.find((channel) => channel.call);
    if (!found?.call) {
        throw new Error(`no call: ${JSON.stringify(channels)}`);
    }
    return {channelId: found.channel_id, call: found.call};
}

/** Starts a recording; when it began (Unix ms), as everybody is told. */
export async function startRecording(host: Person, channelId: string): Promise<number> {
    await ask(host, 'POST', `${PLUGIN_PATH}/calls/${channelId}/recording/start`);
    const state = await until('everybody is told that it is recorded', async () => {
        const {recording} = (await callOf(host)).call;
        return recording && recording.start_at > 0 && recording.end_at === 0 && recording;
    }, {every: 300});
    return state.start_at;
}

export async function stopRecording(host: Person, channelId: string): Promise<void> {
    await ask(host, 'POST', `${PLUGIN_PATH}/calls/${channelId}/recording/stop`);
}

/** All posts of recordings in the channel. */
export async function recordingPosts(person: Person, channelId: string): Promise<RecordingPost[]> {
    const list = await ask<{posts: Record<string, RecordingPost & {type: string}>}>(
        person, 'GET', `/api/v4/channels/${channelId}/posts?per_page=200`,
    );
    return Object.values(list.posts).filter((post) => post.type === POST_TYPE);
}

/** Fetches a file of a post as the page does; where it lies then. */
export async function download(person: Person, fileId: string, folder: string): Promise<string> {
    const base = await person.page.evaluate(() => (window as {basename?: string}).basename ?? '');
    const response = await person.context.request.get(new URL(`${base}/api/v4/files/${fileId}`, person.page.url()).href);
    if (!response.ok()) {
        throw new Error(`file ${fileId}: ${response.status()} ${await response.text()}`);
    }
    const path = join(folder, `${fileId}.webm`);
    writeFileSync(path, await response.body());
    return path;
}

export interface FileInfo {
    id: string;
    name: string;
    size: number;
    mime_type: string;
}

export const fileInfo = (person: Person, fileId: string): Promise<FileInfo> =>
    ask<FileInfo>(person, 'GET', `/api/v4/files/${fileId}/info`);
