// Commands at the keyboard: completion, and what /call stats says.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('typing a command completes it with the keyboard', async () => {
    const alice = await stage.alice();
    await alice.messageBox.pressSequentially('/ca');
    const options = alice.page.getByRole('listbox', {name: 'Commands'}).getByRole('option');
    await options.first().waitFor();
    await alice.page.keyboard.press('Tab');
    expect(await alice.messageBox.inputValue()).toBe('/call ');
    await alice.page.getByRole('option', {name: '/call start'}).waitFor();
    const names = await options.allInnerTexts();
    for (const command of ['start', 'join', 'leave', 'end', 'link', 'stats', 'logs', 'help']) {
        expect(names.some((name) => name.includes(`/call ${command}`)), command).toBe(true);
    }
    await alice.page.keyboard.press('Escape');
    await alice.page.getByRole('listbox').waitFor({state: 'detached'});
});

it('/call stats shows JSON about the call to the asking person only, during and after', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.hears(alice);
    const answers = alice.page.locator('.post .post-message__text').filter({hasText: /^\{/});
    const read = async (): Promise<Record<string, unknown>> => {
        const before = await answers.count();
        await alice.say('/call stats');
        await answers.nth(before).waitFor();
        const text = await answers.nth(before).innerText();
        expect(text.length).toBeLessThanOrEqual(12_000);
        return JSON.parse(text) as Record<string, unknown>;
    };
    const during = await read();
    expect(Object.keys(during).length).toBeGreaterThan(0);
    expect(JSON.stringify(during)).not.toMatch(/Alice|Bob|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b/);
    await alice.leave();
    await bob.leave();
    const after = await read();
    expect(Object.keys(after).length).toBeGreaterThan(0);
    expect(await bob.page.locator('.post .post-message__text').filter({hasText: /^\{/}).count(), 'nobody else sees it').toBe(0);
});

it('/call join, leave and end do what they say; a second /call start says that one is going on', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.say('/call join');
    await alice.page.locator('.post').filter({hasText: 'Only visible to you'}).last().waitFor();
    expect(await alice.call.count()).toBe(0);

    await alice.startCall('First');
    await bob.say('/call start Second');
    await bob.page.locator('.post').getByText('A call is already going on in this channel.').waitFor();
    expect(await bob.call.count()).toBe(0);

    await bob.say('/call join');
    await bob.inCall();
    await bob.say('/call leave');
    await bob.call.waitFor({state: 'detached'});
    await bob.say('/call join');
    await bob.inCall();
    await bob.say('/call end');
    await bob.page.locator('.post').filter({hasText: 'Only visible to you'}).last().waitFor();
    expect(await bob.call.count(), 'Bob is not the host').toBe(1);

    await alice.say('/call end');
    await Promise.all([alice, bob].map((person) => person.call.waitFor({state: 'detached'})));
    await bob.page.locator('.post').getByText('Call ended').first().waitFor();
});

it('answers in the language of the page', async () => {
    const alice = await stage.alice();
    await alice.button('Your account').click();
    const panel = alice.page.getByRole('dialog', {name: 'Your account'});
    const kept = alice.page.waitForResponse((response) => response.url().endsWith('/users/me/patch'));
    await panel.getByRole('combobox', {name: 'Language'}).selectOption('de');
    await kept;
    const box = alice.page.getByRole('main').getByRole('textbox', {name: 'Nachricht', exact: true});
    await box.fill('/call end');
    await alice.page.getByRole('main').getByRole('button', {name: 'Senden', exact: true}).click();
    await alice.page.locator('.post').getByText('In diesem Kanal läuft kein Anruf.').last().waitFor();
});
