// A reload in a call: back in it within 5 s, as the same session; the others see no leaving.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';
import {timed} from './support/until';

const stage = useStage();
const BACK_WITHIN_MS = 5_000;

it('after a reload both hear each other again within 5 s, in the same session', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.unmute();
    await alice.hears(bob);
    await bob.hears(alice);
    const session = await alice.call.getAttribute('data-session');
    const people = bob.call.getByRole('list', {name: 'Participants'}).getByRole('listitem');
    expect(await people.count()).toBe(2);

    const took = await timed(async () => {
        await alice.page.reload();
        await alice.hears(bob);
        await bob.hears(alice);
    });
    console.info(`heard each other ${took} ms after the reload`);
    expect(took).toBeLessThan(BACK_WITHIN_MS);
    expect(await alice.call.getAttribute('data-session')).toBe(session);
    expect(await people.count()).toBe(2);
    await bob.call.getByRole('img', {name: 'Reconnecting'}).waitFor({state: 'detached'});
});
