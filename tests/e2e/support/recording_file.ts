// What a recording's file says to software that is not ours: ffprobe and ffmpeg.
import {spawn} from 'node:child_process';

const RATE_HZ = 8_000;
/** A tone is looked for in windows of this length, one each `STEP_MS`. */
const WINDOW_MS = 50;
export const STEP_MS = 25;
/** Of full scale: our microphones give 0.3, of which a mixer may leave a part. */
const AMPLITUDE_MIN = 0.03;

export interface Stream {
    kind: string;
    codec: string;
    width?: number;
    height?: number;
}

export interface Probed {
    /** As the container's header says, in ms. */
    durationMs: number;
    format: string;
    streams: Stream[];
}

function run(program: string, args: string[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
        const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'pipe']});
        const out: Buffer[] = [];
        let complaints = '';
        child.stdout.on('data', (data: Buffer) => out.push(data));
        child.stderr.setEncoding('utf8').on('data', (text: string) => complaints += text);
        child.once('error', reject);
        // What plays with complaints is not whole.
        child.once('close', (code) => code === 0 && complaints.trim() === '' ?
            resolve(Buffer.concat(out)) :
            reject(new Error(`${program} ${args.join(' ')}: ${code}\n${complaints.slice(0, 2_000)}`)));
    });
}

export async function probe(path: string): Promise<Probed> {
    const said = await run('ffprobe', ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', path]);
    const {format, streams} = JSON.parse(said.toString('utf8')) as {
        format: {duration?: string; format_name: string};
        streams: {codec_type: string; codec_name: string; width?: number; height?: number}[];
    };
    return {
        durationMs: Math.round(Number(format.duration ?? NaN) * 1_000),
        format: format.format_name,
        streams: streams.map(({codec_type: kind, codec_name: codec, width, height}) => ({
            kind, codec, ...width === undefined ? {} : {width}, ...height === undefined ? {} : {height},
        })),
    };
}

/** Decodes all pictures; how many there are. */
export async function frames(path: string): Promise<number> {
    const said = await run('ffprobe', [
        '-v', 'error', '-select_streams', 'v:0', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', path,
    ]);
    return Number(said.toString('utf8').trim());
}

/** In ms from the file's beginning. */
export interface Stretch {
    from: number;
    to: number;
}

/** When a file's sound has which tones. Times are those of its timestamps: where it has none, there is silence. */
export class Sound {
    private constructor(private readonly samples: Int16Array) {}

    static async of(path: string): Promise<Sound> {
        const raw = await run('ffmpeg', [
            '-v', 'error', '-i', path, '-map', '0:a:0', '-af', `aresample=${RATE_HZ}:async=1:first_pts=0`, '-ac', '1', '-f', 's16le', '-',
        ]);
        const bytes = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength - raw.byteLength % 2);
        return new Sound(new Int16Array(bytes));
    }

    get durationMs(): number {
        return Math.round(this.samples.length * 1_000 / RATE_HZ);
    }

    /** Where any of these is to be heard, in order. */
    has(tones: number[]): Stretch[] {
        const stretches: Stretch[] = [];
        for (let at = 0; at + WINDOW_MS <= this.durationMs; at += STEP_MS) {
            if (!tones.some((tone) => this.amplitude(tone, at) >= AMPLITUDE_MIN)) {
                continue;
            }
            const last = stretches.at(-1);
            // A window stands for its middle.
            const middle = at + WINDOW_MS / 2;
            if (last && last.to >= middle - STEP_MS / 2) {
                last.to = middle + STEP_MS / 2;
            } else {
                stretches.push({from: middle - STEP_MS / 2, to: middle + STEP_MS / 2});
            }
        }
        return stretches;
    }

    /** Where none of these is to be heard between two moments, longest first. */
    lacks(tones: number[], within: Stretch): Stretch[] {
        const gaps: Stretch[] = [];
        let end = within.from;
        for (const {from, to} of [...this.has(tones), {from: within.to, to: within.to}]) {
            const gap = {from: end, to: Math.min(from, within.to)};
            if (gap.to > gap.from) {
                gaps.push(gap);
            }
            end = Math.max(end, to);
        }
        return gaps.sort((a, b) => b.to - b.from - (a.to - a.from));
    }

    /** Goertzel's algorithm under a Hann window. */
    private amplitude(tone: number, atMs: number): number {
        const begin = Math.round(atMs * RATE_HZ / 1_000);
        const count = WINDOW_MS * RATE_HZ / 1_000;
        const turn = 2 * Math.cos(2 * Math.PI * tone / RATE_HZ);
        let [before, last] = [0, 0];
        for (let index = 0; index < count; index++) {
            const weight = 0.5 - 0.5 * Math.cos(2 * Math.PI * index / count);
            [before, last] = [last, weight * this.samples[begin + index]! / 32_768 + turn * last - before];
        }
        // Half of the window's weight is there, and half of a tone's amplitude in each of both frequencies.
        return 4 * Math.sqrt(Math.max(0, last * last + before * before - turn * last * before)) / count;
    }
}
