// Chromium, and one context per person.
import {chromium, type Browser, type BrowserContext} from 'playwright-core';

import {installInstruments, type PageSettings} from './in_page';
import {chromiumPath} from './paths';

export async function launch(moreArgs: string[] = []): Promise<Browser> {
    return chromium.launch({
        executablePath: chromiumPath,
        args: [
            '--headless',
            '--no-sandbox',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
            // Several people on one machine: none of them is in the background.
            '--disable-renderer-backgrounding',
            '--disable-background-timer-throttling',
            '--disable-backgrounding-occluded-windows',
            // Devices to choose from, several of each kind; the instruments stand in for what they give.
            '--use-fake-device-for-media-stream=device-count=3',
            // The instruments listen before anybody clicked.
            '--autoplay-policy=no-user-gesture-required',
            ...moreArgs,
        ],
    });
}

export interface ContextOptions extends PageSettings {
    dark?: boolean;
    locale?: string;
    viewport?: {width: number; height: number};
    /** Granting devices fails on insecure pages. */
    withoutPermissions?: boolean;
}

export async function newContext(browser: Browser, options: ContextOptions): Promise<BrowserContext> {
    const context = await browser.newContext({
        colorScheme: options.dark ? 'dark' : 'light',
        locale: options.locale ?? 'en-US',
        viewport: options.viewport ?? {width: 1280, height: 800},
        ...options.withoutPermissions ? {} : {permissions: ['microphone', 'camera']},
    });
    context.setDefaultTimeout(20_000);
    await context.addInitScript(installInstruments, {tone: options.tone, hue: options.hue, flashWith: options.flashWith});
    return context;
}
