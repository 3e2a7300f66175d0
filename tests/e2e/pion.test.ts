// A second WebRTC stack against the sidecar, behaving as the Go client of the official load test does.
// Names carry the line of docs/protocol.md that they show.
import {afterEach, beforeAll, expect, it} from 'vitest';

import {readFileSync, readdirSync} from 'node:fs';
import {join as path} from 'node:path';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, type Person} from './support/person';
import {checkFlawless, Pion, TONES, turnAccepts, type PionOptions, type Report} from './support/pion';
import {useStage} from './support/stage';
import {sleep, until} from './support/until';

/** PARLEY_SECONDS=300 is the length of the official load test. */
const SECONDS = Number(process.env.PARLEY_SECONDS ?? '8');

/** Voices, screen and sound of a call of five, and a client's own. */
const LINES_MAX = 6;

const stage = useStage({command: 'serve'});
let admin: Admin;
let made: {teamId: string; channelId: string; ids: string[]};
const pions: Pion[] = [];

beforeAll(async () => {
    admin = await Admin.signIn(stage.platform);
    made = await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg'], ['Gina', 'Go'], ['Gustav', 'Go'], ['Greta', 'Go']]);
});

afterEach(async (context) => {
    if (context.task.result?.state === 'fail') {
        pions.forEach((pion) => console.error(`--- ${pion.user}\n${pion.story()}`));
    }
    await Promise.all(pions.splice(0).map((pion) => pion.leave()));
});

function start(user: string, more: Partial<PionOptions> = {}): Pion {
    const pion = Pion.start({site: stage.platform.address, channel: made.channelId, user, ...more});
    pions.push(pion);
    return pion;
}

async function join(user: string, more: Partial<PionOptions> = {}): Promise<Pion> {
    const pion = start(user, more);
    await pion.sees('ready');
    return pion;
}

/** Pion had nothing to say, but of reports that crossed the beginning or the end of their line: once for each. */
function checkSilent(report: Report): void {
    const {'late rtcp': late = 0, ...log} = report.log;
    expect(log).toEqual({});
    expect(late, 'reports about lines that came or went').toBeLessThanOrEqual(LINES_MAX);
}

/** Frequency that is loudest in a voice that the Go client recorded, decoded by a browser. */
function strongest(decoder: Person, pion: Pion): Promise<number> {
    const [name] = readdirSync(pion.recordings).filter((file) => file.startsWith('voice'));
    const file = readFileSync(path(pion.recordings, name ?? '')).toString('base64');
    return decoder.page.evaluate(async (encoded) => {
        const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
        const context = new OfflineAudioContext(1, 48_000, 48_000);
        const sound = await context.decodeAudioData(bytes.buffer);
        // The last second, by counting how often the wave comes up through zero.
        const samples = sound.getChannelData(0).slice(-48_000);
        let periods = 0;
        for (let at = 1; at < samples.length; at++) {
            periods += samples[at - 1]! < 0 && samples[at]! >= 0 ? 1 : 0;
        }
        return Math.round(periods * (48_000 / samples.length));
    }, file);
}

/** A browser of ours in the same channel. */
async function browse(who: typeof ALICE): Promise<Person> {
    const person = await stage.person(who);
    await person.logIn(stage.platform.address, who.name.toLowerCase(), PASSWORD, '/demo/channels/lounge');
    return person;
}

it('l18: two Go clients hear each other, one of them unmuting as the other does', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav', {tone: TONES.high});
    gina.tell('unmute');
    gustav.tell('unmute');
    await gina.hearsTone(TONES.high);
    await gustav.hearsTone(TONES.low);
    for (const pion of [gina, gustav]) {
        checkFlawless(await pion.report());
        await until('a sender report that counts what came', async () =>
            (await pion.report()).tracks.some((track) => track.reports > 0 && Math.abs(track.counted - track.packets) < 120));
    }
});

it.each(['gcm128', 'gcm256', 'sha1', 'gcm128,sha1', 'sha1,gcm128'])('a client that offers only the SRTP profiles %s hears and is heard', async (profiles) => {
    const gina = await join('gina', {tone: TONES.low, more: ['-srtp', profiles]});
    const gustav = await join('gustav', {tone: TONES.high});
    gina.tell('unmute');
    gustav.tell('unmute');
    await gina.hearsTone(TONES.high);
    await gustav.hearsTone(TONES.low);
    checkFlawless(await gina.report());
    checkFlawless(await gustav.report());
});

it('l07: a TURN server that knows the shared secret takes our credentials, and another does not', async () => {
    await admin.configure({
        ICEServersConfigs: JSON.stringify([{urls: ['turn:127.0.0.1:3478']}]),
        TURNStaticAuthSecret: 'north',
    });
    const gina = start('gina');
    const answer = await gina.ask('get /turn-credentials', 'answer_of');
    const [server] = answer.body as {urls: string[]; username: string; credential: string}[];
    expect(server!.urls).toEqual(['turn:127.0.0.1:3478']);
    expect(server!.username).toMatch(/^\d{10}:gina$/);
    expect(turnAccepts('north', server!.username, server!.credential)).toBe(true);
    expect(turnAccepts('south', server!.username, server!.credential)).toBe(false);
    const expired = server!.username.replace(/^\d+/, '1000000000');
    expect(turnAccepts('north', expired, server!.credential)).toBe(false);
    await admin.configure({ICEServersConfigs: '', TURNStaticAuthSecret: ''});
});

it('l15: text and binary candidates and actions without data are taken', async () => {
    const gina = await join('gina');
    const gustav = await join('gustav');
    // Its candidates went as binary frames before; here the same as text, and the end of candidates.
    gina.tell('candidates');
    gina.tell('do raise_hand');
    await gustav.hears('user_raise_hand', (data) => data.session_id === gina.session);
    expect(gina.exitCode).toBeUndefined();
});

it('l17: a Go client that sends too much is held back, and stays in the call', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav');
    for (let number = 0; number < 150; number++) {
        gina.tell('do mute');
    }
    await gina.hears('parley_dropped', (data) => data.action === 'mute');
    // It has no word that says when it may again.
    await until('its hand is seen', async () => {
        gina.tell('do raise_hand');
        await sleep(500);
        return gustav.happened.some((one) => one.event === 'event' && one.name === 'user_raise_hand');
    });
    gina.tell('unmute');
    await gustav.hearsTone(TONES.low);
    expect(gina.exitCode).toBeUndefined();
});

it('l25: the lock of a Go client is given once, given back, and needs no owner to be given back', async () => {
    const gina = await join('gina');
    expect((await gina.ask('unlock', 'pong_after')).took_ms).toBeLessThan(1_000);
    await gina.lock();
    expect((await gina.ask('lock', 'lock')).held).toBe(false);
    await gina.ask('unlock', 'pong_after');
    expect((await gina.ask('lock', 'lock')).held).toBe(true);
});

it('l25: a lock that is never given back holds the server\'s offers for 10 s, and no longer', async () => {
    const gina = await join('gina');
    await gina.lock();
    const locked = gina.happened.length;
    const lockedAt = gina.happened[locked - 1]!.at_ms;
    const gustav = await join('gustav');
    gustav.tell('screen');
    const answer = await gina.sees('answer', () => true, locked);
    expect(answer.at_ms - lockedAt).toBeGreaterThan(9_000);
    expect(answer.at_ms - lockedAt).toBeLessThan(13_000);
    await gina.sees('track', (track) => track.kind === 'screen');
});

it('l27: pings are answered within 50 ms, a text ping by a text pong', async () => {
    const gina = await join('gina');
    const from = gina.happened.length;
    gina.tell('pings');
    const pongs = await until('ten answers', () => {
        const found = gina.happened.slice(from).filter((one) => one.event === 'pong');
        return found.length === 10 && found;
    });
    // Half of them: a busy machine may hold one up.
    const took = pongs.map((pong) => Number(pong.took_ms)).sort((a, b) => a - b);
    expect(took[5]).toBeLessThan(50);
    expect((await gina.ask('text-ping', 'text_pong')).text).toBe('pong');
});

it('l28: statistics of whole numbers do no harm', async () => {
    const gina = await join('gina');
    gina.tell('statistics');
    expect((await gina.ask('text-ping', 'text_pong')).text).toBe('pong');
});

it('l31, l34: the screen of a Go client, without rid, and its sound are received; a second sharer is refused in silence', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav', {tone: TONES.high});
    gina.tell('screen sound');
    const screen = await gustav.sees('track', (track) => track.kind === 'screen');
    expect(screen.id).toMatch(new RegExp(`^screen_${gina.session}_.{8}$`));
    expect(screen.stream).toBe(gina.session);
    const sound = await gustav.hearsTone(TONES.low);
    expect(sound.kind).toBe('screen-audio');

    gustav.tell('screen');
    await gustav.sees('answered');
    const before = (await gustav.report()).tracks.find((track) => track.kind === 'screen')!.frames;
    await until('the first screen goes on', async () =>
        (await gustav.report()).tracks.some((track) => track.kind === 'screen' && track.frames > before + 10));
    expect(gina.names()).not.toContain('error');
    expect(gustav.names()).not.toContain('error');
    expect(gina.happened.some((one) => one.event === 'track' && one.kind === 'screen')).toBe(false);
    checkFlawless(await gustav.report());
});

it('l36: of a Go client, which sends no levels, no speaking is told, and it is heard', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav');
    gina.tell('unmute');
    await gustav.hearsTone(TONES.low);
    await until('three seconds of sound', async () => (await gina.report()).sent > 150);
    expect(gustav.names()).not.toContain('user_voice_on');
});

it('l37: clients with other payload types interwork with a browser', async () => {
    // Pictures have the type that it offered first, voices the one that the server did.
    const gina = await join('gina', {tone: TONES.low, more: ['-opus-type', '109', '-vp8-type', '120']});
    gina.tell('screen sound');
    await gina.sees('offer', (offer) => Number(offer.lines) >= 3);
    gina.tell('unscreen');
    await gina.hears('user_screen_off');
    const alice = await browse(ALICE);
    await alice.joinByPost();
    await alice.unmute();
    await alice.control('Share screen').click();
    gina.tell('unmute');
    await alice.hearsTone(650);
    await until('Alice\'s voice and screen', async () => {
        const {tracks} = await gina.report();
        return tracks.some((track) => track.kind === 'voice' && track.pt === 111 && track.packets > 50)
            && tracks.some((track) => track.kind === 'screen' && track.pt === 120 && track.frames > 10);
    }, {seen: () => gina.report()});
    checkFlawless(await gina.report());
});

it('l22: a Go client and a browser hear each other, and its screen is seen', async () => {
    const alice = await browse(ALICE);
    await alice.startCall();
    const gina = await join('gina', {tone: TONES.low});
    await alice.unmute();
    gina.tell('unmute');
    await alice.hearsTone(650);
    gina.tell('screen');
    await alice.sees('Screen of Gina Go');
    await until('Alice\'s voice', async () => (await gina.report()).tracks.some((track) => track.kind === 'voice' && track.packets > 150));
    checkFlawless(await gina.report());
    expect(await strongest(alice, gina), 'what the Go client recorded').toBeCloseTo(ALICE.tone, -2);

    gina.tell('unscreen');
    await alice.call.getByRole('figure', {name: 'Screen of Gina Go'}).waitFor({state: 'detached'});
    await alice.hearsTone(650);
    // Its line is answered, and nothing comes back on it (line 22).
    checkSilent(await gina.report());
    gina.tell('screen');
    await alice.sees('Screen of Gina Go');
});

it('l32: both layers of a Go client\'s screen are received, and the better one is shown without a stop', async () => {
    const alice = await browse(ALICE);
    await alice.startCall();
    const gina = await join('gina', {more: ['-simulcast']});
    gina.tell('screen');
    await alice.sees('Screen of Gina Go');
    const figure = alice.page.locator('figure[aria-label="Screen of Gina Go"] video');
    await until('the large layer', () => figure.evaluate((video) => (video as HTMLVideoElement).videoHeight === 360));
    await alice.sees('Screen of Gina Go');
});

it('l33: a Go client\'s screen in AV1 and VP8 reaches each receiver in exactly one of them, a late one too', async () => {
    await admin.configure({EnableAV1: true});
    try {
        const gina = await join('gina', {more: ['-av1']});
        const gustav = await join('gustav', {more: ['-av1']});
        const greta = await join('greta');
        gina.tell('screen');
        const late = async (): Promise<Pion> => join('bob', {more: ['-av1']});
        for (const [viewer, pt] of [[gustav, 45], [greta, 96], [await late(), 45]] as const) {
            await viewer.sees('track', (track) => track.kind === 'screen');
            // Whatever came first, and from then on one of them alone.
            await until(`${viewer.user} gets ${pt}`, async () => {
                const [screen] = (await viewer.report()).tracks.filter((track) => track.kind === 'screen');
                return screen?.pt === pt && screen.frames > 10;
            }, {seen: () => viewer.report()});
            const report = await viewer.report();
            expect(report.tracks.filter((track) => track.kind === 'screen')).toHaveLength(1);
            checkFlawless(report);
        }
    } finally {
        await admin.configure({EnableAV1: false});
    }
});

it('l39: fifty lines fit into the frames of the socket', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav');
    gina.tell('unmute');
    await gina.sees('microphone');
    for (let number = 2; number <= 50; number++) {
        const made = gina.happened.length;
        gina.tell('device');
        await gina.sees('answered', () => true, made);
        await gina.sees('microphone', (one) => one.number === number);
    }
    const last = gina.happened.filter((one) => one.event === 'offer').at(-1);
    expect(last?.lines).toBeGreaterThanOrEqual(51);
    const before = (await gustav.report()).tracks.find((track) => track.kind === 'voice')!.packets;
    await until('the newest microphone is heard', async () =>
        (await gustav.report()).tracks.some((track) => track.kind === 'voice' && track.packets > before + 50));
});

it(`l48: two calls of five Go clients, one speaking and one sharing in each, for ${SECONDS} s`, async () => {
    const channels = [made.channelId, (await admin.channel(made.teamId, 'second', 'Second')).id];
    const crowd = ['alice', 'bob', 'gina', 'gustav', 'greta'];
    for (const user of made.ids) {
        await admin.addToChannel(channels[1]!, user);
    }
    const calls: Pion[][] = [];
    for (const channel of channels) {
        // The first one shares and speaks, as in the official load test.
        const [first, ...others] = crowd.map((user) => start(user, {channel, tone: TONES.low, more: ['-simulcast', '-dc-signaling']}));
        calls.push([first!, ...others]);
        await Promise.all([first!, ...others].map((pion) => pion.sees('ready')));
        first!.tell('unmute');
        first!.tell('screen');
    }
    await sleep(SECONDS * 1_000);
    for (const [first, ...others] of calls) {
        // Recording would be started by who sees itself made host.
        expect([first!, ...others].some((pion) => pion.names().includes('call_host_changed'))).toBe(true);
        const {sent} = await first!.report();
        expect(sent).toBeGreaterThan(SECONDS * 45);
        for (const listener of others) {
            const report = await listener.report();
            checkFlawless(report);
            const voice = report.tracks.find((track) => track.kind === 'voice' && track.packets > 0);
            expect(voice?.packets, listener.user).toBeGreaterThan(SECONDS * 45);
            const screen = report.tracks.find((track) => track.kind === 'screen');
            expect(screen?.frames, listener.user).toBeGreaterThan(SECONDS * 4);
        }
    }
    for (const pion of calls.flat()) {
        expect(pion.exitCode, pion.story()).toBeUndefined();
        expect(pion.names()).not.toContain('error');
        checkSilent(await pion.report());
    }
}, SECONDS * 1_000 + 90_000);

it('l40: a cut socket loses neither session nor sound, and signals go to the new one', async () => {
    const gina = await join('gina', {tone: TONES.low});
    const gustav = await join('gustav', {tone: TONES.high});
    gina.tell('unmute');
    await gustav.hearsTone(TONES.low);
    gina.tell('cut');
    await sleep(5_000);
    const from = gina.happened.length;
    gina.tell('reconnect');
    const hello = await gina.sees('hello', () => true, from);
    expect(hello.connection).not.toBe(gina.session);
    gustav.tell('screen');
    await gina.hears('user_screen_on', (data) => data.session_id === gustav.session, from);
    await gina.sees('signal', () => true, from);
    await gina.sees('track', (track) => track.kind === 'screen', from);
    expect(gustav.names()).not.toContain('user_left');
    checkFlawless(await gustav.report());
});
