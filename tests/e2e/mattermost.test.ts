// The bundle under Mattermost's own plugin host: it activates, its commands answer, two people at browsers talk.
import {expect, it} from 'vitest';

import {PLUGIN, shipped} from './support/mattermost';
import {useMattermostStage} from './support/mattermost_stage';
import type {Person} from './support/person';
import {takeScreen} from './support/screens';

const stage = useMattermostStage();

/** A debug build may take longer than what is shipped, on a machine that others use. */
const ACTIVATED_WITHIN_S = shipped() ? 1 : 10;

const lastPost = (person: Person, text: string | RegExp): Promise<void> =>
    person.page.locator('.post').filter({hasText: text}).last().waitFor();

it('the bundle activates, and browsers get its script under the name that the server gave it', async () => {
    console.info(`activated in ${stage.activated.seconds.toFixed(3)} s`);
    expect(stage.activated).toMatchObject({activated: true});
    expect(stage.activated.seconds).toBeLessThan(ACTIVATED_WITHIN_S);
    const alice = await stage.alice();
    const script = alice.page.locator(`script[id="plugin_${PLUGIN}"]`);
    await script.waitFor({state: 'attached'});
    expect(await script.getAttribute('src')).toMatch(new RegExp(`^/static/plugins/${PLUGIN}/${PLUGIN}_[0-9a-f]{16}_bundle\\.js$`));
});

it('the commands link, stats and help answer', async () => {
    const alice = await stage.alice();
    await alice.say('/call link');
    await lastPost(alice, `/plugins/${PLUGIN}/join/`);
    await alice.say('/call stats');
    await lastPost(alice, 'statistics');
    await alice.say('/call help');
    await lastPost(alice, '/call start');
});

it('two people hear each other, and one sees the other\'s screen', async () => {
    const [alice, bob] = await stage.talking();
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    await takeScreen(bob.page, 'mattermost_call', 'light');
    await alice.control('Stop sharing').click();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
    await alice.mute();
    await bob.hearsNoLonger(alice);
    await alice.hears(bob);
    await bob.leave();
    await alice.leave();
    await lastPost(alice, 'Call ended');
});
