// What the server says of its own streams arrives and is true, and nothing is lost however long it goes.
// PARLEY_MINUTES=24 sees every slot's sequence numbers wrap (once, by hand: 70,000 packets).
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();
const MINUTES = Number(process.env.PARLEY_MINUTES ?? '0.25');

it('sender reports fit the packets, and none is lost or refused', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.hears(alice);

    const before = await bob.voiceStats();
    await bob.page.waitForTimeout(MINUTES * 60_000);
    const after = await bob.voiceStats();

    const received = after.received - before.received;
    expect(received).toBeGreaterThan(MINUTES * 60 * 45);
    expect(after.lost - before.lost).toBeLessThanOrEqual(received / 1_000);
    // A report is at most five seconds and a bit old, and its own way is short.
    expect(after.reports - before.reports).toBeGreaterThanOrEqual(Math.floor(MINUTES * 60 * 0.16));
    expect(Math.abs(after.sent - after.received)).toBeLessThanOrEqual(320);
    await bob.hears(alice);
    console.log('voice', {received, lost: after.lost - before.lost, reports: after.reports - before.reports});
}, 90_000 + MINUTES * 60_000);
