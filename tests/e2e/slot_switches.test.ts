// A voice slot changes hands again and again, and a browser plays on as if one person spoke: nothing concealed,
// the jitter buffer no deeper, and who speaks is known at once. In a direct message there is one slot, so that
// several Go clients of one person take turns in it.
import {afterEach, beforeAll, expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE} from './support/person';
import {Pion, TONES} from './support/pion';
import {SlotWatch, type Playout} from './support/slot_watch';
import {useStage} from './support/stage';
import {sleep, until} from './support/until';

/** PARLEY_SWITCHES=100 is what was promised. */
const SWITCHES = Number(process.env.PARLEY_SWITCHES ?? '12');
const TURN_MS = 600;
const SPEAKERS = 3;
/** Of all samples, in thousand: what a busy machine may conceal. */
const CONCEALED_MAX = 20;
/** How much deeper the jitter buffer may get than it was before the first hand-over, ms. */
const DEEPER_MAX = 40;
/** ... and where a busy machine has made it deep already, so many times that. */
const DEEPER_SHARE = 1.25;
/** From the first packet of somebody else to being told who it is, ms, for nine in ten: a busy machine is late now and then. */
const TOLD_MAX = 100;

const stage = useStage({command: 'serve'});
let channel: string;
const pions: Pion[] = [];

beforeAll(async () => {
    const admin = await Admin.signIn(stage.platform);
    const {ids} = await populate(admin, [['Alice', 'Adler'], ['Gina', 'Go']]);
    const alice = await Admin.signInAs(stage.platform, {username: 'alice', password: PASSWORD});
    channel = (await alice.direct([ids[0]!, ids[1]!])).id;
});

afterEach(async (context) => {
    if (context.task.result?.state === 'fail') {
        pions.forEach((pion) => console.error(`--- ${pion.user}\n${pion.story()}`));
    }
    await Promise.all(pions.splice(0).map((pion) => pion.leave()));
});

const depth = (from: Playout, to: Playout): number => (to.delay - from.delay) / (to.emitted - from.emitted) * 1_000;

it(`${SWITCHES} hand-overs of a voice slot are neither heard nor told late`, async () => {
    for (let number = 0; number < SPEAKERS; number++) {
        const pion = Pion.start({site: stage.platform.address, channel, user: 'gina', tone: TONES.low});
        pions.push(pion);
        await pion.sees('ready');
    }
    const alice = await stage.person(ALICE);
    await alice.logIn(stage.platform.address, 'alice', PASSWORD, '/demo/messages/@gina');
    await alice.page.getByRole('main').locator('header').getByRole('button', {name: 'Join call', exact: true}).click();
    await alice.inCall();
    // Each makes its microphone once, which is a negotiation.
    for (const pion of pions) {
        pion.tell('unmute');
        await pion.sees('microphone');
        await pion.hears('user_unmuted', (data) => data.session_id === pion.session);
        pion.tell('do mute');
        await pion.hears('user_muted', (data) => data.session_id === pion.session);
    }
    pions[0]!.tell('do unmute');
    await alice.hearsTone(650);
    await sleep(3_000);

    const watch = await SlotWatch.start(alice);
    const start = await watch.playout();
    await sleep(4_000);
    const before = await watch.playout();
    for (let turn = 1; turn <= SWITCHES; turn++) {
        const [last, next] = [pions[(turn - 1) % SPEAKERS]!, pions[turn % SPEAKERS]!];
        const from = next.happened.length;
        // All of them send on, so that there is no pause but the server's own.
        next.tell('do unmute');
        await next.hears('user_unmuted', (data) => data.session_id === next.session, from);
        last.tell('do mute');
        await sleep(TURN_MS);
    }
    const after = await until('fresh statistics', async () => {
        const now = await watch.playout();
        return now.packets > before.packets + SWITCHES && now;
    });
    const switches = (await watch.switches()).slice(1);
    const late = switches.map((one) => (one.toldAt ?? Infinity) - one.heardAt).sort((a, b) => a - b);
    const concealed = (after.concealed - after.silent - before.concealed + before.silent) / (after.samples - before.samples) * 1_000;
    const quiet = (before.concealed - start.concealed) / (before.samples - start.samples) * 1_000;
    const [depthBefore, depthAfter] = [depth(start, before), depth(before, after)];
    console.info({
        switches: switches.length, concealed, concealedBefore: quiet, depthBefore, depthAfter,
        lost: after.lost - before.lost, discarded: after.discarded - before.discarded,
        toldMs: {p50: late[Math.floor(late.length / 2)], p90: late[Math.floor(late.length * 0.9)], max: late.at(-1)},
    });
    expect(switches.length).toBeGreaterThanOrEqual(SWITCHES - 1);
    expect(after.lost - before.lost, 'lost').toBe(0);
    expect(concealed, 'concealed, in thousand').toBeLessThan(CONCEALED_MAX);
    expect(depthAfter, 'jitter buffer, ms').toBeLessThan(depthBefore * DEEPER_SHARE + DEEPER_MAX);
    expect(late[Math.floor(late.length * 0.9)], 'told after ms').toBeLessThan(TOLD_MAX);
}, SWITCHES * (TURN_MS + 2_000) + 120_000);
