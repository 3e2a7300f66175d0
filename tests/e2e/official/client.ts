// A person with an official client: a page of the platform's origin without our bridge, and what goes on
// in it.
import type {Browser, BrowserContext, Page} from 'playwright-core';

import {PASSWORD} from '../support/admin';
import {newContext} from '../support/browser';
import type {Heard} from '../support/in_page';
import {until} from '../support/until';
import {installOfficial, type JoinOptions, type OfficialClient, type SeenEvent, type SeenTrack} from './in_page';

const PLUGIN = 'app.parley.calls';
const TONE_TOLERANCE_HZ = 12;

export interface OfficialOptions {
    site: string;
    user: string;
    tone: number;
    mobile?: boolean;
    /** Default: ours. */
    plugin?: string;
}

export class Official {
    readonly console: string[] = [];

    private constructor(readonly user: string, readonly tone: number, readonly context: BrowserContext, readonly page: Page) {}

    static async open(browser: Browser, options: OfficialOptions): Promise<Official> {
        const context = await newContext(browser, {tone: options.tone, hue: options.tone % 360});
        const page = await context.newPage();
        // A page without scripts of its own.
        await page.goto(`${options.site}/api/v4/system/ping`);
        const client = new Official(options.user, options.tone, context, page);
        page.on('pageerror', (error) => client.console.push(error.message));
        await page.evaluate(async ({user, password, device}) => {
            const answer = await fetch('/api/v4/users/login', {
                method: 'POST',
                headers: {'Content-Type': 'application/json'},
                body: JSON.stringify({login_id: user, password, ...device ? {deviceId: `apple_rn:${user}`} : {}}),
            });
            if (!answer.ok) {
                throw new Error(`login: ${answer.status} ${await answer.text()}`);
            }
        }, {user: options.user, password: PASSWORD, device: options.mobile ?? false});
        await page.evaluate(installOfficial, {plugin: options.plugin ?? PLUGIN, mobile: options.mobile ?? false});
        return client;
    }

    /** Joins and waits until connected; returns how long that took, in ms. */
    join(options: JoinOptions): Promise<number> {
        return this.page.evaluate((wanted) => window.official.join(wanted), options);
    }

    /** Calls the client in the page. */
    do<K extends keyof OfficialClient>(
        what: K,
        ...args: OfficialClient[K] extends (...taken: infer A) => unknown ? A : never
    ): Promise<OfficialClient[K] extends (...taken: never[]) => infer R ? Awaited<R> : never> {
        return this.page.evaluate(({name, given}) =>
            (window.official[name as 'rest'] as (...taken: unknown[]) => unknown)(...given), {name: what, given: args as unknown[]}) as never;
    }

    get<K extends 'session' | 'events' | 'tracks' | 'descriptions' | 'locks' | 'pongs' | 'failures'>(what: K): Promise<OfficialClient[K]> {
        return this.page.evaluate((name) => window.official[name as 'session'], what) as unknown as Promise<OfficialClient[K]>;
    }

    /** Names of events on its call's socket, in order. */
    async names(): Promise<string[]> {
        return (await this.get('events')).filter((event) => event.socket === 'call').map((event) => event.name);
    }

    sees(name: string, matching: (data: Record<string, unknown>) => boolean = () => true, from = 0): Promise<SeenEvent> {
        return until(`${this.user}: ${name}`, async () =>
            (await this.get('events')).slice(from).find((event) => event.name === name && matching(event.data)),
        {every: 50, seen: async () => (await this.get('events')).map((event) => event.name)});
    }

    track(type: string, matching: (track: SeenTrack) => boolean = () => true): Promise<SeenTrack> {
        return until(`${this.user}: a ${type} track`, async () => (await this.get('tracks')).find((track) => track.type === type && matching(track)),
            {every: 50, seen: () => this.get('tracks')});
    }

    hearing(): Promise<Heard[]> {
        return this.page.evaluate(() => window.instruments.hear());
    }

    private async hearsNow(tone: number): Promise<boolean> {
        return (await this.hearing()).some((heard) => heard.peak > 0 && Math.abs(heard.peak - tone) <= TONE_TOLERANCE_HZ);
    }

    async hears(tone: number): Promise<void> {
        await until(`${this.user} hears ${tone} Hz`, () => this.hearsNow(tone),
            {seen: async () => ({heard: await this.hearing(), failures: await this.get('failures')})});
    }

    /** Silent at this tone for a whole second. */
    async hearsNoLonger(tone: number): Promise<void> {
        let silentSince = 0;
        await until(`${this.user} no longer hears ${tone} Hz`, async () => {
            if (await this.hearsNow(tone)) {
                silentSince = 0;
                return false;
            }
            silentSince ||= performance.now();
            return performance.now() - silentSince > 1_000;
        }, {seen: () => this.hearing()});
    }

    /** Height and number of the pictures that are shown, by their type. */
    pictures(): Promise<{type: string; height: number; counter: number}[]> {
        return this.page.evaluate(() => [...document.querySelectorAll('video')].map((video) => ({
            type: video.dataset.type ?? '', height: video.videoHeight, counter: window.instruments.readCounter(video),
        })));
    }

    /** The picture of this type moves. */
    async watches(type: string): Promise<void> {
        const seen: number[] = [];
        await until(`${this.user} sees ${type} move`, async () => {
            const picture = (await this.pictures()).find((one) => one.type === type && one.counter >= 0);
            if (picture && picture.counter !== seen.at(-1)) {
                seen.push(picture.counter);
            }
            return seen.length > 3;
        }, {every: 150, seen: async () => ({pictures: await this.pictures(), seen, failures: await this.get('failures')})});
    }

    async close(): Promise<void> {
        await this.page.evaluate(() => window.official.pc && window.official.leave()).catch(() => undefined);
        // The leave is on its way.
        await this.page.waitForTimeout(150).catch(() => undefined);
        await this.context.close();
    }
}
