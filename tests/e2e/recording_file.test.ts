// The instruments for recordings, on files that ffmpeg makes: they see what is there, and what is not.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, truncateSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, expect, it} from 'vitest';

import {frames, probe, Sound} from './support/recording_file';

const folder = mkdtempSync(join(tmpdir(), 'parley-files-'));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** A file of 6 s: 500 Hz but from 2 to 3 s, 800 Hz from 4 s on. */
function make(name: string, more: string[] = []): string {
    const path = join(folder, name);
    const sound = (tone: number, when: string): string => `0.3*sin(2*PI*${tone}*t)*(${when})`;
    const done = spawnSync('ffmpeg', [
        '-v', 'error', '-y', '-f', 'lavfi',
        '-i', `aevalsrc='${sound(500, 'lt(t,2)+gte(t,3)')}+${sound(800, 'gte(t,4)')}':d=6:s=48000`,
        ...more, '-c:a', 'libopus', path,
    ], {encoding: 'utf8'});
    expect(done.stderr).toBe('');
    return path;
}

it('tones are found where they are, and gaps where they are not', async () => {
    const path = make('sound.webm');
    const said = await probe(path);
    expect(said.streams).toEqual([{kind: 'audio', codec: 'opus'}]);
    expect(Math.abs(said.durationMs - 6_000)).toBeLessThan(50);
    const sound = await Sound.of(path);
    expect(Math.abs(sound.durationMs - 6_000)).toBeLessThan(50);
    const [gap, next] = sound.lacks([500], {from: 0, to: 5_900});
    expect(Math.abs(gap!.from - 2_000)).toBeLessThan(100);
    expect(Math.abs(gap!.to - 3_000)).toBeLessThan(100);
    expect(next === undefined || next.to - next.from < 60, JSON.stringify(next)).toBe(true);
    const [only, ...others] = sound.has([800]);
    expect(others).toEqual([]);
    expect(Math.abs(only!.from - 4_000)).toBeLessThan(100);
    expect(sound.has([1_100])).toEqual([]);
    expect(sound.lacks([500, 800], {from: 3_100, to: 5_900})).toEqual([]);
});

it('a stretch without timestamps is silence of that length', async () => {
    const whole = make('whole.webm');
    const path = join(folder, 'hole.webm');
    // The packets of 2.5 to 4.5 s are left out, those behind keep their times.
    const cut = spawnSync('ffmpeg', [
        '-v', 'error', '-y', '-i', whole, '-c', 'copy', '-bsf:a', "noise=drop='between(tb*pts\\,2.5\\,4.5)'", path,
    ], {encoding: 'utf8'});
    expect(cut.stderr).toBe('');
    const sound = await Sound.of(path);
    const [gap] = sound.lacks([500], {from: 0, to: 5_900});
    expect(Math.abs(gap!.from - 2_000)).toBeLessThan(150);
    expect(Math.abs(gap!.to - 4_500)).toBeLessThan(150);
});

it('pictures are counted, and a file that is cut short does not pass', async () => {
    const path = make('picture.webm', ['-f', 'lavfi', '-i', 'testsrc=s=160x90:r=10:d=6', '-map', '0:a', '-map', '1:v', '-c:v', 'libvpx']);
    expect((await probe(path)).streams).toContainEqual({kind: 'video', codec: 'vp8', width: 160, height: 90});
    expect(await frames(path)).toBe(60);
    truncateSync(path, Math.floor(statSync(path).size / 2));
    await expect(frames(path)).rejects.toThrow();
});
