// The host is dead for a while: the page says so in its own words, and shows what is.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('a text that cannot be sent is explained, and the explanation goes when the host is back', async () => {
    const alice = await stage.alice();
    await alice.button('Your account').click();
    await alice.page.getByLabel('Language').selectOption('de');
    await alice.page.keyboard.press('Escape');
    const box = alice.page.getByRole('main').getByRole('textbox', {name: 'Nachricht', exact: true});
    await stage.platform.killHost();
    await box.fill('Hallo');
    await box.press('Enter');
    const alert = alice.page.getByRole('main').getByRole('alert');
    await alert.getByText('Nicht gesendet. Prüfe die Verbindung').waitFor();
    expect(await box.inputValue()).toBe('Hallo');
    await stage.platform.run();
    await alice.page.getByText('Nicht gesendet.').waitFor({state: 'detached'});
    expect(await box.inputValue(), 'the text is still there to be sent').toBe('Hallo');
    await alice.button('Dein Konto').click();
    await alice.page.getByLabel('Sprache').selectOption('en');
    await alice.button('Your account').waitFor();
});

it('one\'s own screen is gone at once when sharing is stopped, and one\'s own name says whose it is', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    await alice.sees('Your screen');
    const own = alice.call.getByRole('listitem').filter({hasText: 'Alice Adler'});
    await own.getByRole('img', {name: 'Sharing screen'}).waitFor();
    const seen = (): Promise<boolean> => own.evaluate((row) => {
        const mark = [...row.querySelectorAll('span')].find((element) => element.children.length === 0 && element.textContent?.trim() === '(you)');
        const {left, right, top, bottom} = mark?.getBoundingClientRect() ?? new DOMRect();
        return right - left > 15 && document.elementFromPoint(right - 2, (top + bottom) / 2) === mark;
    });
    expect(await seen(), '"(you)" is to be seen').toBe(true);

    await stage.platform.killHost();
    await alice.control('Stop sharing').click();
    await alice.page.locator('figure[aria-label="Your screen"]').waitFor({state: 'detached', timeout: 2_000});
    await own.getByRole('img', {name: 'Sharing screen'}).waitFor({state: 'detached', timeout: 2_000});
    await stage.platform.run();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
});
