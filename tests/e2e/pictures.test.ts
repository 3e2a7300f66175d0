// Screen and camera: the number drawn in the picture arrives and goes up; nothing is left when it stops.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('a shared screen is seen, only one at a time, and is gone after "Stop sharing"', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();

    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    expect(await bob.control('Share screen').getAttribute('aria-disabled')).toBe('true');

    await alice.control('Stop sharing').click();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
    expect(await alice.page.evaluate(() => window.instruments.live().video)).toBe(0);

    await bob.control('Share screen').click();
    await alice.sees('Screen of Bob Berg');
});

it('cameras are seen by the others, beside a screen', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();

    await bob.control('Turn camera on').click();
    await alice.sees('Camera of Bob Berg');
    await alice.control('Turn camera on').click();
    await bob.sees('Camera of Alice Adler');
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    await bob.sees('Camera of Alice Adler');

    await bob.control('Turn camera off').click();
    await alice.page.locator('figure[aria-label="Camera of Bob Berg"]').waitFor({state: 'detached'});
    expect(await bob.page.evaluate(() => window.instruments.live().video)).toBe(0);
});
