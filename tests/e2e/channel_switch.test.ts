// Calls off in one channel, in test mode, and TURN servers that want credentials: what the page makes of it.
import {beforeAll, expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB, type Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';

const stage = useStage({command: 'serve'});
let admin: Admin;
let teamId: string;

beforeAll(async () => {
    admin = await Admin.signIn(stage.platform);
    teamId = (await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg']])).teamId;
});

async function enter(who: typeof ALICE, username = who.name.toLowerCase(), password = PASSWORD): Promise<Person> {
    const person = await stage.person(who);
    await person.logIn(stage.platform.address, username, password, '/demo/channels/lounge');
    return person;
}

const header = (person: Person, name: string) => person.page.locator('#channel-header').getByRole('button', {name, exact: true});

const menuEntry = async (person: Person, name: string) => {
    await person.page.locator('#channelHeaderDropdownButton').click();
    return person.page.getByRole('menuitem', {name, exact: true});
};

it('who administers the channel turns calls off and on there, and everybody\'s header follows', async () => {
    const root = await enter({...ALICE, name: 'Root'}, stage.platform.admin.username, stage.platform.admin.password);
    const bob = await enter(BOB);
    await header(bob, 'Start call').waitFor();
    await (await menuEntry(bob, 'Copy call link')).waitFor();
    expect(await bob.page.getByRole('menuitem', {name: /Turn calls/}).count()).toBe(0);
    await bob.page.keyboard.press('Escape');

    const off = await menuEntry(root, 'Turn calls off in this channel');
    await takeBoth(root.page, '50_channel_menu');
    await off.click();
    await root.page.getByText('Calls are turned off in this channel.').waitFor();
    await header(bob, 'Start call').waitFor({state: 'detached'});
    await bob.page.reload();
    await bob.messageBox.waitFor();
    await bob.say('/call start');
    await bob.page.locator('.post').getByText('Calls are switched off in this channel.').waitFor();
    expect(await header(bob, 'Start call').count()).toBe(0);

    await (await menuEntry(root, 'Turn calls on in this channel')).click();
    await header(bob, 'Start call').click();
    await bob.inCall();
});

it('in test mode the button says why it does nothing', async () => {
    await admin.configure({DefaultEnabled: false});
    // The channel's own choice, made above, would count more.
    const quiet = await admin.channel(teamId, 'quiet', 'Quiet');
    const bob = await enter(BOB);
    await bob.page.goto(`${stage.platform.address}/demo/channels/${quiet.name}`);
    const button = header(bob, 'Start call');
    await button.click({force: true});
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    await bob.page.getByText('Calls are in test mode: only administrators can start them.').waitFor();
    expect(await bob.call.count()).toBe(0);
    await takeBoth(bob.page, '51_test_mode');
    await admin.configure({DefaultEnabled: true});
});

it('l07: servers that want credentials come with them', async () => {
    await admin.configure({
        ICEServersConfigs: JSON.stringify([{urls: ['turn:127.0.0.1:9']}, {urls: ['stun:127.0.0.1:9']}]),
        TURNStaticAuthSecret: 'north',
    });
    const bob = await enter(BOB);
    await header(bob, 'Start call').waitFor();
    // Other tabs of his have asked too much just now.
    const asked = await bob.page.evaluate(() => Promise.all(
        Array.from({length: 12}, async () => (await fetch('/plugins/app.parley.calls/config')).status)));
    expect(asked).toContain(429);
    await header(bob, 'Start call').click();
    await bob.inCall();
    const servers = await bob.page.evaluate(() => window.instruments.connections[0]?.getConfiguration().iceServers ?? []);
    expect(servers.map((server) => server.urls)).toEqual([['stun:127.0.0.1:9'], ['turn:127.0.0.1:9']]);
    expect(servers[1]?.username).toMatch(/^\d+:bob$/);
    expect(servers[1]?.credential).toMatch(/^[\w+/]{27}=$/);
});
