// The call link: asks first. Following it never joins, and never opens a microphone.
import {expect, it} from 'vitest';

import type {Person} from './support/person';
import {useStage} from './support/stage';

const stage = useStage();

async function linkOf(person: Person): Promise<string> {
    await person.say('/call link');
    const link = person.page.locator('.post').last().getByRole('link');
    await link.waitFor();
    return await link.getAttribute('href') ?? '';
}

it('a followed link asks "Join the call?" and does nothing until the answer', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await bob.startCall();
    const link = await linkOf(alice);
    expect(link).toMatch(/\/plugins\/app\.parley\.calls\/join\/[a-z0-9]{26}$/);

    await alice.page.goto(link);
    const question = alice.page.getByRole('dialog', {name: 'Join the call?'});
    await question.waitFor();
    expect(new URL(alice.page.url()).pathname).toBe('/demo/channels/lounge');
    expect(await alice.call.count()).toBe(0);
    expect(await alice.page.evaluate(() => window.instruments.opened.audio)).toBe(0);

    await question.getByRole('button', {name: 'Not now'}).click();
    await question.waitFor({state: 'detached'});
    expect(await alice.call.count()).toBe(0);

    await alice.page.goto(link);
    await question.getByRole('button', {name: 'Join call'}).click();
    await alice.inCall();
    expect(await alice.page.evaluate(() => window.instruments.opened.audio), 'joined muted').toBe(0);
});

it('signed out, the link leads through the sign-in page and back', async () => {
    const alice = await stage.alice();
    const link = new URL(await linkOf(alice));
    const stranger = await stage.person({name: 'Stranger', tone: 1_300, hue: 300});
    await stranger.page.goto(`${stage.platform.address}${link.pathname}`);
    await stranger.page.getByRole('heading', {name: 'Sign in to Parley'}).waitFor();
    const target = new URL(stranger.page.url()).searchParams.get('redirect_to') ?? '';
    expect(target).toContain('/plugins/app.parley.calls/join/');
});

it('on another name of the same server, the link stays where the person is signed in', async () => {
    const bob = await stage.bob();
    const link = await linkOf(bob);
    expect(link.startsWith(`${stage.platform.address}/plugins/`), link).toBe(true);
    await bob.page.goto(link);
    await bob.page.getByRole('dialog', {name: 'Join the call?'}).or(bob.messageBox).first().waitFor();
    expect(bob.page.url().startsWith(`${stage.platform.address}/demo/channels/lounge`), bob.page.url()).toBe(true);
});
