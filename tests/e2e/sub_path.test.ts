// A site below a sub-path: page, bundle, socket, call and link all work there.
import {createServer} from 'node:net';
import {expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB} from './support/person';
import {useStage} from './support/stage';

const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
});
const site = `http://127.0.0.1:${port}/chat`;
const stage = useStage({command: 'serve', port, subPath: '/chat', args: ['--site-url', site]});

it('below a sub-path two people talk, and the link leads back into the channel', async () => {
    const admin = await Admin.signIn(stage.platform);
    await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg']]);
    const alice = await stage.person(ALICE);
    const bob = await stage.person(BOB);
    await alice.logIn(site, 'alice', PASSWORD, '/demo/channels/lounge');
    await bob.logIn(site, 'bob', PASSWORD, '/demo/channels/lounge');
    expect(alice.page.url()).toBe(`${site}/demo/channels/lounge`);
    await alice.startCall();
    await alice.unmute();
    await alice.say('/call link');
    const link = alice.page.locator('.post').last().getByRole('link');
    await link.waitFor();
    const address = await link.getAttribute('href') ?? '';
    expect(address).toMatch(new RegExp(`^${site}/plugins/`));
    await bob.page.goto(address);
    await bob.page.getByRole('dialog', {name: 'Join the call?'}).getByRole('button', {name: 'Join call'}).click();
    await bob.inCall();
    expect(bob.page.url()).toContain(`${site}/demo/channels/lounge`);
    await bob.hears(alice);
});
