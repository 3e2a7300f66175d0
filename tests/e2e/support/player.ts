// A recording as the page plays it in its post.
import type {Locator} from 'playwright-core';

import type {Person} from './person';
import {until} from './until';

/** Opens the thread of a call; the players in it, in order. */
export async function playersOf(person: Person, callPostId: string): Promise<Locator> {
    const thread = person.page.getByRole('complementary');
    if (await thread.count() > 0) {
        await thread.getByRole('button', {name: 'Close', exact: true}).click();
    }
    const root = person.page.getByRole('main').locator(`[data-post-id="${callPostId}"]`);
    await root.hover();
    await root.getByRole('button', {name: 'Reply', exact: true}).click();
    const found = thread.locator('.post-file video');
    await found.first().waitFor();
    return found;
}

/** Its length, once the browser knows it; in s. */
export async function lengthOf(player: Locator): Promise<number> {
    return until('the player knows the length', async () => {
        const [length, error] = await player.evaluate((element) => {
            const {duration, error: failure} = element as HTMLVideoElement;
            return [Number.isFinite(duration) ? duration : 0, failure?.message ?? ''] as const;
        });
        if (error !== '') {
            throw new Error(`the browser cannot play it: ${error}`);
        }
        return length > 0 && length;
    });
}

/** Plays from a moment on, until it has come further by a second. */
export async function playsFrom(player: Locator, at: number): Promise<void> {
    const reached = await player.evaluate(async (element, from) => {
        const media = element as HTMLVideoElement;
        media.muted = true;
        media.currentTime = from;
        await new Promise((resolve, reject) => {
            media.onseeked = resolve;
            media.onerror = () => reject(new Error(media.error?.message));
            setTimeout(() => reject(new Error(`no seek to ${from}`)), 10_000);
        });
        const sought = media.currentTime;
        await media.play();
        await new Promise<void>((resolve, reject) => {
            media.ontimeupdate = () => {
                if (media.currentTime > sought + 1) {
                    resolve();
                }
            };
            setTimeout(() => reject(new Error(`stands at ${media.currentTime}`)), 10_000);
        });
        media.pause();
        return sought;
    }, at);
    if (Math.abs(reached - at) > 0.1) {
        throw new Error(`sought ${at} s, came to ${reached} s`);
    }
}

/** What the instruments read in the picture that is shown now; -1 = nothing. */
export const numberIn = (player: Locator): Promise<number> =>
    player.evaluate((element) => window.instruments.readCounter(element as HTMLVideoElement));
