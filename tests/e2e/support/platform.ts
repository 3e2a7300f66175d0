// The real thing: `parley demo` or `parley serve` with a data directory of its own, on free ports.
import {spawn, type ChildProcess} from 'node:child_process';
import {createSocket} from 'node:dgram';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {binary, root, webDir} from './paths';
import {processesOf} from './processes';
import {until} from './until';

const LOG_LINES_MAX = 400;
/** Characters of what a start says: its links, or its administrator. */
const SAID_MAX = 10_000;

export interface PlatformOptions {
    /** `serve` has an administrator whose password is known, and no people yet. */
    command?: 'demo' | 'serve';
    args?: string[];
    /** Default: any free one. */
    port?: number;
    /** Path below the origin, as in `--site-url`. */
    subPath?: string;
    environment?: Record<string, string>;
    /** A program and its arguments that end by running what follows them, in their own process. */
    within?: (dataDir: string) => string[];
}

export class Platform {
    readonly dataDir = mkdtempSync(join(tmpdir(), 'parley-e2e-'));
    /** One-time sign-in links as printed: Alice's on localhost, Bob's on 127.0.0.1. */
    links: string[] = [];
    /** The first administrator of `serve`. */
    admin = {username: '', password: ''};
    private mediaPort = 0;
    private child: ChildProcess | undefined;
    private port = 0;
    private log: string[] = [];
    private exit: Promise<void> = Promise.resolve();

    private constructor(private readonly options: PlatformOptions) {
        this.port = options.port ?? 0;
    }

    static async start(options: PlatformOptions = {}): Promise<Platform> {
        const platform = new Platform(options);
        try {
            await platform.run();
        } catch (error) {
            await platform.stop();
            throw error;
        }
        return platform;
    }

    /** Starts it again after `killHost`, on the same port and data. */
    async run(): Promise<void> {
        this.links = [];
        // Of this start alone: the log forgets its oldest lines.
        let said = '';
        this.mediaPort ||= await freeUdpPort();
        const demo = this.options.command !== 'serve';
        const args = [
            ...demo ? ['demo', '--port', String(this.port)] : ['serve', '--listen', `127.0.0.1:${this.port}`],
            '--data-dir', this.dataDir,
            '--media-port', String(this.mediaPort),
            '--web-dir', webDir,
            ...this.options.args ?? [],
        ];
        const [program = '', ...outer] = [...this.options.within?.(this.dataDir) ?? [], binary('parley')];
        const child = spawn(program, [...outer, ...args], {
            cwd: root,
            env: {
                ...process.env,
                XDG_RUNTIME_DIR: this.dataDir,
                PARLEY_SIDECAR: binary('parley-sidecar'),
                ...this.options.environment,
            },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.child = child;
        this.exit = new Promise((resolve) => child.once('exit', () => resolve()));
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
            said = (said + text).slice(0, SAID_MAX);
            this.note(text);
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => this.note(text));
        const ended = (): void => {
            if (child.exitCode !== null || child.signalCode !== null) {
                throw new Error(`parley ended with ${child.exitCode ?? child.signalCode}:\n${this.output()}`);
            }
        };
        await until('parley says where it is', () => {
            ended();
            return this.readOutput(said);
        }, {within: 60_000, seen: () => this.output()});
    }

    /** Links of the demo, or address and administrator of `serve`. */
    private readOutput(text: string): boolean {
        const ready = /Parley is ready: (\S+)/.exec(text)?.[1];
        const admin = /First administrator: (\S+) \/ (\S+)/.exec(text);
        if (admin) {
            this.admin = {username: admin[1] ?? '', password: admin[2] ?? ''};
        }
        this.links = [...text.matchAll(/https?:\/\/(?:localhost|127\.0\.0\.1):\d+\/\S*token=\S+/g)].map((match) => match[0]);
        const at = ready ?? this.links[1];
        if (at === undefined || (ready !== undefined && this.admin.username === '')) {
            return false;
        }
        this.port = Number(new URL(at).port);
        return true;
    }

    private note(text: string): void {
        this.log.push(...text.split('\n').filter((line) => line.trim() !== ''));
        this.log.splice(0, Math.max(0, this.log.length - LOG_LINES_MAX));
    }

    output(): string {
        return this.log.join('\n');
    }

    get address(): string {
        return `http://127.0.0.1:${this.port}${this.options.subPath ?? ''}`;
    }

    get localAddress(): string {
        return `http://localhost:${this.port}`;
    }

    get hostPid(): number {
        return this.child?.pid ?? 0;
    }

    /** Processes of the sidecar that work for this data directory. */
    sidecarPids(): number[] {
        return processesOf(this.dataDir, 'parley-sidecar');
    }

    killSidecar(): void {
        const pids = this.sidecarPids();
        if (pids.length === 0) {
            throw new Error(`no sidecar process for ${this.dataDir}\n${this.output()}`);
        }
        pids.forEach((pid) => process.kill(pid, 'SIGKILL'));
    }

    async killHost(): Promise<void> {
        this.child?.kill('SIGKILL');
        await this.exit;
    }

    async stop(): Promise<void> {
        if (this.child && this.child.exitCode === null && this.child.signalCode === null) {
            this.child.kill('SIGTERM');
            const gone = await Promise.race([this.exit.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 8_000))]);
            if (!gone) {
                this.child.kill('SIGKILL');
            }
        }
        for (const pid of this.sidecarPids()) {
            process.kill(pid, 'SIGKILL');
        }
        rmSync(this.dataDir, {recursive: true, force: true, maxRetries: 3});
    }
}

export function freeUdpPort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const socket = createSocket('udp4');
        socket.once('error', reject);
        socket.bind(0, '127.0.0.1', () => {
            const {port} = socket.address();
            socket.close(() => resolve(port));
        });
    });
}
