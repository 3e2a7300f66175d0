// Two tabs of one person: "/call start" joins in the tab where it was typed, and in no other.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';
import {sleep, until} from './support/until';

const stage = useStage();

it('only the tab that asked joins', async () => {
    const alice = await stage.alice();
    const other = await alice.context.newPage();
    await other.goto(alice.page.url());
    await other.getByRole('main').getByRole('textbox', {name: 'Message', exact: true}).waitFor();

    await alice.startCall();
    // The other tab knows of the call, and offers it.
    await other.locator('.post').getByRole('button', {name: 'Join call', exact: true}).waitFor();
    await sleep(1_500);
    expect(await other.locator('section[aria-label="Call"]').count()).toBe(0);
});

it('a reload of a tab without a call joins none', async () => {
    const alice = await stage.alice();
    const other = await alice.context.newPage();
    await other.goto(alice.page.url());
    await alice.startCall();
    await other.reload();
    await other.locator('.post').getByRole('button', {name: 'Join call', exact: true}).waitFor();
    await sleep(1_500);
    expect(await other.locator('section[aria-label="Call"]').count()).toBe(0);
    expect(await alice.call.count()).toBe(1);
});

it('a tab closed at the very moment of leaving has left', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await bob.control('Leave call').evaluate((button: HTMLElement) => button.click());
    await bob.page.close();
    // Without the word of leaving, the place would be kept for half a minute.
    await until('Alice sees that Bob is gone', async () =>
        await alice.call.getByRole('listitem').count() === 1, {within: 5_000});
});

it('a closed tab is shown as reconnecting, until its place is given up', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    const lost = alice.call.getByRole('img', {name: 'Reconnecting'});
    expect(await lost.count()).toBe(0);
    await bob.page.close();
    await lost.waitFor({timeout: 4_000});
    expect(await alice.call.getByRole('listitem').count()).toBe(2);
});
