// Who comes into a call by the keyboard goes on in it: what they pressed is gone then.
import {expect, it} from 'vitest';

import type {Person} from './support/person';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();

const inCall = (person: Person): Promise<boolean> =>
    person.page.evaluate(() => document.activeElement?.closest('section[aria-label="Call"]') instanceof Element);

async function goesOnInTheCall(person: Person): Promise<void> {
    await person.inCall();
    await until('the focus is in the call', () => inCall(person), {
        within: 2_000,
        seen: () => person.page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120)),
    });
    await person.page.keyboard.press('Tab');
    expect(await inCall(person), 'the first Tab reaches a control of the call').toBe(true);
}

it('by the header\'s button, started and joined', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.button('Start call').focus();
    await alice.page.keyboard.press('Enter');
    await goesOnInTheCall(alice);
    const join = bob.page.getByRole('banner').or(bob.page.locator('header')).getByRole('button', {name: 'Join call', exact: true}).first();
    await join.focus();
    await bob.page.keyboard.press('Enter');
    await goesOnInTheCall(bob);
});

it('by the post, and by the question of a followed link', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.page.locator('.post').getByRole('button', {name: 'Join call', exact: true}).last().focus();
    await bob.page.keyboard.press('Enter');
    await goesOnInTheCall(bob);
    await bob.leave();
    const path = await bob.page.evaluate(async () => {
        const base = (window as {basename?: string}).basename ?? '';
        const answer = await fetch(`${base}/plugins/app.parley.calls/channels`);
        const running = (await answer.json() as {channel_id: string; call?: unknown}[]).find((channel) => channel.call);
        return `${base}/plugins/app.parley.calls/join/${running?.channel_id ?? ''}`;
    });
    await bob.page.goto(new URL(path, bob.page.url()).href);
    await bob.page.getByRole('dialog', {name: 'Join the call?'}).waitFor();
    await bob.page.keyboard.press('Enter');
    await goesOnInTheCall(bob);
});

it('who writes goes on writing', async () => {
    const alice = await stage.alice();
    await alice.messageBox.focus();
    await alice.page.keyboard.type('/call start');
    await alice.page.getByRole('option', {name: '/call start'}).waitFor();
    await alice.page.keyboard.press('Enter');
    await alice.inCall();
    await alice.page.keyboard.type('Hello');
    expect(await alice.messageBox.inputValue()).toBe('Hello');
});

it('who leaves goes on at the button that starts calls', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    await alice.control('Leave call').focus();
    await alice.page.keyboard.press('Enter');
    await until('the focus is on the header\'s button', () => alice.page.evaluate(() =>
        document.activeElement?.closest('#channel-header') !== null && document.activeElement?.textContent === 'Start call'), {
        within: 5_000,
        seen: () => alice.page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120)),
    });
});
