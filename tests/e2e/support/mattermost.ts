// Mattermost's own plugin host (`tests/mattermost-host`) with the local platform's page before it: the bundle
// runs under it as on a server, and people use it with browsers.
import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {PASSWORD} from './admin';
import {root, targetDir, webDir} from './paths';
import {freeUdpPort} from './platform';
import {processesOf} from './processes';
import {until} from './until';

export const PLUGIN = 'app.parley.calls';
/** The harness has them from its start. */
export const CHANNEL = 'chanchanchanchanchanchan01';
export const CHANNEL_PATH = '/team1/channels/town-square';

const LOG_LINES_MAX = 400;
const source = join(root, 'tests', 'mattermost-host');
const program = join(targetDir, 'mattermost-host', 'mmhost');
let built = false;

function build(): void {
    if (built) {
        return;
    }
    const go = (...args: string[]): string => {
        const done = spawnSync('go', args, {cwd: source, encoding: 'utf8', maxBuffer: 1 << 26});
        if (done.status !== 0) {
            throw new Error(`tests/mattermost-host cannot be built: ${done.error?.message ?? done.stderr}`);
        }
        return done.stdout;
    };
    const stub = join(source, 'mmhost', 'stub_gen.go');
    if (!existsSync(stub)) {
        writeFileSync(`${stub}.new`, go('run', './gen'));
        renameSync(`${stub}.new`, stub);
    }
    go('build', '-buildvcs=false', '-o', program, './mmhost');
    built = true;
}

export type Flavour = 'parley' | 'drop-in';

/** The bundle of `cargo xtask dist --profile dev`, or the one that PARLEY_BUNDLE (PARLEY_BUNDLE_DROP_IN) names. */
export function bundle(flavour: Flavour = 'parley'): string {
    const [asked, named, args] = flavour === 'parley' ?
        [process.env.PARLEY_BUNDLE, /^parley-\d.*-dev\.tar\.gz$/, ''] :
        [process.env.PARLEY_BUNDLE_DROP_IN, /^parley-drop-in-\d.*-dev\.tar\.gz$/, ' --flavour drop-in'];
    const folder = join(targetDir, 'dist-dev');
    const made = existsSync(folder) ? readdirSync(folder).filter((name) => named.test(name)) : [];
    const [newest] = made.map((name) => join(folder, name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    const path = asked ?? newest;
    if (path === undefined || !existsSync(path)) {
        throw new Error(`no bundle: cargo xtask dist --profile dev${args}`);
    }
    return path;
}

/** The bundle is one that is uploaded to servers: what is promised of its speed has to hold. */
export const shipped = (): boolean => !bundle().endsWith('-dev.tar.gz');

export interface Activated {
    activated: boolean;
    seconds: number;
}

export class Mattermost {
    readonly folder = mkdtempSync(join(tmpdir(), 'parley-mm-'));
    private child: ChildProcess | undefined;
    private port = 0;
    private mediaPort = 0;
    private log: string[] = [];
    /** Of the bundle that was uploaded last. */
    private plugin = PLUGIN;
    private version = '';

    static async start(): Promise<Mattermost> {
        build();
        const server = new Mattermost();
        try {
            await server.run();
        } catch (error) {
            await server.stop();
            throw error;
        }
        return server;
    }

    /** Starts it again after `kill`, at the same address. */
    async run(): Promise<void> {
        this.port ||= await freeTcpPort();
        this.mediaPort ||= await freeUdpPort();
        const child = spawn(program, [
            '-quiet', '-listen', `127.0.0.1:${this.port}`, '-page', join(webDir, 'page'),
            '-plugins', join(this.folder, 'plugins'), '-webapp', join(this.folder, 'web'),
            '-state', join(this.folder, 'state.jsonl'),
        ], {
            cwd: this.folder,
            env: {
                ...process.env,
                XDG_RUNTIME_DIR: this.folder,
                PARLEY_DATA_DIR: join(this.folder, 'data'),
                PARLEY_MEDIA_PORT: String(this.mediaPort),
                PARLEY_ICE_HOST_OVERRIDE: '127.0.0.1',
                // The bundle has its own.
                PARLEY_SIDECAR: undefined,
            },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.child = child;
        const note = (text: string): void => {
            this.log.push(...text.split('\n').filter((line) => line.trim() !== ''));
            this.log.splice(0, Math.max(0, this.log.length - LOG_LINES_MAX));
        };
        child.stdout.setEncoding('utf8').on('data', note);
        child.stderr.setEncoding('utf8').on('data', note);
        await until('the server listens', async () => {
            if (child.exitCode !== null) {
                throw new Error(`mmhost ended with ${child.exitCode}:\n${this.output()}`);
            }
            return await fetch(`${this.address}/api/v4/system/ping`).then((answer) => answer.ok, () => false);
        });
    }

    get address(): string {
        return `http://127.0.0.1:${this.port}`;
    }

    output(): string {
        return this.log.join('\n');
    }

    private async control(path: string, body: BodyInit = '{}'): Promise<Record<string, unknown>> {
        const answer = await fetch(`${this.address}${path}`, {method: 'POST', body});
        const text = await answer.text();
        if (!answer.ok) {
            throw new Error(`${path}: ${answer.status} ${text}\n${this.output()}`);
        }
        return text === '' ? {} : JSON.parse(text) as Record<string, unknown>;
    }

    /** Somebody of the channel, with `PASSWORD`. */
    async person(first: string, last: string): Promise<void> {
        const username = first.toLowerCase();
        await this.control('/api/v4/users', JSON.stringify({
            username, email: `${username}@example.org`, password: PASSWORD, first_name: first, last_name: last,
        }));
        const login = await fetch(`${this.address}/api/v4/users/login`, {
            method: 'POST', body: JSON.stringify({login_id: username, password: PASSWORD}),
        });
        await fetch(`${this.address}/api/v4/channels/${CHANNEL}/members`, {
            method: 'POST', body: '{}', headers: {Authorization: `Bearer ${login.headers.get('Token') ?? ''}`},
        });
    }

    /** As in the System Console. A plugin that is active goes on with the new bundle. */
    async upload(path: string): Promise<void> {
        const form = new FormData();
        form.set('plugin', new Blob([readFileSync(path)]), 'plugin.tar.gz');
        const manifest = await this.control('/host/upload', form);
        this.plugin = String(manifest.id);
        this.version = String(manifest.version);
    }

    /** The same bundle under the next version. */
    upgraded(path: string): string {
        const folder = mkdtempSync(join(this.folder, 'upgrade-'));
        const tar = (...args: string[]): void => {
            const done = spawnSync('tar', args, {cwd: folder, encoding: 'utf8'});
            if (done.status !== 0) {
                throw new Error(`tar: ${done.error?.message ?? done.stderr}`);
            }
        };
        tar('xzf', path);
        const manifest = join(folder, this.plugin, 'plugin.json');
        const content = JSON.parse(readFileSync(manifest, 'utf8')) as {version: string};
        content.version = this.version.replace(/\d+$/, (last) => String(Number(last) + 1));
        writeFileSync(manifest, JSON.stringify(content));
        tar('--use-compress-program=gzip -1', '-cf', 'next.tar.gz', this.plugin);
        return join(folder, 'next.tar.gz');
    }

    async enable(): Promise<Activated> {
        return await this.control(`/host/enable/${this.plugin}`) as unknown as Activated;
    }

    /** How long the server was busy with it, in seconds. */
    async disable(): Promise<number> {
        return Number((await this.control(`/host/disable/${this.plugin}`)).seconds);
    }

    /** As "Remove" in the System Console. */
    async remove(): Promise<void> {
        await this.control(`/host/remove/${this.plugin}`);
    }

    /** Changes settings of the server itself; the others stay. */
    async configure(settings: Record<string, unknown>): Promise<void> {
        await this.control('/host/config', JSON.stringify(settings));
        // As a server tells its plugins.
        await this.control('/host/hook/OnConfigurationChange', JSON.stringify({plugin: this.plugin}));
    }

    /** What the server does each 30 s: a dead plugin is started again. */
    async checkHealth(): Promise<void> {
        await this.control(`/host/check/${this.plugin}`);
    }

    /** Ends all WebSockets, and takes none for a while. */
    async cutSockets(seconds: number): Promise<void> {
        await this.control(`/host/cut?for=${seconds}s`);
    }

    /** The server dies, and takes no plugin with it that does not go by itself. */
    async kill(): Promise<void> {
        const child = this.child;
        if (child && child.exitCode === null && child.signalCode === null) {
            const gone = new Promise((resolve) => child.once('exit', resolve));
            child.kill('SIGKILL');
            await gone;
        }
    }

    pluginPids(): number[] {
        return processesOf(this.folder, 'parley-linux-');
    }

    sidecarPids(): number[] {
        return processesOf(this.folder, 'parley-sidecar');
    }

    async stop(): Promise<void> {
        await this.kill();
        for (const pid of [...this.pluginPids(), ...this.sidecarPids()]) {
            process.kill(pid, 'SIGKILL');
        }
        rmSync(this.folder, {recursive: true, force: true, maxRetries: 3});
    }
}

function freeTcpPort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
        });
    });
}
