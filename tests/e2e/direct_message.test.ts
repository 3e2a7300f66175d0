// A call in a direct message, by the buttons alone: new direct message, header button, sidebar badge.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('Alice finds Bob, starts a call by the header button, and Bob joins by his', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.button('New direct message').click();
    await alice.page.getByRole('searchbox', {name: 'Find people'}).fill('bob');
    await alice.page.getByRole('dialog', {name: 'New direct message'}).getByRole('button', {name: 'Bob Berg'}).click();
    await alice.page.getByRole('main').getByRole('heading', {name: 'Bob Berg'}).waitFor();
    expect(new URL(alice.page.url()).pathname).toBe('/demo/messages/@bob');

    await alice.page.getByRole('main').getByRole('button', {name: 'Start call', exact: true}).click();
    await alice.inCall();
    const row = bob.page.getByRole('navigation').getByRole('listitem').filter({hasText: 'Alice Adler'});
    await row.getByLabel('Call running: 1 person').waitFor();
    await row.getByRole('link').click();
    await bob.page.getByRole('main').locator('header').getByRole('button', {name: 'Join call', exact: true}).click();
    await bob.inCall();

    // In direct messages both are unmuted at once, so the first offers of both sides cross.
    await Promise.all([alice.hears(bob), bob.hears(alice)]);
});
