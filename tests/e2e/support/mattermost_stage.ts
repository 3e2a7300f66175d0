// The bundle under Mattermost's own plugin host, enabled, and people at browsers before it.
import type {Browser} from 'playwright-core';
import {afterAll, afterEach, beforeAll} from 'vitest';

import {PASSWORD} from './admin';
import {launch} from './browser';
import {bundle, CHANNEL_PATH, Mattermost, type Activated, type Flavour} from './mattermost';
import {ALICE, BOB, Person, type PersonOptions} from './person';
import {goHome} from './stage';

export class MattermostStage {
    server!: Mattermost;
    browser!: Browser;
    activated!: Activated;
    people: Person[] = [];

    alice(): Promise<Person> {
        return this.enter(ALICE);
    }

    bob(): Promise<Person> {
        return this.enter(BOB);
    }

    private async enter(options: PersonOptions): Promise<Person> {
        const person = await Person.open(this.browser, options);
        this.people.push(person);
        await person.logIn(this.server.address, options.name.toLowerCase(), PASSWORD, CHANNEL_PATH);
        // The plugin is there: the page shows itself before.
        await person.page.getByRole('button', {name: /^(Start|Join) call$/}).first().waitFor();
        return person;
    }

    /** Both unmuted in one call. */
    async talking(): Promise<[Person, Person]> {
        const [alice, bob] = await Promise.all([this.alice(), this.bob()]);
        await alice.startCall();
        await bob.joinByPost();
        await Promise.all([alice.unmute(), bob.unmute()]);
        await Promise.all([alice.hears(bob), bob.hears(alice)]);
        return [alice, bob];
    }
}

/** A server of this test file's own. */
export function useMattermostStage(flavour: Flavour = 'parley'): MattermostStage {
    const stage = new MattermostStage();
    beforeAll(async () => {
        stage.server = await Mattermost.start();
        stage.browser = await launch();
        await stage.server.person('Alice', 'Adler');
        await stage.server.person('Bob', 'Berg');
        await stage.server.upload(bundle(flavour));
        stage.activated = await stage.server.enable();
    });
    afterEach((context) => goHome(stage.people.splice(0), context.task, () => stage.server.output()));
    afterAll(async () => {
        await stage.browser?.close();
        await stage.server?.stop();
    });
    return stage;
}
