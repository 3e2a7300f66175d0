// Who may not: one page for three reasons, and texts that say what is wrong.
import {beforeAll, expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB, type Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage({command: 'serve'});
let admin: Admin;
let made: {teamId: string; channelId: string; ids: string[]};

beforeAll(async () => {
    admin = await Admin.signIn(stage.platform);
    made = await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg']]);
});

async function enter(who: typeof ALICE): Promise<Person> {
    const person = await stage.person(who);
    await person.logIn(stage.platform.address, who.name.toLowerCase(), PASSWORD, '/demo/channels/lounge');
    return person;
}

it('the link of a channel that is unknown, archived or not one\'s own shows the same page', async () => {
    const bob = await enter(BOB);
    const secret = await admin.channel(made.teamId, 'secret', 'Secret plans', 'P');
    const old = await admin.channel(made.teamId, 'old', 'Old things');
    await admin.addToChannel(old.id, made.ids[1] ?? '');
    await admin.archive(old.id);
    const texts: string[] = [];
    for (const id of ['a'.repeat(26), secret.id, old.id]) {
        const response = await bob.page.goto(`${stage.platform.address}/plugins/app.parley.calls/join/${id}`);
        expect(response?.status()).toBe(404);
        texts.push(await bob.page.locator('body').innerText());
    }
    await takeBoth(bob.page, '40_refused_link');
    expect(texts[0]).not.toBe('');
    expect(texts[0]).not.toContain('Secret');
    expect(new Set(texts).size).toBe(1);
});

it('signed out, the link leads through the sign-in form to the question', async () => {
    const bob = await stage.person(BOB);
    await bob.page.goto(`${stage.platform.address}/plugins/app.parley.calls/join/${made.channelId}`);
    await bob.page.getByLabel('User name or e-mail').fill('bob');
    await bob.page.getByLabel('Password').fill(PASSWORD);
    await bob.button('Sign in').click();
    await bob.page.getByRole('dialog', {name: 'Join the call?'}).waitFor();
    await bob.button('Not now').click();
    expect(await bob.call.count()).toBe(0);
});

it('who is removed from the channel is out of its call at once', async () => {
    const alice = await enter(ALICE);
    const bob = await enter(BOB);
    await alice.startCall();
    await bob.joinByPost();
    await bob.unmute();
    await alice.hears(bob);
    await admin.removeFromChannel(made.channelId, made.ids[1] ?? '');
    await bob.call.waitFor({state: 'detached', timeout: 3_000});
    await alice.hearsNoLonger(bob);
    await bob.page.getByText('You left the channel, so you left its call.').waitFor();
});

it('who is removed by the host is told so, and goes on at the call button', async () => {
    await admin.addToChannel(made.channelId, made.ids[1] ?? '');
    const alice = await enter(ALICE);
    const bob = await enter(BOB);
    await alice.startCall();
    await bob.joinByPost();
    await bob.control('Mute').or(bob.control('Unmute')).focus();
    const session = await bob.call.getAttribute('data-session');
    const status = await alice.page.evaluate(async ([channel, id]) => {
        const answer = await fetch(`/plugins/app.parley.calls/calls/${channel}/host/remove`, {
            method: 'POST',
            body: JSON.stringify({session_id: id}),
            headers: {'Content-Type': 'application/json', 'X-Requested-With': 'XMLHttpRequest', 'X-CSRF-Token': /MMCSRF=([^;]*)/.exec(document.cookie)?.[1] ?? ''},
        });
        return answer.status;
    }, [made.channelId, session]);
    expect(status).toBe(200);
    await bob.page.getByText('The host removed you from the call.').waitFor();
    expect(await bob.call.count()).toBe(0);
    await until('the focus is on the call button', () => bob.page.evaluate(() => document.activeElement?.textContent === 'Join call'));
});

it('a command that does not exist is refused with a text, and stays in the box', async () => {
    const alice = await enter(ALICE);
    await alice.say('/nonsense at all');
    await alice.page.getByRole('alert').filter({hasText: '/nonsense'}).waitFor();
    expect(await alice.messageBox.inputValue()).toBe('/nonsense at all');
});

it('without permission for the microphone the call goes on, with a clear text', async () => {
    const alice = await enter(ALICE);
    await alice.startCall();
    await alice.page.evaluate(() => {
        window.instruments.refuse.audio = true;
    });
    await alice.control('Unmute').click();
    await alice.page.getByText('Unable to access the microphone.').waitFor();
    expect(await alice.control('Unmute').count()).toBe(1);
    await alice.leave();
});
