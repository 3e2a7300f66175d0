// What most tests need: a platform, a browser, Alice and Bob signed in; all of it gone afterwards, and
// the story of what happened when a test failed.
import type {Browser} from 'playwright-core';
import {afterAll, afterEach, beforeAll} from 'vitest';

import {launch} from './browser';
import {ALICE, BOB, Person, type PersonOptions} from './person';
import {Platform, type PlatformOptions} from './platform';

export class Stage {
    platform!: Platform;
    browser!: Browser;
    people: Person[] = [];

    async person(options: PersonOptions, link?: string): Promise<Person> {
        const person = await Person.open(this.browser, options);
        this.people.push(person);
        if (link) {
            await person.signIn(link);
        }
        return person;
    }

    alice(more: Partial<PersonOptions> = {}): Promise<Person> {
        return this.person({...ALICE, ...more}, this.platform.links[0]);
    }

    bob(more: Partial<PersonOptions> = {}): Promise<Person> {
        return this.person({...BOB, ...more}, this.platform.links[1]);
    }
}

/** A platform of this test file's own. */
export function useStage(options: PlatformOptions = {}): Stage {
    const stage = new Stage();
    beforeAll(async () => {
        stage.platform = await Platform.start(options);
        stage.browser = await launch();
    });
    afterEach(async (context) => {
        if (context.task.result?.state === 'fail') {
            for (const person of stage.people) {
                console.error(`--- ${person.name}'s console\n${person.console.slice(-40).join('\n')}`);
            }
            console.error(`--- parley demo\n${stage.platform.output().split('\n').slice(-60).join('\n')}`);
        }
        await Promise.all(stage.people.map((person) => person.close()));
        stage.people = [];
    });
    afterAll(async () => {
        await stage.browser?.close();
        await stage.platform?.stop();
    });
    return stage;
}
