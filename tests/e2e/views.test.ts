// Every view, light and dark, for target/screens/index.html. The test is that each view can be reached;
// whether it looks right is for people.
import {it} from 'vitest';

import {ALICE, type Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();
const LARGE = {width: 1280, height: 800};

const NARROW = {width: 380, height: 700};

/** The menu with its devices in it. */
async function devices(person: Person, label: string): Promise<void> {
    await until('the devices are listed', async () =>
        await person.page.getByRole('menu', {name: label}).getByRole('menuitemradio').count() > 6);
}

const both = (person: Person, view: string): Promise<void> => takeBoth(person.page, view);

it('sign-in, and a channel that is not there', async () => {
    const stranger = await stage.person({...ALICE, name: 'Stranger'});
    await stranger.page.goto(`${stage.platform.localAddress}/demo/channels/lounge`);
    await stranger.button('Sign in').waitFor();
    await both(stranger, '01_sign_in');
    await stranger.page.getByLabel('User name or e-mail').fill('nobody');
    await stranger.page.getByLabel('Password').fill('wrong-password');
    await stranger.button('Sign in').click();
    await stranger.page.getByRole('alert').filter({hasText: /\S/}).waitFor();
    await both(stranger, '02_sign_in_refused');
    const alice = await stage.alice();
    await alice.page.goto(`${stage.platform.localAddress}/demo/channels/nothing-here`);
    await alice.page.getByRole('heading', {name: 'Channel not found'}).waitFor();
    await both(alice, '03_channel_not_found');
});

it('the call from the first command to its end', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await bob.say('Good morning! Shall we look at the **draft** together?');
    await alice.say('Yes, one moment: see https://example.org/draft and `notes.md`.');
    await alice.messageBox.pressSequentially('/call ');
    await alice.page.getByRole('option').first().waitFor();
    await both(alice, '10_commands');
    await alice.page.keyboard.press('Escape');
    await alice.startCall('Draft');
    await both(alice, '11_alone_in_the_call');
    await alice.control('Larger view').click();
    await both(alice, '11_alone_large');
    await alice.control('Smaller view').click();

    await bob.page.locator('.post').getByRole('button', {name: 'Join call'}).waitFor();
    await both(bob, '12_call_post_of_the_others');
    await bob.joinByPost();
    await alice.unmute();
    await bob.hears(alice);
    await both(bob, '13_call_widget_voice');
    await alice.control('Devices').click();
    await devices(alice, 'Devices');
    await both(alice, '13_devices');
    await alice.page.keyboard.press('Escape');
    await bob.control('Larger view').click();
    await both(bob, '13_voice_large');
    await bob.control('Devices').click();
    await devices(bob, 'Devices');
    await both(bob, '13_voice_large_devices');
    await bob.page.keyboard.press('Escape');
    await bob.page.setViewportSize(NARROW);
    await both(bob, '13_voice_large_narrow');
    await bob.control('Devices').click();
    await devices(bob, 'Devices');
    await both(bob, '13_voice_large_narrow_devices');
    await bob.page.keyboard.press('Escape');
    await bob.control('Smaller view').click();
    await bob.control('Devices').click();
    await devices(bob, 'Devices');
    await both(bob, '13_devices_narrow');
    await bob.page.keyboard.press('Escape');
    await bob.page.setViewportSize(LARGE);
    await bob.control('Minimise').click();
    await both(bob, '14_minimised');
    await bob.control('Show call').click();

    await alice.control('Turn camera on').click();
    await bob.control('Turn camera on').click();
    await bob.sees('Camera of Alice Adler');
    await both(bob, '15_cameras');
    await bob.control('Larger view').click();
    await bob.sees('Camera of Alice Adler');
    await both(bob, '16_cameras_large');
    await bob.page.setViewportSize(NARROW);
    await both(bob, '16_cameras_large_narrow');
    await bob.page.setViewportSize(LARGE);
    await alice.control('Share screen').click();
    await bob.sees('Screen of Alice Adler');
    await both(bob, '17_screen_large');
    await bob.control('Smaller view').click();
    await both(bob, '18_screen_in_the_widget');
    await both(alice, '19_own_screen');
    await bob.page.setViewportSize({width: 390, height: 780});
    await both(bob, '20_narrow');
    await bob.page.setViewportSize(LARGE);

    await alice.control('End call').click();
    await alice.page.getByRole('dialog', {name: 'End the call for everyone?'}).waitFor();
    await both(alice, '21_end_question');
    await alice.button('End for everyone').click();
    await bob.call.waitFor({state: 'detached'});
    await bob.page.getByText('The call was ended.').waitFor();
    await both(bob, '22_ended');
});

it('somebody whose connection is lost', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.startCall();
    await bob.joinByPost();
    await bob.page.close();
    await alice.call.getByRole('img', {name: 'Reconnecting'}).waitFor();
    await both(alice, '23_reconnecting');
    await alice.say('/call end');
    await alice.call.waitFor({state: 'detached'});
});

it('link, answers of the server, thread, German', async () => {
    const alice = await stage.alice();
    await alice.say('/call link');
    const link = alice.page.locator('.post').last().getByRole('link');
    const address = new URL(await link.getAttribute('href') ?? '');
    await alice.say('/call help');
    await alice.page.locator('.post').filter({hasText: 'shows this help'}).last().waitFor();
    await both(alice, '30_answers_of_the_server');
    await alice.page.goto(`${stage.platform.localAddress}${address.pathname}`);
    await alice.page.getByRole('dialog', {name: 'Join the call?'}).waitFor();
    await both(alice, '31_link_question');
    await alice.button('Not now').click();
    await alice.page.locator('.post').first().hover();
    await alice.page.locator('.post').first().getByRole('button', {name: 'Reply'}).click();
    await alice.page.getByRole('complementary').getByRole('textbox').fill('I come a little later.');
    await alice.page.getByRole('complementary').getByRole('button', {name: 'Send'}).click();
    await alice.page.getByRole('complementary').getByText('I come a little later.').waitFor();
    await both(alice, '32_thread');
    await alice.page.getByRole('complementary').getByRole('button', {name: 'Close'}).click();
    await alice.button('Your account').click();
    await alice.page.getByLabel('Language').selectOption('de');
    await alice.page.getByRole('heading', {name: 'Kanäle'}).waitFor();
    await both(alice, '33_german');
    await alice.page.getByRole('main').getByRole('button', {name: 'Anruf starten', exact: true}).first().click();
    await alice.page.locator('section[aria-label="Anruf"][data-phase="connected"]').waitFor();
    await alice.button('Geräte').click();
    await devices(alice, 'Geräte');
    await both(alice, '34_german_devices');
    await alice.page.keyboard.press('Escape');
    await alice.button('Größere Ansicht').click();
    await both(alice, '35_german_large');
    await alice.button('Anruf verlassen').click();
});
