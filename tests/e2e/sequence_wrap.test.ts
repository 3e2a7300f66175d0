// One voice, received by a browser and by Pion over so many packets that sequence numbers wrap: nobody loses,
// doubles or cannot decrypt anything, and reports go on. Who speaks is Pion with frames of 5 ms.
import {afterEach, beforeAll, expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE} from './support/person';
import {checkFlawless, Pion, TONES, type PionOptions} from './support/pion';
import {useStage} from './support/stage';
import {until} from './support/until';

/** PARLEY_PACKETS=70000 sees the sequence numbers wrap, by hand. */
const PACKETS = Number(process.env.PARLEY_PACKETS ?? '1500');
const PACKETS_PER_SECOND = 200;
/** What a busy machine may conceal of a voice, in thousand. */
const CONCEALED_MAX = 20;

const stage = useStage({command: 'serve'});
let channel: string;
const pions: Pion[] = [];

beforeAll(async () => {
    const admin = await Admin.signIn(stage.platform);
    ({channelId: channel} = await populate(admin, [['Alice', 'Adler'], ['Gina', 'Go'], ['Gustav', 'Go'], ['Greta', 'Go'], ['Gerd', 'Go']]));
});

afterEach(async (context) => {
    if (context.task.result?.state === 'fail') {
        pions.forEach((pion) => console.error(`--- ${pion.user}\n${pion.story()}`));
    }
    await Promise.all(pions.splice(0).map((pion) => pion.leave()));
});

async function join(user: string, more: Partial<PionOptions>): Promise<Pion> {
    const pion = Pion.start({site: stage.platform.address, channel, user, ...more});
    pions.push(pion);
    await pion.sees('ready');
    return pion;
}

it(`no packet is lost, doubled or undecipherable in ${PACKETS} of them, in any receiver and by each way out`, async () => {
    const speaker = await join('gina', {tone: TONES.quick});
    // The compact way takes AEAD profiles; for the other one voices leave by the media stack.
    const listeners = [
        await join('gustav', {more: ['-srtp', 'gcm128']}),
        await join('greta', {more: ['-srtp', 'gcm256']}),
        await join('gerd', {more: ['-srtp', 'sha1']}),
    ];
    const alice = await stage.person(ALICE);
    await alice.logIn(stage.platform.address, 'alice', PASSWORD, '/demo/channels/lounge');
    await alice.joinByPost();
    speaker.tell('unmute');
    for (const listener of listeners) {
        await listener.hearsTone(TONES.quick);
    }
    await alice.hearsTone(650);
    // What was concealed while all of them began is none of this.
    const before = await alice.audioStats();
    const seconds = PACKETS / PACKETS_PER_SECOND;
    await until(`${PACKETS} packets`, async () => (await speaker.report()).sent >= PACKETS, {within: seconds * 1_100 + 20_000, every: 500});
    const after = await alice.audioStats();
    await alice.hearsTone(650);
    speaker.tell('mute');
    await speaker.hears('user_muted');
    const {sent} = await speaker.report();
    for (const listener of listeners) {
        const report = await until('the rest arrives', async () => {
            const now = await listener.report();
            // Those that were spoken while the mute was on its way are not forwarded.
            return now.tracks.some((track) => track.packets >= sent - PACKETS_PER_SECOND) && now;
        }, {seen: () => listener.report()});
        console.info(listener.user, sent, report.tracks.map(({packets, missing, late, resets, reports, line_ms}) => ({packets, missing, late, resets, reports, line_ms})));
        checkFlawless(report);
        for (const track of report.tracks.filter((one) => one.packets > 0)) {
            expect(track.reports, 'one sender report in five seconds').toBeGreaterThan(seconds * 0.16 - 2);
        }
    }
    const browser = await alice.voiceStats();
    const concealed = (after.concealed - before.concealed) / (after.samples - before.samples) * 1_000;
    console.info('alice', sent, browser, {concealed});
    expect(browser.lost).toBe(0);
    expect(browser.received).toBeGreaterThan(sent - PACKETS_PER_SECOND);
    expect(browser.reports).toBeGreaterThan(seconds * 0.16 - 2);
    expect(Math.abs(browser.sent - browser.received), 'the last report tells what came').toBeLessThan(6.5 * PACKETS_PER_SECOND);
    expect(concealed, 'concealed, in thousand').toBeLessThan(CONCEALED_MAX);
}, PACKETS / PACKETS_PER_SECOND * 1_200 + 120_000);
