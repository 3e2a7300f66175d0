// A post's files: what is played in place, with the names of who speaks, and what can only be downloaded.
import {asFields, numberOr, textOr} from '../api/parse';
import type {Post} from '../api/shapes';
import {isId} from './routes';

export interface FileInfo {
    id: string;
    name: string;
    /** Bytes. */
    size: number;
    mimeType: string;
    extension: string;
}

export interface Player {
    file: FileInfo;
    kind: 'video' | 'audio';
    /** Who speaks when. */
    speakers: FileInfo | undefined;
    /** Where in `speakers`' times it begins, in seconds. */
    from: number;
}

export interface Attachments {
    players: readonly Player[];
    others: readonly FileInfo[];
}

const FILES_MAX = 50;

function parseFile(value: unknown): FileInfo | undefined {
    const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? asFields(value, 'file') : {};
    const id = textOr(fields, 'id');
    if (!isId(id)) {
        return undefined;
    }
    const name = textOr(fields, 'name') || id;
    return {
        id,
        name,
        size: numberOr(fields, 'size'),
        mimeType: textOr(fields, 'mime_type').toLowerCase(),
        extension: (textOr(fields, 'extension') || name.slice(name.lastIndexOf('.') + 1)).toLowerCase(),
    };
}

const stem = (file: FileInfo): string => file.name.replace(/\.[^.]*$/, '');
const isSpeakers = (file: FileInfo): boolean => file.mimeType.startsWith('text/vtt') || file.extension === 'vtt';

function kindOf(file: FileInfo): Player['kind'] | undefined {
    if (file.mimeType.startsWith('video/')) {
        return 'video';
    }
    return file.mimeType.startsWith('audio/') ? 'audio' : undefined;
}

/** When the parts of a recording begin, in seconds, by file; undefined where the post does not say. */
function startsOf(post: Pick<Post, 'props'>): Record<string, number> | undefined {
    const {parley} = post.props;
    const starts = typeof parley === 'object' && parley !== null ? asFields(parley, 'parley').starts_at_ms : undefined;
    if (typeof starts !== 'object' || starts === null) {
        return undefined;
    }
    const fields = asFields(starts, 'starts_at_ms');
    return Object.fromEntries(Object.keys(fields).map((id) => [id, numberOr(fields, id) / 1_000]));
}

/** Names belong to the part that is called as they are; else to the only one, or to all if it is known when these begin. */
export function attachments(post: Pick<Post, 'metadata' | 'props'>): Attachments {
    const listed = Array.isArray(post.metadata.files) ? post.metadata.files as unknown[] : [];
    const files = listed.slice(0, FILES_MAX).map(parseFile).filter((file) => file !== undefined);
    const speakers = files.filter(isSpeakers);
    const played = files.filter((file) => kindOf(file) !== undefined);
    const starts = startsOf(post);
    const ofAll = speakers.length === 1 && (played.length === 1 || starts) ? speakers[0] : undefined;
    const players = played.map((file): Player => {
        const own = speakers.find((one) => stem(one) === stem(file));
        return {file, kind: kindOf(file) ?? 'video', speakers: own ?? ofAll, from: own ? 0 : starts?.[file.id] ?? 0};
    });
    const shown = new Set(players.flatMap((player) => [player.file, player.speakers]));
    return {players, others: files.filter((file) => !shown.has(file))};
}

/** What a cue says, without its marks: the names in it where there is no other text. */
export function cueText(cue: string): string {
    const plain = cue.replace(/<[^>]*>/g, '').trim();
    return plain || [...cue.matchAll(/<v(?:\.[^\s>]*)?\s+([^>]*)>/g)].map((match) => match[1]?.trim()).join(', ');
}
