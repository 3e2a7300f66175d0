// The menu of microphones, speakers and cameras: what is chosen is used at once, and the others notice nothing else.
import {expect, it} from 'vitest';
import type {Locator} from 'playwright-core';

import type {Person} from './support/person';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();
/** Of a microphone that was chosen from the list; the person's own tone is that of the default. */
const CHOSEN_TONE_HZ = 650;

const menu = (person: Person): Locator => person.page.getByRole('menu', {name: 'Devices'});
const group = (person: Person, name: string): Locator => menu(person).getByRole('group', {name});
const option = (person: Person, kind: string, at: number): Locator => group(person, kind).getByRole('menuitemradio').nth(at);

async function openMenu(person: Person): Promise<void> {
    await person.control('Devices').click();
    await menu(person).waitFor();
    await until('the devices are listed', async () => await group(person, 'Microphone').getByRole('menuitemradio').count() > 2);
}

async function choose(person: Person, kind: string, at: number): Promise<string> {
    await openMenu(person);
    const label = await option(person, kind, at).innerText();
    await option(person, kind, at).click();
    await menu(person).waitFor({state: 'detached'});
    return label;
}

async function isChosen(person: Person, kind: string, label: string): Promise<void> {
    await openMenu(person);
    await group(person, kind).getByRole('menuitemradio', {name: label, checked: true}).waitFor();
    expect(await group(person, kind).getByRole('menuitemradio', {checked: true}).count()).toBe(1);
    await person.page.keyboard.press('Escape');
}

/** Chosen devices are really opened, to see that the browser has them; what they give is another tone. */
async function listenToChoice(person: Person): Promise<void> {
    await person.page.evaluate((tone) => {
        const devices = navigator.mediaDevices;
        const open = Reflect.get(MediaDevices.prototype, 'getUserMedia') as MediaDevices['getUserMedia'];
        const instead = devices.getUserMedia.bind(devices);
        devices.getUserMedia = async (wanted) => {
            if (typeof wanted?.audio !== 'object' || wanted.audio.deviceId === undefined) {
                return instead(wanted);
            }
            const real = await open.call(devices, wanted);
            const context = new AudioContext();
            const oscillator = new OscillatorNode(context, {frequency: tone});
            const out = context.createMediaStreamDestination();
            oscillator.connect(out);
            oscillator.start();
            const track = out.stream.getAudioTracks()[0]!;
            const stop = track.stop.bind(track);
            track.stop = () => {
                real.getTracks().forEach((one) => one.stop());
                void context.close();
                stop();
            };
            return out.stream;
        };
    }, CHOSEN_TONE_HZ);
}

/** Offers that this page has made or answered: one more than before means that something was negotiated. */
const negotiations = (person: Person): Promise<number> => person.page.evaluate(() =>
    window.instruments.connections.reduce((sum, one) => sum + Number(/^o=\S+ \S+ (\d+)/m.exec(one.localDescription?.sdp ?? '')?.[1]), 0));

it('the listener hears on after the microphone was changed, without negotiation, and after the sidecar was killed', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await listenToChoice(alice);
    await alice.unmute();
    await bob.hears(alice);

    const before = await negotiations(alice);
    const label = await choose(alice, 'Microphone', 2);
    await bob.hearsTone(CHOSEN_TONE_HZ);
    expect(await bob.hearsNow(alice.tone), 'the old microphone').toBe(false);
    expect(await negotiations(alice)).toBe(before);
    await isChosen(alice, 'Microphone', label);
    expect(await alice.control('Mute').count()).toBe(1);

    await alice.mute();
    await until('silence', async () => !await bob.hearsNow(CHOSEN_TONE_HZ));
    await choose(alice, 'Microphone', 0);
    expect(await alice.control('Unmute').count(), 'still muted').toBe(1);
    await alice.unmute();
    await bob.hears(alice);

    await choose(alice, 'Microphone', 2);
    await bob.hearsTone(CHOSEN_TONE_HZ);
    const connections = await alice.connectionCount();
    stage.platform.killSidecar();
    await until('a new connection', async () => await alice.connectionCount() > connections);
    await alice.inCall();
    await bob.hearsTone(CHOSEN_TONE_HZ);
    await isChosen(alice, 'Microphone', label);
});

it('the picture goes on after the camera was changed', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.control('Turn camera on').click();
    await bob.sees('Camera of Alice Adler');
    const opened = await alice.page.evaluate(() => window.instruments.opened.video);
    await choose(alice, 'Camera', 1);
    await until('the other one is open, and only that', () => alice.page.evaluate(
        (count) => window.instruments.opened.video === count + 1 && window.instruments.live().video === 1, opened));
    await bob.sees('Camera of Alice Adler');
    await alice.sees('Your camera');
});

it('a device that is refused is explained, and the one before goes on', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.hears(alice);
    await alice.page.evaluate(() => {
        window.instruments.refuse.audio = true;
    });
    await choose(alice, 'Microphone', 1);
    await alice.page.getByText('Unable to access the microphone.').waitFor();
    await isChosen(alice, 'Microphone', 'System default');
    expect(await bob.hearsNow(alice.tone)).toBe(true);
});

it('names appear with the permission', async () => {
    const alice = await stage.alice({withoutPermissions: true});
    await alice.startCall();
    await alice.control('Devices').click();
    await menu(alice).getByText('More devices appear once this page may use one.').first().waitFor();
    expect(await group(alice, 'Microphone').getByRole('menuitemradio').count()).toBe(1);
    await alice.page.keyboard.press('Escape');
    await alice.context.grantPermissions(['microphone', 'camera']);
    await alice.unmute();
    await openMenu(alice);
    expect(await menu(alice).getByText('More devices appear').count()).toBe(0);
});

it('the speaker is that of all voices', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await bob.hears(alice);
    await openMenu(bob);
    const speakers = await group(bob, 'Speaker').getByRole('menuitemradio').count();
    await bob.page.keyboard.press('Escape');
    console.info(`${speakers} speakers`);
    expect(speakers).toBeGreaterThan(1);
    await choose(bob, 'Speaker', 1);
    const sinks = (): Promise<string[]> => bob.page.evaluate(() =>
        [...document.querySelectorAll('audio')].map((element) => element.sinkId));
    await until('all elements play there', async () => {
        const all = await sinks();
        return all.length > 0 && all.every((sink) => sink !== '' && sink === all[0]);
    }, {seen: sinks});
    await bob.hears(alice);
});

it('by the keyboard: arrow keys, Escape, and the focus is back at the button', async () => {
    const alice = await stage.alice();
    await alice.startCall();
    const focused = (): Promise<string> => alice.page.evaluate(() => document.activeElement?.textContent ?? '');
    const onButton = (): Promise<boolean> => alice.control('Devices').evaluate((element) => element === document.activeElement);
    for (const mode of ['widget', 'large']) {
        await alice.control('Devices').focus();
        await alice.page.keyboard.press('Enter');
        await until('the devices are listed', async () => await group(alice, 'Microphone').getByRole('menuitemradio').count() > 2);
        expect(await focused(), mode).toBe('System default');
        await alice.page.keyboard.press('ArrowDown');
        const second = await option(alice, 'Microphone', 1).innerText();
        expect(await focused()).toBe(second);
        await alice.page.keyboard.press('End');
        expect(await focused()).toBe(await group(alice, 'Camera').getByRole('menuitemradio').last().innerText());
        await alice.page.keyboard.press('ArrowDown');
        expect(await option(alice, 'Microphone', 0).evaluate((element) => element === document.activeElement), 'round the end').toBe(true);
        await alice.page.keyboard.press('Escape');
        await menu(alice).waitFor({state: 'detached'});
        expect(await onButton()).toBe(true);
        expect(await alice.page.getByRole('dialog', {name: 'Call'}).count(), 'the larger view stays').toBe(mode === 'large' ? 1 : 0);

        await alice.page.keyboard.press('Enter');
        await menu(alice).waitFor();
        await alice.page.keyboard.press('ArrowDown');
        await alice.page.keyboard.press('Space');
        await menu(alice).waitFor({state: 'detached'});
        expect(await onButton()).toBe(true);
        await isChosen(alice, 'Microphone', second);
        await choose(alice, 'Microphone', 0);
        if (mode === 'widget') {
            await alice.control('Larger view').click();
        }
    }
});
