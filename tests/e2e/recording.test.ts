// A recording as people live it: who starts it, what everybody sees and hears of it, and what is in the thread then.
import {expect, it} from 'vitest';

import {keepHearing, wasHeard} from './support/hearing_log';
import type {Person} from './support/person';
import {lengthOf, numberIn, playersOf, playsFrom} from './support/player';
import {newPost} from './support/recording_run';
import {callOf, recordingPosts} from './support/recordings';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';
import {sleep, until} from './support/until';

const stage = useStage();
/** Of the chime, which nobody's tones are near. */
const CHIME_HZ = [659, 988];
const NARROW = {width: 380, height: 700};
const LARGE = {width: 1280, height: 800};

const badge = (person: Person) => person.call.getByRole('img', {name: 'This call is being recorded'});
const told = (person: Person, text: RegExp) => person.call.getByRole('alert').filter({hasText: text});

const chimes = (person: Person, since: number) =>
    until(`${person.name} hears the chime`, () => wasHeard(person, CHIME_HZ, since));

it('is seen and heard by everybody, who may stay or leave, and is played in the thread', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall('Draft');
    await bob.joinByPost();
    await Promise.all([alice.unmute(), bob.unmute()]);
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    const {channelId, call} = await callOf(alice);
    expect(await bob.control('Record call').count(), 'Bob is not the host').toBe(0);

    await Promise.all([keepHearing(alice), keepHearing(bob)]);
    const startedAt = Date.now();
    // With the keyboard, as any button.
    await alice.control('Record call').focus();
    await alice.page.keyboard.press('Enter');
    await Promise.all([chimes(alice, startedAt), chimes(bob, startedAt)]);
    await told(bob, /This call is being recorded.*If you stay, you agree to that/).waitFor();
    await told(alice, /The recording has started/).waitFor();
    await Promise.all([badge(alice).waitFor(), badge(bob).waitFor()]);
    await bob.page.getByRole('navigation').getByRole('img', {name: /being recorded/}).first().waitFor();
    await takeBoth(alice.page, '80_recording_host');
    await takeBoth(bob.page, '81_recording_question');
    await bob.control('Larger view').click();
    await takeBoth(bob.page, '82_recording_question_large');
    await bob.control('Smaller view').click();
    await bob.page.setViewportSize(NARROW);
    await takeBoth(bob.page, '83_recording_question_narrow');
    await bob.page.setViewportSize(LARGE);
    await alice.control('OK').click();
    await bob.control('Stay').click();
    await told(bob, /If you stay/).waitFor({state: 'detached'});
    expect(await badge(bob).count(), 'still to be seen').toBe(1);

    // Who comes late is asked, too, and may leave again.
    await bob.leave();
    await bob.joinByPost();
    await told(bob, /If you stay/).waitFor();
    await bob.control('Leave').click();
    await bob.call.waitFor({state: 'detached'});
    await bob.joinByPost();
    await bob.control('Stay').click();

    const stoppedAt = Date.now();
    await alice.control('Stop recording').click();
    await Promise.all([chimes(alice, stoppedAt), chimes(bob, stoppedAt)]);
    for (const person of [alice, bob]) {
        await told(person, /The recording has stopped\. It will be posted in the call's thread\./).waitFor();
        await badge(person).waitFor({state: 'detached'});
    }
    await takeBoth(bob.page, '84_recording_over');

    const post = await newPost(bob, channelId, []);
    expect(post.root_id, 'it is in the call\'s thread').toBe(call.post_id);
    const player = (await playersOf(bob, call.post_id)).first();
    const length = await lengthOf(player);
    expect(length).toBeGreaterThan(2);
    await playsFrom(player, 0);
    expect(await numberIn(player), 'Alice\'s screen').toBeGreaterThanOrEqual(0);
    await playsFrom(player, length / 2);
    await takeBoth(bob.page, '86_recording_thread');
    await bob.page.setViewportSize(NARROW);
    await takeBoth(bob.page, '87_recording_thread_narrow');
});

it('of voices alone is a file that plays, and the next one can be started at once', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await Promise.all([alice.unmute(), bob.unmute()]);
    await alice.hears(bob);
    const {channelId, call} = await callOf(alice);
    const known = (await recordingPosts(bob, channelId)).length;
    for (let round = 0; round < 2; round++) {
        await alice.control('Record call').click();
        await badge(bob).waitFor();
        await bob.control('Stay').click();
        await sleep(2_500);
        await alice.control('Stop recording').click();
        await badge(bob).waitFor({state: 'detached'});
    }
    await until('both are posted', async () => (await recordingPosts(bob, channelId)).length === known + 2, {within: 60_000, every: 500});
    const shown = await playersOf(bob, call.post_id);
    expect(await shown.count()).toBe(2);
    const player = shown.last();
    expect(await lengthOf(player)).toBeGreaterThan(2);
    await playsFrom(player, 1);
    await bob.page.getByRole('complementary').getByText(/^(Alice Adler|Bob Berg)/).last().waitFor();
    await takeBoth(bob.page, '88_recording_of_voices');
});
