// Simulcast: whoever shows a camera small gets the low layer of it, whoever shows it large the high one,
// and the picture moves on through every change.
import {expect, it} from 'vitest';

import type {Person} from './support/person';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();
const CAMERA = 'Camera of Bob Berg';
/** Heights of the layers of a camera of 640x360. */
const LOW = 180;
const HIGH = 360;

/** Height of the picture as it arrives. */
const height = (viewer: Person): Promise<number> =>
    viewer.page.locator(`figure[aria-label="${CAMERA}"] video`).evaluate((video) => (video as HTMLVideoElement).videoHeight);

/** Waits for the layer, and sees that the picture never stood still for long on the way there. */
async function arrives(viewer: Person, wanted: number): Promise<void> {
    let counter = -1;
    let movedAt = performance.now();
    let longest = 0;
    await until(`the layer of height ${wanted}`, async () => {
        const now = await viewer.counter(CAMERA);
        if (now >= 0 && now !== counter) {
            longest = Math.max(longest, performance.now() - movedAt);
            movedAt = performance.now();
            counter = now;
        }
        return await height(viewer) === wanted;
    }, {within: 30_000, seen: () => height(viewer)});
    await viewer.sees(CAMERA);
    expect(longest, 'longest standstill, ms').toBeLessThan(4_000);
}

/** For three seconds: a machine that stood still meanwhile has a narrow link, as far as the server can tell. */
async function stays(viewer: Person, wanted: number): Promise<void> {
    let since = performance.now();
    await until(`it stays at ${wanted} lines`, async () => {
        if (await height(viewer) !== wanted) {
            since = performance.now();
        }
        return performance.now() - since > 3_000;
    }, {within: 15_000, seen: () => height(viewer)});
}

it('a small tile gets the low layer, the large view the high one', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await bob.control('Turn camera on').click();
    await alice.sees(CAMERA);

    await arrives(alice, LOW);
    await stays(alice, LOW);
    await alice.control('Larger view').click();
    await arrives(alice, HIGH);
    await stays(alice, HIGH);
    await alice.control('Smaller view').click();
    await arrives(alice, LOW);

    await alice.say('/call stats');
    const answer = alice.page.locator('.post .post-message__text').filter({hasText: /^\{/});
    await answer.last().waitFor();
    const {tracks} = JSON.parse(await answer.last().innerText()) as {tracks: {kind: string; direction: string; layer?: string}[]};
    expect(tracks.find((track) => track.kind === 'video' && track.direction === 'down')?.layer).toBe('l');
});
