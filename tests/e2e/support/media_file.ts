// When things happen in a media file, to a few ms: tones, beeps, flashes, numbers in the picture (`recording_file.ts`
// has what is coarser).
import {execFileSync} from 'node:child_process';

const RATE = 48_000;
/** Frames are looked at in this size: enough for the cells of a number, quick to read. */
const WIDTH = 160;
const HEIGHT = 90;
const OUTPUT_BYTES_MAX = 1 << 30;

export interface Frame {
    /** Seconds. */
    at: number;
    /** Rows of 8-bit luma. */
    luma: Uint8Array;
}

const run = (program: string, args: string[]): Buffer =>
    execFileSync(program, args, {maxBuffer: OUTPUT_BYTES_MAX, stdio: ['ignore', 'pipe', 'pipe']});

/** What ffmpeg counts its times from, in seconds; ffprobe does not. */
const startOf = (path: string): number =>
    Number(run('ffprobe', ['-v', 'error', '-show_entries', 'format=start_time', '-of', 'csv=p=0', path]).toString().trim());

/** The sound as one channel at 48 kHz; the index says the time, gaps are silent. */
export function sound(path: string): Float32Array {
    const bytes = run('ffmpeg', [
        '-v', 'error', '-i', path, '-map', '0:a:0', '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', `${RATE}`, '-f', 'f32le', '-',
    ]);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Every frame once, with the time at which it is shown. */
export function frames(path: string): Frame[] {
    const start = startOf(path);
    const times = run('ffprobe', [
        '-v', 'error', '-select_streams', 'v:0', '-show_entries', 'frame=best_effort_timestamp_time', '-of', 'csv=p=0', path,
    ]).toString().split('\n').map((line) => line.replace(/,.*$/, '').trim()).filter((line) => line !== '').map(Number);
    const bytes = run('ffmpeg', [
        '-v', 'error', '-i', path, '-map', '0:v:0', '-vf', `scale=${WIDTH}:${HEIGHT}:flags=area,format=gray`,
        '-fps_mode', 'passthrough', '-f', 'rawvideo', '-',
    ]);
    const size = WIDTH * HEIGHT;
    if (bytes.byteLength !== times.length * size) {
        throw new Error(`${times.length} times for ${bytes.byteLength / size} frames of ${path}`);
    }
    return times.map((at, index) => ({at: at - start, luma: bytes.subarray(index * size, (index + 1) * size)}));
}

/** Mean brightness of the picture's lower half, where it flashes. */
const brightness = ({luma}: Frame): number => {
    const lower = luma.subarray(luma.length / 2);
    return lower.reduce((sum, value) => sum + value, 0) / lower.length;
};

/** The number in a picture of the instruments (`in_page.ts`); -1 where there is none. */
export function counter({luma}: Frame, cells = 16): number {
    const row = Math.round(HEIGHT / 4) * WIDTH;
    let value = 0;
    for (let cell = 0; cell < cells; cell++) {
        const seen = luma[row + Math.round(((cell + 0.5) * WIDTH) / cells)] ?? 128;
        if (seen > 80 && seen < 175) {
            return -1;
        }
        value = value * 2 + (seen > 127 ? 1 : 0);
    }
    return value;
}

/** Times at which the lower half turns white. */
export function flashes(list: readonly Frame[]): number[] {
    const levels = list.map(brightness);
    return list.flatMap(({at}, index) => (index > 0 && (levels[index] ?? 0) > 190 && (levels[index - 1] ?? 255) <= 190 ? [at] : []));
}

/** Amplitude of a frequency in a stretch of sound (Goertzel's algorithm, Hann window); 1 = full scale. */
export function amplitude(samples: Float32Array, hz: number): number {
    const w = (2 * Math.PI * hz) / RATE;
    const k = 2 * Math.cos(w);
    let [before, last, weights] = [0, 0, 0];
    samples.forEach((sample, index) => {
        const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / samples.length);
        weights += weight;
        [before, last] = [last, sample * weight + k * last - before];
    });
    return (2 * Math.sqrt(Math.max(0, last * last + before * before - k * last * before))) / weights;
}

/** In how much of the sound a tone is heard, 0 to 1. */
export function toneShare(samples: Float32Array, hz: number, atLeast = 0.02): number {
    const step = RATE / 10;
    const windows = Math.floor(samples.length / step);
    let heard = 0;
    for (let at = 0; at < windows; at++) {
        heard += amplitude(samples.subarray(at * step, (at + 1) * step), hz) >= atLeast ? 1 : 0;
    }
    return windows === 0 ? 0 : heard / windows;
}

/** Times at which a tone sets in, to about 2 ms: where a window around them holds half of it. */
export function onsets(samples: Float32Array, hz: number): number[] {
    const window = RATE / 100;
    const hop = RATE / 1000;
    const levels: number[] = [];
    for (let from = 0; from + window <= samples.length; from += hop) {
        levels.push(amplitude(samples.subarray(from, from + window), hz));
    }
    const loud = [...levels].sort((a, b) => a - b)[Math.floor(levels.length * 0.98)] ?? 0;
    const half = loud / 2;
    const out: number[] = [];
    let armed = true;
    levels.forEach((level, index) => {
        if (armed && level >= half && loud > 0.01) {
            out.push((index * hop + window / 2) / RATE);
            armed = false;
        } else if (level < half / 2) {
            armed = true;
        }
    });
    return out;
}

/** By how many ms each flash comes after the beep that belongs to it; those without one are left out. */
export function skews(flashed: readonly number[], beeped: readonly number[], withinMs = 400): number[] {
    return flashed.flatMap((flash) => {
        const near = beeped.map((beep) => (flash - beep) * 1000).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
        return near !== undefined && Math.abs(near) <= withinMs ? [near] : [];
    });
}

export function median(values: readonly number[]): number {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
