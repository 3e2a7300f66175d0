// The desktop app: a window for one call, its screen picker, and what opens that window otherwise. The shell is
// mocked (`support/desktop.ts`); platform, browser and media are real.
import type {Page} from 'playwright-core';
import {expect, it} from 'vitest';

import {asked, fire, withShell} from './support/desktop';
import type {Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';
import {until} from './support/until';

const stage = useStage();

/** The channel of the one call that runs. */
const runningChannel = (person: Person): Promise<string> => person.page.evaluate(async () => {
    const answer = await fetch('/plugins/app.parley.calls/channels');
    return (await answer.json() as {channel_id: string; call?: unknown}[]).find((channel) => channel.call)?.channel_id ?? '';
});

interface CallWindow {
    page: Page;
    /** What the browser complained about. */
    complaints: string[];
    control: (name: string) => ReturnType<Page['getByRole']>;
}

/** As the shell opens it. `permitted`: the app's main window wished for it, and says so as our page does. */
async function openWindow(person: Person, channelId: string, permitted: boolean): Promise<CallWindow> {
    if (permitted) {
        await person.page.evaluate((id) => localStorage.setItem('parley.calls.window', JSON.stringify({channelId: id, muted: true, at: Date.now()})), channelId);
    }
    const page = await person.context.newPage();
    await page.setViewportSize({width: 320, height: 90});
    const complaints: string[] = [];
    page.on('console', (message) => {
        if (message.type() === 'error') {
            complaints.push(message.text());
        }
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`${new URL(person.page.url()).origin}/plugins/app.parley.calls/standalone/widget.html?call_id=${channelId}&title=&root_id=`);
    return {page, complaints, control: (name) => page.locator('section[aria-label="Call"]').getByRole('button', {name, exact: true})};
}

const connected = (page: Page): Promise<void> => page.locator('section[aria-label="Call"][data-phase="connected"]').waitFor();

/** The window gets the size that the page wants, as the shell gives it. */
async function resize(page: Page): Promise<void> {
    await until('the window has the size that it asked for', async () => {
        const [width, height] = await asked(page, 'resizeCallsWidget') as [number, number];
        const now = page.viewportSize();
        if (now?.width === width && now.height === height) {
            return true;
        }
        await page.setViewportSize({width, height});
        return false;
    }, {within: 5_000, every: 300});
}

it('a window for the call: sound, controls, a shared screen, leaving', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await withShell(alice.context);
    await bob.startCall();
    const channelId = await runningChannel(bob);
    const {page, complaints, control} = await openWindow(alice, channelId, true);
    await connected(page);
    const session = await page.locator('section[aria-label="Call"]').getAttribute('data-session');
    expect(await asked(page, 'callsWidgetConnected')).toEqual([channelId, session]);
    await control('Unmute').click();
    await bob.hears(alice);
    await resize(page);
    await takeBoth(page, '60_call_window');

    await bob.control('Turn camera on').click();
    await page.locator('figure[aria-label="Camera of Bob Berg"] video').waitFor();
    await control('Share screen').click();
    await asked(page, 'openScreenShareModal');
    // Nothing is shared yet, and whoever cancels there can try again here.
    expect(await control('Share screen').getAttribute('aria-disabled')).toBe('false');
    await fire(page, 'onScreenShared', 'screen:0:0', false);
    await bob.sees('Screen of Alice Adler');
    await resize(page);
    await takeBoth(page, '61_call_window_pictures');
    await control('Stop sharing').click();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
    const [view] = await Promise.all([alice.context.waitForEvent('page'), control('Open in own window').click()]);
    await view.locator('figure[aria-label="Camera of Bob Berg"] video').waitFor();
    await until('the picture moves in the larger view\'s window', () => view.locator('figure[aria-label="Camera of Bob Berg"] video').
        evaluate((video) => (video as HTMLVideoElement).currentTime > 0));
    await Promise.all([view.waitForEvent('close'), view.getByRole('button', {name: 'Back to the page', exact: true}).click()]);
    await control('Devices').click();
    await page.getByRole('menu').waitFor();
    await resize(page);
    await takeBoth(page, '62_call_window_devices');
    await page.keyboard.press('Escape');
    await control('Minimise').click();
    await resize(page);
    await takeBoth(page, '63_call_window_small');

    await control('Leave call').click();
    await asked(page, 'leaveCall');
    await bob.hearsNoLonger(alice);
    expect(await page.evaluate(() => window.shell.calls.filter(([name]) => name === 'sendCallsError'))).toEqual([]);
    expect(complaints, 'what the browser refused').toEqual([]);
});

it('the main window hears why the call ended', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await withShell(alice.context);
    await bob.startCall();
    const channelId = await runningChannel(bob);
    const {page} = await openWindow(alice, channelId, true);
    await connected(page);
    await bob.say('/call end');
    expect(await asked(page, 'sendCallsError')).toEqual(['client-info', channelId, 'The call was ended.']);
    await asked(page, 'leaveCall');
});

it('a window that nobody here wished for asks first, and nobody else\'s page has it in a frame', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await withShell(alice.context);
    await bob.startCall();
    const channelId = await runningChannel(bob);
    const {page, control} = await openWindow(alice, channelId, false);
    const question = page.getByRole('dialog', {name: 'Join the call?'});
    await question.waitFor();
    await resize(page);
    await takeBoth(page, '64_call_window_question');
    expect(await page.locator('section[aria-label="Call"]').count()).toBe(0);
    await question.getByRole('button', {name: 'Not now'}).click();
    await asked(page, 'leaveCall');
    await page.reload();
    await question.getByRole('button', {name: 'Join call'}).click();
    await connected(page);
    expect(await page.evaluate(() => window.shell.calls.filter(([name]) => name === 'leaveCall'))).toEqual([]);
    await control('Leave call').click();
    await asked(page, 'leaveCall');
    await page.close();

    const answer = await fetch(`${stage.platform.address}/plugins/app.parley.calls/standalone/widget.html?call_id=${channelId}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    const framed = await alice.page.evaluate(async (id) => {
        const frame = document.createElement('iframe');
        frame.src = `/plugins/app.parley.calls/standalone/widget.html?call_id=${id}`;
        document.body.append(frame);
        await new Promise((resolve) => {
            frame.onload = resolve;
        });
        try {
            return frame.contentDocument?.querySelector('script') !== null && frame.contentDocument !== null;
        } catch {
            return false;
        }
    }, channelId);
    expect(framed).toBe(false);
});

it('without a session, or for another\'s channel, the window says so', async () => {
    const stranger = await stage.person({name: 'Stranger', tone: 300, hue: 60});
    const url = (id: string): string => `${stage.platform.address}/plugins/app.parley.calls/standalone/widget.html?call_id=${id}`;
    await stranger.page.goto(url('a'.repeat(26)));
    await stranger.page.getByRole('alert').filter({hasText: 'Sign in to the chat first'}).waitFor();
    const bob = await stage.bob();
    for (const id of ['a'.repeat(26), '../../x', '']) {
        await bob.page.goto(url(id));
        await bob.page.getByRole('alert').filter({hasText: 'There is no such call'}).waitFor();
    }
});

it('in the page of the app\'s main window, the screen is chosen from its list', async () => {
    const alice = await stage.alice();
    await withShell(alice.context);
    await alice.page.reload();
    const bob = await stage.bob();
    await bob.startCall();
    await alice.joinByPost();
    await alice.control('Share screen').click();
    const picker = alice.page.getByRole('dialog', {name: 'Share your screen'});
    await picker.getByRole('radio').nth(2).waitFor();
    await takeBoth(alice.page, '65_screen_picker');
    await picker.getByRole('button', {name: 'Cancel'}).click();
    expect(await alice.page.evaluate(() => window.instruments.opened.video)).toBe(0);
    await alice.control('Share screen').click();
    await picker.getByText('Terminal').click();
    await picker.getByRole('button', {name: 'Share', exact: true}).click();
    await bob.sees('Screen of Alice Adler');
    await alice.control('Stop sharing').click();
    await bob.page.locator('figure[aria-label="Screen of Alice Adler"]').waitFor({state: 'detached'});
});
