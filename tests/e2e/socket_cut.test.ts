// A browser whose WebSockets are cut while its media goes on: shorter than the server waits, and longer.
import type {WebSocketRoute} from 'playwright-core';
import {expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB, type Person} from './support/person';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage({command: 'serve'});
/** Long enough for a busy machine to be back after the short cut, short enough to wait for. */
const TIMEOUT_S = 10;

/** Cuts all sockets of the person's pages, and lets none be opened, until it is mended. */
async function scissors(person: Person): Promise<{cut: () => Promise<void>; mend: () => void}> {
    let isCut = false;
    const open = new Set<WebSocketRoute>();
    await person.context.routeWebSocket(/\/api\/v4\/websocket/, async (socket) => {
        if (isCut) {
            await socket.close();
            return;
        }
        const server = socket.connectToServer();
        open.add(socket);
        open.add(server);
    });
    return {
        cut: async () => {
            isCut = true;
            await Promise.all([...open].map((socket) => socket.close().catch(() => undefined)));
            open.clear();
        },
        mend: () => {
            isCut = false;
        },
    };
}

/** What a screen reader has heard of others. */
const listen = (person: Person): Promise<void> => person.page.evaluate(() => {
    const said: string[] = [];
    Object.assign(window, {said});
    const now = (): string => document.querySelector('.parley-sr[aria-live]')?.textContent ?? '';
    let last = now();
    new MutationObserver(() => {
        if (now() !== last) {
            last = now();
            said.push(last);
        }
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
});

const said = (person: Person): Promise<string[]> => person.page.evaluate(() => (window as unknown as {said: string[]}).said);

it('a short cut costs nothing; after a long one the call is taken up again by itself', async () => {
    const admin = await Admin.signIn(stage.platform);
    await admin.configure({DisconnectTimeoutSeconds: TIMEOUT_S});
    await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg']]);
    const alice = await stage.person(ALICE);
    const bob = await stage.person(BOB);
    const {cut, mend} = await scissors(alice);
    await alice.logIn(stage.platform.address, 'alice', PASSWORD, '/demo/channels/lounge');
    await bob.logIn(stage.platform.address, 'bob', PASSWORD, '/demo/channels/lounge');
    await bob.startCall();
    await alice.joinByPost();
    await alice.unmute();
    await bob.hears(alice);
    await listen(bob);
    const session = await alice.call.getAttribute('data-session');

    await cut();
    await bob.call.getByRole('img', {name: 'Reconnecting'}).waitFor();
    // Media does not need the socket.
    await bob.hears(alice, 3_000);
    mend();
    await bob.call.getByRole('img', {name: 'Reconnecting'}).waitFor({state: 'detached'});
    await alice.mute();
    await bob.hearsNoLonger(alice);
    expect(await alice.call.getAttribute('data-session')).toBe(session);
    expect(await alice.connectionCount(), 'the media connection has stayed').toBe(1);
    expect(await said(bob), 'nobody left or joined').toEqual([]);
    await alice.unmute();

    await cut();
    await until('the server gives the session up', async () => (await said(bob)).some((text) => text.includes('left')), {within: (TIMEOUT_S + 10) * 1_000});
    mend();
    await bob.hears(alice);
    await alice.inCall();
    expect(await alice.call.getAttribute('data-session')).toBe(session);
});
