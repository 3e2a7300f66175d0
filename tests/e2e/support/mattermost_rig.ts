// A call on a Mattermost server whose plugin, or which itself, dies.
import type {Browser} from 'playwright-core';

import {PASSWORD} from './admin';
import {launch} from './browser';
import type {OpenRig} from './chaos_rig';
import {connected, talk} from './local_rig';
import {bundle, CHANNEL_PATH, Mattermost} from './mattermost';
import {ALICE, BOB, Person} from './person';
import {until} from './until';

export class MattermostRig implements OpenRig {
    readonly mediaDies = false;

    private constructor(
        private readonly part: 'plugin' | 'platform',
        readonly server: Mattermost,
        private readonly browser: Browser,
        readonly alice: Person,
        readonly bob: Person,
    ) {}

    static async open(part: 'plugin' | 'platform'): Promise<MattermostRig> {
        const server = await Mattermost.start();
        let browser: Browser | undefined;
        try {
            browser = await launch();
            const people: Person[] = [];
            for (const [options, last] of [[ALICE, 'Adler'], [BOB, 'Berg']] as const) {
                await server.person(options.name, last);
                people.push(await Person.open(browser, options));
            }
            await server.upload(bundle());
            await server.enable();
            const [alice, bob] = people as [Person, Person];
            for (const person of people) {
                await person.logIn(server.address, person.name.toLowerCase(), PASSWORD, CHANNEL_PATH);
                await person.page.getByRole('button', {name: /^(Start|Join) call$/}).first().waitFor();
            }
            await talk(alice, bob);
            return new MattermostRig(part, server, browser, alice, bob);
        } catch (error) {
            console.error(server.output());
            await browser?.close();
            await server.stop();
            throw error;
        }
    }

    async kill(): Promise<void> {
        if (this.part === 'platform') {
            await this.server.kill();
            return;
        }
        for (const pid of this.server.pluginPids()) {
            process.kill(pid, 'SIGKILL');
        }
        await until('the plugin is dead', () => this.server.pluginPids().length === 0, {every: 10});
    }

    async recover(): Promise<void> {
        if (this.part === 'platform') {
            await this.server.run();
        } else {
            await this.server.checkHealth();
        }
        const people = [this.alice, this.bob];
        await connected(people);
        await Promise.all(people.map((person) => person.inCall()));
    }

    async close(failed: boolean): Promise<void> {
        if (failed) {
            for (const person of [this.alice, this.bob]) {
                console.error(`--- ${person.name}'s console\n${person.console.slice(-40).join('\n')}`);
            }
            console.error(`--- the server\n${this.server.output().split('\n').slice(-80).join('\n')}`);
        }
        await this.browser.close();
        await this.server.stop();
    }
}
