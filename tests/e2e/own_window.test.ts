// The larger view in a window of its own: the call stays in the page that opened it.
import type {Page} from 'playwright-core';
import {expect, it} from 'vitest';

import type {Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();

async function popOut(person: Person): Promise<Page> {
    await person.control('Larger view').click();
    const [opened] = await Promise.all([
        person.context.waitForEvent('page'),
        person.control('Open in own window').click(),
    ]);
    await opened.locator('section[aria-label="Call"]').waitFor();
    return opened;
}

const moves = (page: Page, figure: string): Promise<unknown> => {
    let first = -1;
    return until(`"${figure}" moves in the window`, async () => {
        const now = await page.locator(`figure[aria-label="${figure}"] video`).
            evaluate((video) => window.instruments.readCounter(video as HTMLVideoElement)).catch(() => -1);
        first = first < 0 ? now : first;
        return now >= 0 && now !== first;
    });
};

it('shows the others\' pictures, has the controls, and gives the view back when it closes', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await bob.control('Turn camera on').click();
    const view = await popOut(alice);
    expect(await alice.connectionCount(), 'one call, not two').toBe(1);
    expect(await view.evaluate(() => window.instruments.connections.length)).toBe(0);
    await moves(view, 'Camera of Bob Berg');
    await takeBoth(view, '70_own_window');
    await takeBoth(alice.page, '71_page_of_the_own_window');
    const control = (name: string) => view.locator('section[aria-label="Call"]').getByRole('button', {name, exact: true});
    await control('Unmute').click();
    await bob.hears(alice);

    // Browsers want the click in the window that asks for the screen.
    await control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    expect(await view.evaluate(() => window.instruments.opened.screen)).toBe(1);
    // A screen ends with the document that chose it.
    await view.reload();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
    await moves(view, 'Camera of Bob Berg');
    await control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    await view.close();
    await alice.control('Larger view').waitFor();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
    await alice.sees('Camera of Bob Berg');
    await bob.hears(alice);

    const again = await popOut(alice);
    await moves(again, 'Camera of Bob Berg');
    await Promise.all([again.waitForEvent('close'), again.getByRole('button', {name: 'Leave call', exact: true}).click()]);
    await alice.call.waitFor({state: 'detached'});
});

it('goes with the page that it belongs to, and shows nothing without one', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    const view = await popOut(alice);
    const address = view.url();
    await Promise.all([view.waitForEvent('close'), alice.page.reload()]);
    await alice.inCall();
    const other = await alice.context.newPage();
    await other.goto(address);
    await other.getByText('This call is no longer open.').waitFor();
    expect(await other.locator('section[aria-label="Call"]').count()).toBe(0);
});
