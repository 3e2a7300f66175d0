// Unmodified mobile clients, as the published protocol describes them: a main socket and one for the call,
// five seconds of patience, no cameras, host controls by REST.
import {expect, it} from 'vitest';

import type {Official} from './official/client';
import {useOfficialStage} from './official/stage';
import {sleep, until} from './support/until';

const stage = useOfficialStage();
const TONES = {mona: 650, wilma: 500, wolf: 800};

async function join(user: keyof typeof TONES): Promise<Official> {
    const client = await stage.open(user, TONES[user], {mobile: user === 'mona'});
    await client.join({channel: stage.channel, dcSignaling: user !== 'mona'});
    return client;
}

it('l01 to l05: what a phone asks before it shows calls', async () => {
    const mona = await stage.open('mona', TONES.mona, {mobile: true});
    const manifests = await mona.page.evaluate(async () => (await fetch('/api/v4/plugins/webapp')).json() as Promise<{id: string; webapp: unknown}[]>);
    expect(manifests.map((one) => one.id)).toContain('app.parley.calls');
    expect(manifests.every((one) => one.webapp)).toBe(true);
    expect((await mona.do('rest', 'GET', '/version')).body).toMatchObject({version: expect.any(String), build: expect.any(String)});
    const config = (await mona.do('rest', 'GET', '/config')).body as Record<string, unknown>;
    expect(Object.entries(config).filter(([, value]) => value === null)).toEqual([]);
    expect((await mona.do('rest', 'GET', '/channels?mobilev2=true')).body).toEqual([]);
    expect((await mona.do('rest', 'GET', `/${stage.channel}`)).body).toEqual({channel_id: stage.channel, enabled: true});
    expect((await mona.do('rest', 'GET', '/turn-credentials')).status, 'none announced').toBe(403);
});

it('l19: a phone is connected within its five seconds, talks and listens', async () => {
    const wilma = await join('wilma');
    const mona = await stage.open('mona', TONES.mona, {mobile: true});
    expect(await mona.join({channel: stage.channel, dcSignaling: false})).toBeLessThan(5_000);
    await Promise.all([wilma.do('unmute'), mona.do('unmute')]);
    await mona.hears(TONES.wilma);
    await wilma.hears(TONES.mona);
});

it('its main socket tells everything but its signals; call_start comes before user_joined', async () => {
    const mona = await join('mona');
    await mona.sees('call_state');
    const main = (await mona.get('events')).filter((event) => event.socket === 'main').map((event) => event.name);
    expect(main).toEqual(['call_host_changed', 'call_start', 'user_joined', 'call_state']);
    expect((await mona.get('events')).every((event) => event.channel === stage.channel)).toBe(true);
});

it('l35: a phone gets the screen of others, and no camera', async () => {
    const mona = await join('mona');
    const wilma = await join('wilma');
    const wolf = await join('wolf');
    await wilma.do('startVideo');
    await wolf.watches('video');
    await wilma.do('shareScreen', {});
    await mona.watches('screen');
    expect((await mona.get('tracks')).filter((track) => track.kind === 'video').map((track) => track.type)).toEqual(['screen']);
});

it('a phone is host by REST: it mutes, lowers hands, stops screens, hands over and removes', async () => {
    const mona = await join('mona');
    const wilma = await join('wilma');
    const wolf = await join('wolf');
    const session = await wilma.get('session');
    const host = (action: string, body: unknown = {session_id: session}): Promise<{status: number}> =>
        mona.do('rest', 'POST', `/calls/${stage.channel}/host/${action}`, body);
    expect((await wolf.do('rest', 'POST', `/calls/${stage.channel}/host/mute`, {session_id: session})).status).toBe(400);

    await wilma.do('unmute');
    await wolf.hears(TONES.wilma);
    expect((await host('mute')).status).toBe(200);
    await wilma.sees('host_mute', (data) => data.session_id === session);
    await mona.sees('user_muted', (data) => data.session_id === session);
    await wolf.hearsNoLonger(TONES.wilma);
    await wilma.do('unmute');
    await wolf.hears(TONES.wilma);

    await wilma.do('send', 'raise_hand');
    await mona.sees('user_raise_hand');
    expect((await host('lower-hand')).status).toBe(200);
    await mona.sees('user_unraise_hand');

    await wilma.do('shareScreen', {});
    await wolf.watches('screen');
    expect((await host('screen-off')).status).toBe(200);
    await mona.sees('user_screen_off');
    await until('no screen', async () => (await wolf.pictures()).length === 0);

    // A burst of ten requests, then one a second.
    await sleep(2_000);
    expect((await host('remove')).status).toBe(200);
    await wolf.sees('host_removed', (data) => data.session_id === session);
    await wolf.sees('user_left', (data) => data.session_id === session);

    const wolfs = (await wolf.get('events')).find((event) => event.name === 'user_joined')?.data.user_id;
    expect((await host('make', {new_host_id: wolfs})).status).toBe(200);
    await mona.sees('call_host_changed', (data) => data.hostID === wolfs);
});

it('l43: who is removed and does not go is out after 3 s', async () => {
    const mona = await join('mona');
    const wilma = await join('wilma');
    const session = await wilma.get('session');
    // It obeys no more.
    await wilma.page.evaluate(() => {
        window.official.leave = () => undefined;
    });
    const start = performance.now();
    await mona.do('rest', 'POST', `/calls/${stage.channel}/host/remove`, {session_id: session});
    await mona.sees('user_left', (data) => data.session_id === session);
    const took = performance.now() - start;
    expect(took).toBeGreaterThan(2_500);
    expect(took).toBeLessThan(5_000);
    await until('its connection is closed', () => wilma.page.evaluate(() =>
        ['closed', 'failed', 'disconnected'].includes(window.official.pc?.connectionState ?? '')));
});
