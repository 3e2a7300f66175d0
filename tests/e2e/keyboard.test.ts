// A call by the keyboard alone, and menus that give the focus back.
import {expect, it} from 'vitest';
import type {Locator, Page} from 'playwright-core';

import {useStage} from './support/stage';

const stage = useStage();

/** Presses Tab until the element has the focus: it is in the order, and nothing on the way traps. */
async function tabTo(page: Page, target: Locator): Promise<void> {
    for (let presses = 0; presses < 60; presses++) {
        if (await target.evaluate((element) => element === document.activeElement)) {
            return;
        }
        await page.keyboard.press('Tab');
    }
    throw new Error(`60 times Tab did not reach ${target.toString()}`);
}

it('join, unmute and leave with Tab, Enter and Space', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await bob.messageBox.focus();
    await bob.page.keyboard.type('/call start');
    await bob.page.getByRole('option', {name: '/call start'}).waitFor();
    await bob.page.keyboard.press('Enter');
    await bob.inCall();

    const join = alice.page.locator('.post').getByRole('button', {name: 'Join call', exact: true});
    await join.waitFor();
    await tabTo(alice.page, join);
    await alice.page.keyboard.press('Enter');
    await alice.inCall();
    await tabTo(alice.page, alice.control('Unmute'));
    await alice.page.keyboard.press('Space');
    await bob.hears(alice);
    await tabTo(alice.page, alice.control('Leave call'));
    await alice.page.keyboard.press('Enter');
    await alice.call.waitFor({state: 'detached'});
});

it('the larger view keeps the focus, and Escape gives the page back', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    const view = alice.page.getByRole('dialog', {name: 'Call'});
    const inside = (): Promise<boolean> =>
        alice.page.evaluate(() => document.activeElement?.closest('.parley-call') instanceof Element);
    const outside = (): Promise<boolean> => alice.page.evaluate(() => document.activeElement?.closest('#root') instanceof Element);

    await tabTo(alice.page, alice.control('Larger view'));
    await alice.page.keyboard.press('Enter');
    await view.waitFor();
    expect(await inside()).toBe(true);
    for (let presses = 0; presses < 25; presses++) {
        await alice.page.keyboard.press('Tab');
        expect(await outside(), `behind the view after ${presses + 1} times Tab`).toBe(false);
    }
    await tabTo(alice.page, alice.control('Mute').or(alice.control('Unmute')));
    await alice.page.keyboard.press('Escape');
    await view.waitFor({state: 'detached'});
    expect(await inside(), 'the focus stays where it was in the call').toBe(true);
    await tabTo(alice.page, alice.messageBox);
    await alice.page.keyboard.type('Back again');
    await alice.page.keyboard.press('Enter');
    await alice.page.locator('.post').getByText('Back again').waitFor();

    // A click in the empty part of the view takes the focus away from every control: Escape still closes it.
    await alice.control('Larger view').click();
    await view.waitFor();
    await alice.page.evaluate(() => {
        (document.activeElement as HTMLElement | null)?.blur();
    });
    await alice.page.keyboard.press('Escape');
    await view.waitFor({state: 'detached'});
    await alice.leave();
});

it('Escape closes a menu and gives the focus back', async () => {
    const alice = await stage.alice();
    const account = alice.button('Your account');
    await account.focus();
    await alice.page.keyboard.press('Enter');
    await alice.page.getByRole('dialog', {name: 'Your account'}).waitFor();
    await alice.page.keyboard.press('Escape');
    await alice.page.getByRole('dialog', {name: 'Your account'}).waitFor({state: 'detached'});
    expect(await account.evaluate((element) => element === document.activeElement)).toBe(true);

    const channelMenu = alice.page.getByRole('button', {name: 'Lounge'});
    await channelMenu.focus();
    await alice.page.keyboard.press('Enter');
    await alice.page.getByRole('menuitem', {name: 'Copy call link'}).waitFor();
    await alice.page.keyboard.press('Escape');
    await alice.page.getByRole('menu').waitFor({state: 'detached'});
    expect(await channelMenu.evaluate((element) => element === document.activeElement)).toBe(true);
});
