// What happens to a call on a Mattermost server when a part goes: the page's sockets, the plugin, its version.
import {expect, it} from 'vitest';

import {bundle, shipped} from './support/mattermost';
import {useMattermostStage} from './support/mattermost_stage';
import type {Person} from './support/person';
import {takeScreen} from './support/screens';
import {sleep, timed, until} from './support/until';

const stage = useMattermostStage();

/**
 * A debug build compiles its component for some seconds after its activation, on all the cores that it gets; what is
 * shipped takes less than one.
 */
const AGAIN_WITHIN_MS = shipped() ? 5_000 : 20_000;
const DISABLED_WITHIN_S = shipped() ? 3 : 10;
const LEASE_MS = 20_000;
/** What a busy machine conceals without anything being wrong: a gap of what is cut or killed here is 3 s or more. */
const CONCEALED_MS_MAX = shipped() ? 300 : 1_500;

/** Runs something while `listener` hears the other without a gap. */
async function withoutGap(listener: Person, work: () => Promise<void>): Promise<void> {
    const start = await listener.audioStats();
    await work();
    const end = await listener.audioStats();
    const due = (end.at - start.at) / 20;
    const concealed = (end.concealed - start.concealed) / 48;
    console.info(`${end.packets - start.packets} of about ${Math.round(due)} packets, ${end.lost - start.lost} lost, ${concealed} ms concealed`);
    expect(end.lost - start.lost).toBe(0);
    expect(end.packets - start.packets).toBeGreaterThan(due * 0.95 - CONCEALED_MS_MAX / 20);
    expect(concealed).toBeLessThan(CONCEALED_MS_MAX);
}

/** Signalling works both ways. */
async function muteIsSeen(alice: Person, bob: Person): Promise<void> {
    const row = bob.call.getByRole('listitem').filter({hasText: 'Alice'});
    await alice.mute();
    await bob.hearsNoLonger(alice);
    await row.getByRole('img', {name: 'Muted'}).waitFor();
    await alice.unmute();
    await bob.hears(alice);
    await row.getByRole('img', {name: 'Unmuted'}).waitFor();
}

const sessions = (people: Person[]): Promise<(string | null)[]> =>
    Promise.all(people.map((person) => person.call.getAttribute('data-session')));

/** Both are in the call again, by new connections, and how long that took. */
function again(people: [Person, Person], connections: number[]): Promise<number> {
    const [alice, bob] = people;
    return timed(async () => {
        await until('both have a new connection', async () =>
            (await Promise.all(people.map((person) => person.connectionCount()))).every((count, at) => count > (connections[at] ?? 0)), {every: 20});
        await Promise.all([alice.hears(bob), bob.hears(alice)]);
    });
}

const connectionsOf = (people: Person[]): Promise<number[]> => Promise.all(people.map((person) => person.connectionCount()));

it('all sockets are lost for 3 s: no gap in the sound, the same sessions', async () => {
    const people = await stage.talking();
    const before = await sessions(people);
    const connections = await connectionsOf(people);
    await withoutGap(people[1], async () => {
        await stage.server.cutSockets(3);
        await people[0].page.getByText('No connection to the server.').waitFor();
        await people[0].page.getByText('No connection to the server.').waitFor({state: 'detached'});
        await sleep(1_000);
    });
    await muteIsSeen(...people);
    expect(await sessions(people)).toEqual(before);
    expect(await connectionsOf(people), 'media was not touched').toEqual(connections);
});

it('the plugin is killed: no gap in the sound, and the server\'s check brings signalling back', async () => {
    const people = await stage.talking();
    const before = await sessions(people);
    const sidecar = stage.server.sidecarPids();
    await withoutGap(people[1], async () => {
        for (const pid of stage.server.pluginPids()) {
            process.kill(pid, 'SIGKILL');
        }
        await until('the plugin is dead', () => stage.server.pluginPids().length === 0);
        await stage.server.checkHealth();
        expect(stage.server.pluginPids()).toHaveLength(1);
        await sleep(1_000);
    });
    await muteIsSeen(...people);
    expect(await sessions(people)).toEqual(before);
    expect(stage.server.sidecarPids()).toEqual(sidecar);
});

it('a newer version is uploaded: they are in the same call again', async () => {
    const people = await stage.talking();
    const before = await sessions(people);
    const connections = await connectionsOf(people);
    const sidecar = stage.server.sidecarPids();
    const next = stage.server.upgraded(bundle());
    await stage.server.upload(next);
    const took = await again(people, connections);
    console.info(`heard each other ${took} ms after the upgrade`);
    expect(took).toBeLessThan(AGAIN_WITHIN_MS);
    expect(await sessions(people)).toEqual(before);
    expect(stage.server.sidecarPids(), 'the media server went on').toEqual(sidecar);
    await muteIsSeen(...people);
});

it('disabled, and enabled again: they are in the same call again', async () => {
    const people = await stage.talking();
    const before = await sessions(people);
    const connections = await connectionsOf(people);
    const disabled = await stage.server.disable();
    expect(disabled).toBeLessThan(DISABLED_WITHIN_S);
    await Promise.all(people.map((person) => person.call.waitFor({state: 'detached'})));
    const activated = await stage.server.enable();
    const took = await again(people, connections);
    console.info(`disabled in ${disabled.toFixed(3)} s, enabled in ${activated.seconds.toFixed(3)} s, heard each other ${took} ms later`);
    expect(took).toBeLessThan(AGAIN_WITHIN_MS);
    expect(await sessions(people)).toEqual(before);
    await muteIsSeen(...people);
});

it('disabled for good: quick, microphones are closed, and the media server ends with its lease', async () => {
    const people = await stage.talking();
    const disabledAt = performance.now();
    expect(await stage.server.disable()).toBeLessThan(DISABLED_WITHIN_S);
    for (const person of people) {
        await person.call.waitFor({state: 'detached'});
        expect(await person.page.evaluate(() => window.instruments.live().audio)).toBe(0);
    }
    await takeScreen(people[0].page, 'mattermost_disabled', 'light');
    await until('the media server is gone', () => stage.server.sidecarPids().length === 0, {within: LEASE_MS + 10_000});
    expect(performance.now() - disabledAt).toBeGreaterThan(LEASE_MS - 2_000);
});
