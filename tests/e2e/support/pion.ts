// A participant of Go and Pion: `tests/pion-client`, built once per run, told what to do on its standard
// input, and heard on its standard output.
import {spawn, spawnSync, type ChildProcessWithoutNullStreams} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {expect} from 'vitest';

import {PASSWORD} from './admin';
import {root, targetDir} from './paths';
import {until} from './until';

const source = join(root, 'tests', 'pion-client');
const program = join(targetDir, 'pion-client', 'participant');
const turnCheck = join(targetDir, 'pion-client', 'turncheck');
const PLUGIN = 'app.parley.calls';

/** Files that a client plays. Each tone says whose voice it is. */
export const asset = (name: string): string => join(source, 'assets', name);
export const TONES = {low: 'tone_650.ogg', high: 'tone_1350.ogg', /** 200 packets a second. */ quick: 'tone_650_5ms.ogg'};
/** Packets in one round of a tone. */
export const TONE_PACKETS = 100;

let built = false;

function build(): void {
    if (built) {
        return;
    }
    for (const [output, folder] of [[program, '.'], [turnCheck, './turncheck']] as const) {
        const done = spawnSync('go', ['build', '-buildvcs=false', '-o', output, folder], {cwd: source, encoding: 'utf8'});
        if (done.status !== 0) {
            throw new Error(`tests/pion-client cannot be built (Go >= 1.24 is needed): ${done.error?.message ?? done.stderr}`);
        }
    }
    built = true;
}

/** Whether a TURN server that knows only this secret gives somebody with these credentials a relay. */
export function turnAccepts(secret: string, username: string, credential: string): boolean {
    build();
    const done = spawnSync(turnCheck, ['-secret', secret, '-username', username, '-credential', credential], {encoding: 'utf8'});
    if (done.error) {
        throw done.error;
    }
    return done.status === 0;
}

export interface Happening {
    event: string;
    at_ms: number;
    [key: string]: unknown;
}

export interface TrackReport {
    mid: string;
    kind: string;
    id: string;
    ssrc: number;
    codec: string;
    pt: number;
    packets: number;
    missing: number;
    late: number;
    doubled: number;
    /** Lost and sent again, and sent again to fill the link (RFC 4588). */
    repaired: number;
    padding: number;
    resets: number;
    backwards: number;
    frames: number;
    bytes: number;
    span: number;
    reports: number;
    counted: number;
    /** How far apart two sender reports put the same instant. */
    line_ms: number;
    recognised: Record<string, number>;
}

export interface Report {
    tracks: TrackReport[];
    sent: number;
    keyframes_asked: number;
    maps: number;
    /** What Pion complained of, by part: `srtp info` counts packets that could not be decrypted. */
    log: Record<string, number>;
}

/** Nothing lost, doubled, out of order or undecipherable. */
export function checkFlawless(report: Report): void {
    for (const track of report.tracks) {
        expect(track, `${track.id} of ${JSON.stringify(report)}`).toMatchObject({missing: 0, late: 0, doubled: 0, repaired: 0, resets: 0, backwards: 0});
        expect(track.packets).toBe(track.span);
    }
    expect(report.log['srtp info'] ?? 0, 'packets that could not be decrypted').toBe(0);
    expect(report.log['srtp error'] ?? 0).toBe(0);
}

export interface PionOptions {
    site: string;
    user: string;
    channel: string;
    tone?: string;
    more?: string[];
}

export class Pion {
    readonly happened: Happening[] = [];
    private errors = '';
    private unread = '';
    exitCode: number | undefined;

    private constructor(
        private readonly child: ChildProcessWithoutNullStreams,
        readonly user: string,
        /** An Ogg file per voice received. */
        readonly recordings: string,
    ) {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
            const lines = (this.unread + text).split('\n');
            this.unread = lines.pop() ?? '';
            this.happened.push(...lines.map((line) => JSON.parse(line) as Happening));
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
            this.errors = (this.errors + text).slice(-4_000);
        });
        child.once('exit', (code) => {
            this.exitCode = code ?? -1;
        });
    }

    /** Starts it; does not wait. */
    static start(options: PionOptions): Pion {
        build();
        const tone = options.tone ?? TONES.low;
        const recordings = mkdtempSync(join(tmpdir(), 'parley-pion-'));
        const child = spawn(program, [
            '-site', options.site, '-plugin', PLUGIN, '-channel', options.channel,
            '-user', options.user, '-password', PASSWORD,
            '-voice', asset(tone), '-screen-low', asset('screen_low.ivf'), '-screen-high', asset('screen_high.ivf'),
            '-screen-av1', asset('screen_av1.ivf'),
            '-expect', Object.values(TONES).map(asset).join(','), '-record', recordings,
            ...options.more ?? [],
        ]);
        return new Pion(child, options.user, recordings);
    }

    /** Starts it and waits until it is connected. */
    static async join(options: PionOptions): Promise<Pion> {
        const pion = Pion.start(options);
        await pion.sees('ready');
        return pion;
    }

    tell(line: string): void {
        this.child.stdin.write(`${line}\n`);
    }

    /** Waits for something to happen, or have happened since the `from`th happening. */
    async sees(event: string, matching: (one: Happening) => boolean = () => true, from = 0): Promise<Happening> {
        return until(`${this.user}: ${event}`, () => {
            const found = this.happened.slice(from).find((one) => one.event === event && matching(one));
            const ended = this.happened.find((one) => one.event === 'failed');
            if (!found && (ended || this.exitCode !== undefined)) {
                throw new Error(`${this.user} ended waiting for ${event}: ${String(ended?.why ?? this.exitCode)}\n${this.story()}`);
            }
            return found;
        }, {every: 20, seen: () => this.story()});
    }

    /** An event of the server by its name. */
    hears(name: string, matching: (data: Record<string, unknown>) => boolean = () => true, from = 0): Promise<Happening> {
        return this.sees('event', (one) => one.name === name && matching(one.data as Record<string, unknown>), from);
    }

    names(): string[] {
        return this.happened.filter((one) => one.event === 'event').map((one) => String(one.name));
    }

    get session(): string {
        return String(this.happened.find((one) => one.event === 'hello')?.connection ?? '');
    }

    async report(): Promise<Report> {
        const from = this.happened.length;
        this.tell('report');
        return await this.sees('report', () => true, from) as unknown as Report;
    }

    /** Tells it something and waits for what comes of it. */
    async ask(line: string, event: string): Promise<Happening> {
        const from = this.happened.length;
        this.tell(line);
        return this.sees(event, () => true, from);
    }

    /** Asks for the lock until it has it. */
    async lock(): Promise<void> {
        await until(`${this.user} has the lock`, async () => (await this.ask('lock', 'lock')).held === true);
    }

    /** Nearly all of this tone's packets were heard, in one track; returns it. */
    async hearsTone(tone: string): Promise<TrackReport> {
        return until(`${this.user} hears ${tone}`, async () =>
            (await this.report()).tracks.find((track) => (track.recognised[tone] ?? 0) >= TONE_PACKETS * 0.95),
        {every: 250, seen: () => this.report()});
    }

    async leave(): Promise<void> {
        if (this.exitCode === undefined) {
            this.tell('leave');
            await until(`${this.user} is gone`, () => this.exitCode !== undefined, {within: 5_000, every: 20}).catch(() => this.child.kill('SIGKILL'));
        }
        rmSync(this.recordings, {recursive: true, force: true});
    }

    /** What happened last, for the errors of tests. */
    story(): string {
        return this.happened.slice(-25).map((one) => JSON.stringify(one)).join('\n') + `\n${this.errors}`;
    }
}
