// The drop-in bundle under Mattermost's own plugin host: apps that know calls under one plugin id find them,
// and talk with a browser that has our script.
import {afterEach, expect, it} from 'vitest';

import {Official} from './official/client';
import {CHANNEL} from './support/mattermost';
import {useMattermostStage} from './support/mattermost_stage';

const FIXED_ID = 'com.mattermost.calls';
const stage = useMattermostStage('drop-in');
const clients: Official[] = [];

/** Each has a name of their own in this file: the harness takes a name twice, and then either of both signs in. */
async function open(first: string, tone: number, mobile: boolean): Promise<Official> {
    await stage.server.person(first, 'Web');
    const site = stage.server.address;
    const client = await Official.open(stage.browser, {site, user: first.toLowerCase(), tone, mobile, plugin: FIXED_ID});
    clients.push(client);
    return client;
}

afterEach(async () => {
    const failures = await Promise.all(clients.map((client) => client.get('failures').catch(() => [])));
    await Promise.all(clients.splice(0).map((client) => client.close()));
    expect(failures.flat(), 'what went wrong inside the clients').toEqual([]);
});

it('l01 to l04: the plugin is listed under the fixed id, and answers what a phone asks first', async () => {
    expect(stage.activated).toMatchObject({activated: true});
    const version = await fetch(`${stage.server.address}/plugins/${FIXED_ID}/version`);
    expect(await version.json(), 'without a login').toMatchObject({version: expect.stringMatching(/^1\.12\./)});
    const marta = await open('Marta', 650, true);
    const listed = await marta.page.evaluate(async () =>
        (await fetch('/api/v4/plugins/webapp')).json() as Promise<{id: string; version: string; webapp: unknown}[]>);
    expect(listed).toEqual([expect.objectContaining({id: FIXED_ID, version: expect.stringMatching(/^99\./), webapp: expect.anything()})]);
    expect((await marta.do('rest', 'GET', '/config')).body).toMatchObject({EnableDCSignaling: true});
    expect((await marta.do('rest', 'GET', '/channels?mobilev2=true')).body).toEqual([]);
});

it('a phone, the web app\'s own client and a browser with our script hear one another', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    const mona = await open('Mona', 650, true);
    const wilma = await open('Wilma', 1_250, false);
    await mona.join({channel: CHANNEL, dcSignaling: false});
    await wilma.join({channel: CHANNEL, dcSignaling: true});
    await Promise.all([alice.unmute(), mona.do('unmute'), wilma.do('unmute')]);
    await Promise.all([alice.hearsTone(650), alice.hearsTone(1_250)]);
    await Promise.all([mona.hears(wilma.tone), wilma.hears(mona.tone)]);
    await Promise.all([mona.hears(500), wilma.hears(500)]);
});
