// What most tests need: a platform, a browser, Alice and Bob signed in; all of it gone afterwards, and
// the story of what happened when a test failed.
import type {Browser} from 'playwright-core';
import {afterAll, afterEach, beforeAll, expect} from 'vitest';

import {launch} from './browser';
import {ALICE, BOB, Person, type PersonOptions} from './person';
import {takeScreen} from './screens';
import {Platform, type PlatformOptions} from './platform';

type Cookies = Awaited<ReturnType<Person['context']['cookies']>>;

export class Stage {
    platform!: Platform;
    browser!: Browser;
    people: Person[] = [];
    /** The links sign in once: later tests of a file go on with the cookies. */
    private readonly signedIn = new Map<string, Cookies>();

    async person(options: PersonOptions): Promise<Person> {
        const person = await Person.open(this.browser, options);
        this.people.push(person);
        return person;
    }

    alice(more: Partial<PersonOptions> = {}): Promise<Person> {
        return this.enter({...ALICE, ...more}, this.platform.links[0], this.platform.localAddress);
    }

    bob(more: Partial<PersonOptions> = {}): Promise<Person> {
        return this.enter({...BOB, ...more}, this.platform.links[1], this.platform.address);
    }

    private async enter(options: PersonOptions, link: string | undefined, address: string): Promise<Person> {
        const person = await this.person(options);
        const cookies = this.signedIn.get(options.name);
        if (cookies) {
            await person.context.addCookies(cookies);
            await person.signIn(`${address}/demo/channels/lounge`);
        } else {
            await person.signIn(link ?? '');
            this.signedIn.set(options.name, await person.context.cookies());
        }
        return person;
    }
}

/** A platform of this test file's own. */
export function useStage(options: PlatformOptions = {}): Stage {
    const stage = new Stage();
    beforeAll(async () => {
        stage.platform = await Platform.start(options);
        stage.browser = await launch();
    });
    afterEach((context) => goHome(stage.people.splice(0), context.task, () => stage.platform.output()));
    afterAll(async () => {
        await stage.browser?.close();
        await stage.platform?.stop();
    });
    return stage;
}

/** Everybody leaves; the story of what happened when the test failed. */
export async function goHome(
    people: Person[], task: {name: string; result?: {state: string}}, output: () => string,
): Promise<void> {
    if (task.result?.state === 'fail') {
        for (const person of people) {
            await takeScreen(person.page, `failed_${task.name.replaceAll(/\W+/g, '_').slice(0, 60)}`, person.name).catch(() => undefined);
            console.error(`--- ${person.name}'s console\n${person.console.slice(-40).join('\n')}`);
            console.error(`--- ${person.name}'s streams\n${(await person.streams().catch(() => [])).join('\n')}`);
        }
        console.error(`--- the server\n${output().split('\n').slice(-60).join('\n')}`);
    }
    const uncaught = people.flatMap((person) => person.console.filter((line) => line.startsWith('uncaught:')));
    // A tab that just closes keeps its place for a while: leave, so that the next test starts without a call.
    await Promise.all(people.map((person) => person.leave(2_000).catch(() => undefined)));
    await Promise.all(people.map((person) => person.noCallRuns().catch(() => undefined)));
    await Promise.all(people.map((person) => person.close()));
    expect(uncaught, 'errors that nobody caught, in the pages').toEqual([]);
}
