// A call on the local platform whose sidecar, or whose host (which is the platform, too), dies.
import type {Browser} from 'playwright-core';

import {launch} from './browser';
import type {OpenRig} from './chaos_rig';
import {keepHearing} from './hearing_log';
import {ALICE, BOB, Person} from './person';
import {Platform, type PlatformOptions} from './platform';
import {until} from './until';

/** Both unmuted, and both pages keep a log of what they hear. */
export async function talk(alice: Person, bob: Person): Promise<void> {
    await alice.startCall();
    await bob.joinByPost();
    await Promise.all([alice.unmute(), bob.unmute()]);
    await Promise.all([alice.hears(bob), bob.hears(alice)]);
    await Promise.all([keepHearing(alice), keepHearing(bob)]);
}

/** Both pages have their sockets again. */
export async function connected(people: Person[]): Promise<void> {
    await until('the pages are connected again', async () =>
        (await Promise.all(people.map((person) => person.page.getByText('No connection to the server.').count()))).every((count) => count === 0));
}

export const connectionsOf = (people: Person[]): Promise<number[]> => Promise.all(people.map((person) => person.connectionCount()));

/** Both pages have new media connections. */
export async function mediaAnew(people: Person[], before: number[]): Promise<void> {
    await until('all have a new connection', async () => (await connectionsOf(people)).every((count, at) => count > (before[at] ?? 0)), {every: 20});
}

export class LocalRig implements OpenRig {
    private before: number[] = [];

    private constructor(
        private readonly part: 'sidecar' | 'host',
        readonly platform: Platform,
        private readonly browser: Browser,
        readonly alice: Person,
        readonly bob: Person,
    ) {}

    static async open(part: 'sidecar' | 'host', options: PlatformOptions = {}): Promise<LocalRig> {
        const platform = await Platform.start(options);
        let browser: Browser | undefined;
        try {
            browser = await launch();
            const [alice, bob] = [await Person.open(browser, ALICE), await Person.open(browser, BOB)];
            await alice.signIn(platform.links[0] ?? '');
            await bob.signIn(platform.links[1] ?? '');
            await talk(alice, bob);
            return new LocalRig(part, platform, browser, alice, bob);
        } catch (error) {
            console.error(platform.output());
            await browser?.close();
            await platform.stop();
            throw error;
        }
    }

    get mediaDies(): boolean {
        return this.part === 'sidecar';
    }

    async kill(): Promise<void> {
        this.before = await connectionsOf([this.alice, this.bob]);
        if (this.part === 'sidecar') {
            this.platform.killSidecar();
        } else {
            await this.platform.killHost();
        }
    }

    async recover(): Promise<void> {
        const people = [this.alice, this.bob];
        if (this.part === 'host') {
            await this.platform.run();
        } else {
            await mediaAnew(people, this.before);
        }
        await connected(people);
        await Promise.all(people.map((person) => person.inCall()));
    }

    async close(failed: boolean): Promise<void> {
        if (failed) {
            for (const person of [this.alice, this.bob]) {
                console.error(`--- ${person.name}'s console\n${person.console.slice(-40).join('\n')}`);
            }
            console.error(`--- the server\n${this.platform.output().split('\n').slice(-80).join('\n')}`);
        }
        await this.browser.close();
        await this.platform.stop();
    }
}
