// Parts that die: the sidecar (they hear each other again within 5 s) and the host (nobody notices but
// the signalling, which is back when the host is).
import {expect, it} from 'vitest';

import type {Person} from './support/person';
import {useStage} from './support/stage';
import {sleep, timed, until} from './support/until';

const stage = useStage();
const AGAIN_WITHIN_MS = 5_000;
/** What a busy machine conceals without anything being wrong: a gap of the host's absence is 3 s or more. */
const CONCEALED_MS_MAX = 300;

async function talking(): Promise<[Person, Person]> {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.unmute();
    await alice.hears(bob);
    await bob.hears(alice);
    return [alice, bob];
}

it('the sidecar is killed: they hear each other again within 5 s', async () => {
    const [alice, bob] = await talking();
    const connections = await Promise.all([alice.connectionCount(), bob.connectionCount()]);
    stage.platform.killSidecar();
    const took = await timed(async () => {
        // What is still in the buffers of the old connections does not count.
        await until('both have a new connection', async () =>
            await alice.connectionCount() > (connections[0] ?? 0) && await bob.connectionCount() > (connections[1] ?? 0), {every: 20});
        await Promise.all([alice.hears(bob), bob.hears(alice)]);
    });
    console.info(`heard each other ${took} ms after the sidecar was killed`);
    expect(took).toBeLessThan(AGAIN_WITHIN_MS);
    await Promise.all([alice.leave(), bob.leave()]);
});

it('the host is killed: no gap in the sound, and signalling is back when it is', async () => {
    const [alice, bob] = await talking();
    await sleep(1_000);
    const start = await bob.audioStats();
    const sidecar = stage.platform.sidecarPids();
    await stage.platform.killHost();
    await sleep(3_000);
    expect(await bob.hearsNow(alice.tone), 'Bob hears Alice while the host is dead').toBe(true);
    await stage.platform.run();
    expect(stage.platform.sidecarPids(), 'the new host adopted the sidecar').toEqual(sidecar);
    await until('both pages are connected again', async () =>
        (await Promise.all([alice, bob].map((person) => person.page.getByText('No connection to the server.').count()))).every((count) => count === 0));
    await sleep(1_000);
    const end = await bob.audioStats();
    const concealedMs = (end.concealed - start.concealed) / 48;
    const packetsDue = (end.at - start.at) / 20;
    console.info(`${end.packets - start.packets} of about ${Math.round(packetsDue)} packets, ${end.lost - start.lost} lost, ${concealedMs} ms concealed`);
    expect(end.lost - start.lost).toBe(0);
    expect(end.packets - start.packets).toBeGreaterThan(packetsDue * 0.95 - 5);
    expect(concealedMs).toBeLessThan(CONCEALED_MS_MAX);

    await alice.mute();
    await bob.hearsNoLonger(alice);
    await alice.unmute();
    await bob.hears(alice);
    await until('Bob\'s list says that Alice is unmuted', async () =>
        await bob.call.getByRole('listitem').filter({hasText: 'Alice'}).getByRole('img', {name: 'Unmuted'}).count() === 1);
});
