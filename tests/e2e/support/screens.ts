// Pictures of every view, for people to look at: target/screens/index.html.
import {mkdirSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Page} from 'playwright-core';

import {screensDir} from './paths';
import {sleep} from './until';

/** For the page to follow a change of the theme. */
const SETTLE_MS = 150;

/** `view` names the view, `look` the theme: files are `<view>--<look>.png`. */
export async function takeScreen(page: Page, view: string, look: string): Promise<void> {
    mkdirSync(screensDir, {recursive: true});
    await page.screenshot({path: join(screensDir, `${view}--${look}.png`), animations: 'disabled'});
}

/** The same view in both themes, without leaving it. */
export async function takeBoth(page: Page, view: string): Promise<void> {
    for (const look of ['light', 'dark'] as const) {
        await page.emulateMedia({colorScheme: look});
        await sleep(SETTLE_MS);
        await takeScreen(page, view, look);
    }
    await page.emulateMedia({colorScheme: 'light'});
}

/** Removes pictures whose names start with `prefix`; empty: all. */
export function clearScreens(prefix: string): void {
    mkdirSync(screensDir, {recursive: true});
    for (const file of readdirSync(screensDir).filter((name) => name.endsWith('.png') && name.startsWith(prefix))) {
        rmSync(join(screensDir, file));
    }
}

export function writeIndex(): void {
    const views = new Map<string, string[]>();
    for (const file of readdirSync(screensDir).filter((name) => name.endsWith('.png')).sort()) {
        const [view = '', look = ''] = file.replace('.png', '').split('--');
        views.set(view, [...views.get(view) ?? [], look]);
    }
    const sections = [...views].map(([view, looks]) => `<section><h2>${view.replaceAll('_', ' ')}</h2>${looks.
        map((look) => `<figure><a href="${view}--${look}.png"><img src="${view}--${look}.png" alt="${view}, ${look}"></a><figcaption>${look}</figcaption></figure>`).
        join('')}</section>`);
    writeFileSync(join(screensDir, 'index.html'), `<!doctype html>
<meta charset="utf-8"><title>Parley: every view</title>
<style>body{font:14px sans-serif;margin:24px;background:#888}section{margin-bottom:32px}
figure{display:inline-block;margin:0 16px 16px 0}img{max-width:620px;border:1px solid #444}h2{margin:0 0 8px}</style>
${sections.join('\n')}
`);
}
