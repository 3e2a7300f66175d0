// The instruments themselves: what they measure on a connection inside one page is what was sent.
// When this fails, no other result of these tests means anything.
import type {Browser} from 'playwright-core';
import {afterAll, beforeAll, expect, it} from 'vitest';

import {launch} from './support/browser';
import {ALICE, Person} from './support/person';
import {until} from './support/until';

let browser: Browser;
beforeAll(async () => {
    browser = await launch();
});
afterAll(() => browser.close());

it('a tone is heard at its frequency, a picture\'s number is read, and neither from a track that is off', async () => {
    const alice = await Person.open(browser, ALICE);
    await alice.page.route('http://localhost/', (route) => route.fulfill({contentType: 'text/html', body: '<figure aria-label="Test"></figure>'}));
    await alice.page.goto('http://localhost/');
    await alice.page.evaluate(async () => {
        const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
        here.onicecandidate = (event) => void there.addIceCandidate(event.candidate ?? undefined);
        there.onicecandidate = (event) => void here.addIceCandidate(event.candidate ?? undefined);
        const sound = await navigator.mediaDevices.getUserMedia({audio: true});
        const screen = await navigator.mediaDevices.getDisplayMedia({video: true});
        there.ontrack = ({track}) => {
            const element = document.createElement(track.kind) as HTMLMediaElement;
            element.srcObject = new MediaStream([track]);
            element.muted = track.kind === 'video';
            document.querySelector('figure')!.append(element);
            void element.play();
        };
        for (const track of [...sound.getTracks(), ...screen.getTracks()]) {
            here.addTrack(track, sound);
        }
        await here.setLocalDescription();
        await there.setRemoteDescription(here.localDescription!);
        await there.setLocalDescription();
        await here.setRemoteDescription(there.localDescription!);
        Object.assign(window, {sent: sound.getAudioTracks()[0], shown: screen.getVideoTracks()[0]});
    });
    await alice.hears(alice);
    await alice.sees('Test');
    const before = await alice.audioStats();
    expect(before.packets).toBeGreaterThan(0);

    await alice.page.evaluate(() => {
        (window as unknown as {sent: MediaStreamTrack}).sent.enabled = false;
    });
    await alice.hearsNoLonger(alice);
    await until('packets go on', async () => (await alice.audioStats()).packets > before.packets + 20);

    await alice.page.evaluate(() => {
        (window as unknown as {shown: MediaStreamTrack}).shown.enabled = false;
    });
    await until('the picture is black', async () => await alice.counter('Test') === 0);
    await expect(alice.sees('Test', 2_000)).rejects.toThrow('sees "Test" move');
    await alice.close();
});
