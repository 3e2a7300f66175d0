// Somebody at a browser: what they do, and what they hear and see.
import type {Browser, BrowserContext, Locator, Page} from 'playwright-core';

import {newContext, type ContextOptions} from './browser';
import type {Heard} from './in_page';
import {until} from './until';

const TONE_TOLERANCE_HZ = 12;
const CONSOLE_LINES_MAX = 200;

export interface PersonOptions extends ContextOptions {
    name: string;
}

export class Person {
    readonly console: string[] = [];

    private constructor(
        readonly name: string,
        readonly tone: number,
        readonly context: BrowserContext,
        readonly page: Page,
    ) {}

    static async open(browser: Browser, options: PersonOptions): Promise<Person> {
        const context = await newContext(browser, options);
        const page = await context.newPage();
        const person = new Person(options.name, options.tone, context, page);
        const note = (line: string): void => {
            person.console.push(line);
            person.console.splice(0, Math.max(0, person.console.length - CONSOLE_LINES_MAX));
        };
        page.on('console', (message) => note(`${message.type()}: ${message.text()}`));
        page.on('pageerror', (error) => note(`uncaught: ${error.stack ?? error.message}`));
        return person;
    }

    /** Follows a one-time link and waits for the channel. */
    async signIn(link: string): Promise<void> {
        await this.page.goto(link);
        await this.messageBox.waitFor();
    }

    /** Signs in with name and password, and goes to a path. */
    async logIn(address: string, username: string, password: string, path = ''): Promise<void> {
        await this.page.goto(`${address}/login${path ? `?redirect_to=${encodeURIComponent(path)}` : ''}`);
        await this.page.getByLabel('User name or e-mail').fill(username);
        await this.page.getByLabel('Password').fill(password);
        await this.button('Sign in').click();
        await this.messageBox.waitFor();
    }

    get messageBox(): Locator {
        return this.page.getByRole('main').getByRole('textbox', {name: 'Message', exact: true});
    }

    get call(): Locator {
        return this.page.locator('section[aria-label="Call"]');
    }

    button(name: string): Locator {
        return this.page.getByRole('button', {name, exact: true});
    }

    /** A control of the call widget. */
    control(name: string): Locator {
        return this.call.getByRole('button', {name, exact: true});
    }

    async say(text: string): Promise<void> {
        await this.messageBox.fill(text);
        await this.page.getByRole('main').getByRole('button', {name: 'Send', exact: true}).click();
    }

    async startCall(title = ''): Promise<void> {
        // Plugins load after the page shows its message box: a command typed before starts a call that no tab joins.
        await this.page.locator('.parley-header').first().waitFor();
        await this.say(`/call start ${title}`.trim());
        await this.inCall();
    }

    async joinByPost(): Promise<void> {
        await this.page.locator('.post').getByRole('button', {name: 'Join call', exact: true}).last().click();
        await this.inCall();
    }

    async inCall(within = 20_000): Promise<void> {
        await this.page.locator('section[aria-label="Call"][data-phase="connected"]').waitFor({timeout: within});
    }

    async unmute(): Promise<void> {
        await this.control('Unmute').click();
        await this.control('Mute').waitFor();
    }

    async mute(): Promise<void> {
        await this.control('Mute').click();
        await this.control('Unmute').waitFor();
    }

    /** Does nothing when in no call. */
    async leave(within = 20_000): Promise<void> {
        if (await this.call.count() === 0) {
            return;
        }
        await this.control('Leave call').click({timeout: within});
        await this.call.waitFor({state: 'detached'});
    }

    /** The server knows of no call any more (that one left may be on its way still). */
    async noCallRuns(): Promise<void> {
        const running = (): Promise<boolean> => this.page.evaluate(async () => {
            const base = (window as {basename?: string}).basename;
            if (base === undefined) {
                return false;
            }
            const answer = await fetch(`${base}/plugins/app.parley.calls/channels`);
            return answer.ok && (await answer.json() as {call?: unknown}[]).some((channel) => channel.call);
        });
        await until('no call runs', async () => !await running(), {within: 4_000, every: 400});
    }

    hearing(): Promise<Heard[]> {
        return this.page.evaluate(() => window.instruments.hear());
    }

    async hearsNow(tone: number): Promise<boolean> {
        return (await this.hearing()).some((heard) => heard.peak > 0 && Math.abs(heard.peak - tone) <= TONE_TOLERANCE_HZ);
    }

    /** A tone that is nobody's of the browsers. */
    async hearsTone(tone: number): Promise<void> {
        await until(`${this.name} hears ${tone} Hz`, () => this.hearsNow(tone), {seen: () => this.hearing()});
    }

    async hears(other: Person, within = 20_000): Promise<void> {
        await until(`${this.name} hears ${other.name} (${other.tone} Hz)`, () => this.hearsNow(other.tone), {
            within,
            seen: async () => ({heard: await this.hearing(), console: this.console.slice(-12)}),
        });
    }

    /** Silent from this person for a whole second. */
    async hearsNoLonger(other: Person, within = 10_000): Promise<void> {
        let silentSince = 0;
        await until(`${this.name} no longer hears ${other.name} (${other.tone} Hz)`, async () => {
            if (await this.hearsNow(other.tone)) {
                silentSince = 0;
                return false;
            }
            silentSince ||= performance.now();
            return performance.now() - silentSince > 1_000;
        }, {within, seen: () => this.hearing()});
    }

    /** The number in the picture now. */
    counter(figure: string): Promise<number> {
        return this.page.locator(`figure[aria-label="${figure}"] video`).evaluate(
            (video) => window.instruments.readCounter(video as HTMLVideoElement),
        ).catch(() => -1);
    }

    /** The picture's number goes up, at least three times. */
    async sees(figure: string, within = 20_000): Promise<void> {
        const seen: number[] = [];
        await until(`${this.name} sees "${figure}" move`, async () => {
            const value = await this.counter(figure);
            if (value >= 0 && value !== seen[seen.length - 1]) {
                if (value < (seen[seen.length - 1] ?? 0)) {
                    seen.length = 0;
                }
                seen.push(value);
            }
            return seen.length > 3;
        }, {within, every: 150, seen: async () => ({
            counters: seen,
            figures: await this.page.locator('figure').evaluateAll((list) => list.map((one) => one.getAttribute('aria-label'))),
            console: this.console.slice(-8),
        })});
    }

    /** What the browser says of its streams and of its link, a line each: for the story of a test that failed. */
    streams(): Promise<string[]> {
        return this.page.evaluate(async () => {
            const kept = [
                'type', 'kind', 'mid', 'rid', 'state', 'active', 'packetsSent', 'packetsReceived', 'packetsLost', 'framesEncoded', 'framesReceived', 'framesDecoded',
                'framesDropped', 'keyFramesEncoded', 'keyFramesDecoded', 'freezeCount', 'frameWidth', 'frameHeight', 'framesPerSecond', 'nackCount', 'pliCount',
                'qualityLimitationReason', 'targetBitrate', 'availableOutgoingBitrate', 'currentRoundTripTime', 'frames',
            ];
            const wanted = ['inbound-rtp', 'outbound-rtp', 'candidate-pair', 'media-source'];
            const lines: string[] = [];
            for (const connection of window.instruments.connections.filter((one) => one.connectionState !== 'closed')) {
                for (const report of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
                    if (wanted.includes(String(report.type))) {
                        lines.push(kept.flatMap((key) => report[key] === undefined ? [] : [`${key}=${String(report[key])}`]).join(' '));
                    }
                }
            }
            return lines;
        });
    }

    /** Connections made by this page so far. */
    connectionCount(): Promise<number> {
        return this.page.evaluate(() => window.instruments.connections.length);
    }

    /** Sum over the connections' incoming audio, for the gaps between two moments. */
    audioStats(): Promise<{at: number; packets: number; lost: number; samples: number; concealed: number}> {
        return this.page.evaluate(async () => {
            const sum = {at: performance.now(), packets: 0, lost: 0, samples: 0, concealed: 0};
            for (const connection of window.instruments.connections) {
                if (connection.connectionState === 'closed') {
                    continue;
                }
                for (const report of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
                    if (report.type === 'inbound-rtp' && report.kind === 'audio') {
                        sum.packets += Number(report.packetsReceived ?? 0);
                        sum.lost += Number(report.packetsLost ?? 0);
                        sum.samples += Number(report.totalSamplesReceived ?? 0);
                        sum.concealed += Number(report.concealedSamples ?? 0);
                    }
                }
            }
            return sum;
        });
    }

    /** Packets of sound that this page has sent: fewer than 50 a second where it was too busy to make it. */
    soundSent(): Promise<number> {
        return this.page.evaluate(async () => {
            let sent = 0;
            for (const connection of window.instruments.connections) {
                for (const report of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
                    sent += report.type === 'outbound-rtp' && report.kind === 'audio' ? Number(report.packetsSent) : 0;
                }
            }
            return sent;
        });
    }

    /** The voice that comes in, and what the server's reports say of it. */
    voiceStats(): Promise<{received: number; lost: number; sent: number; reports: number}> {
        return this.page.evaluate(async () => {
            const reports: Record<string, unknown>[] = [];
            for (const connection of window.instruments.connections) {
                reports.push(...((await connection.getStats()).values() as Iterable<Record<string, unknown>>));
            }
            const voice = (type: string): Record<string, unknown>[] =>
                reports.filter((report) => report.type === type && report.kind === 'audio');
            const inbound = voice('inbound-rtp').filter((report) => Number(report.packetsReceived) > 0);
            if (inbound.length !== 1 || inbound[0] === undefined) {
                throw new Error(`${inbound.length} voices come in`);
            }
            const report = voice('remote-outbound-rtp').find((remote) => remote.ssrc === inbound[0]?.ssrc);
            return {
                received: Number(inbound[0].packetsReceived),
                lost: Number(inbound[0].packetsLost),
                sent: Number(report?.packetsSent),
                reports: Number(report?.reportsSent),
            };
        });
    }

    /** How the pictures are encoded that come in. */
    videoCodecs(): Promise<unknown[]> {
        return this.page.evaluate(async () => {
            const codecs: unknown[] = [];
            for (const connection of window.instruments.connections) {
                const reports = await connection.getStats();
                for (const report of reports.values() as Iterable<Record<string, unknown>>) {
                    if (report.type === 'inbound-rtp' && report.kind === 'video' && Number(report.framesDecoded) > 0) {
                        codecs.push((reports.get(String(report.codecId)) as {mimeType?: string} | undefined)?.mimeType);
                    }
                }
            }
            return codecs;
        });
    }

    close(): Promise<void> {
        return this.context.close();
    }
}

/** The demo's people, with tones that no slot of another could be taken for. */
export const ALICE = {name: 'Alice', tone: 500, hue: 10};
export const BOB = {name: 'Bob', tone: 800, hue: 130};
export const CAROL = {name: 'Carol', tone: 1_100, hue: 250};
