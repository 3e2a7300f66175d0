// The main thing: Alice starts a call, Bob joins from the post, they hear each other, and mute mutes.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('two people hear each other, each by their own tone, and not after mute', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();

    await alice.unmute();
    await bob.hears(alice);
    expect(await alice.hearsNow(bob.tone), 'Bob joined muted').toBe(false);
    await bob.unmute();
    await alice.hears(bob);
    expect(await alice.hearsNow(alice.tone), 'Alice must not hear herself').toBe(false);

    await alice.mute();
    await bob.hearsNoLonger(alice);
    await alice.hears(bob);
    await alice.unmute();
    await bob.hears(alice);

    expect(alice.console.some((line) => line.includes('rtc connected'))).toBe(true);
    await bob.leave();
    await alice.hearsNoLonger(bob);
    await alice.leave();
    await alice.page.locator('.post').getByText('Call ended').first().waitFor();
});

it('the browser opens the microphone at the first unmute only, and closes it at the end', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    expect(await alice.page.evaluate(() => window.instruments.opened.audio)).toBe(0);
    await alice.unmute();
    expect(await alice.page.evaluate(() => window.instruments.live().audio)).toBe(1);
    await alice.leave();
    expect(await alice.page.evaluate(() => window.instruments.live().audio)).toBe(0);
});
