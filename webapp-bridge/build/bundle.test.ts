// The built bundle, in the web app of each server generation that we support.
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {Window} from 'happy-dom';
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest';

import {CHANNEL, ME, WEB_APPS, WebApp, bundleWith, globalsOf, onlyScript} from './testing/web_app';

const post = {
    id: 'p'.repeat(26), type: 'custom_calls', user_id: ME, channel_id: CHANNEL.id, create_at: 1_700_000_000_000,
    message: 'alice started a call', props: {type: 'custom_calls', start_at: 1_700_000_000_000},
};
const call = {id: 'call', channelID: CHANNEL.id, start_at: 1_700_000_000_000, thread_id: '', post_id: post.id, owner_id: ME, host_id: ME};

const WIDGET = '.parley-root section[aria-label="Call"]';
/** What development builds remark and production builds, which servers have, do not look for. */
const REMARKS = [
    // React 19. React 17 has no other transform, and a bundled one breaks the page.
    'outdated JSX transform',
    // React 17 does not know the attribute, and renders it all the same.
    'Invalid aria prop %s on <%s> tag. For details, see https://reactjs.org/link/invalid-aria-props%s `aria-description`',
];

/** Builds and renders on a machine that may have other work. */
const PATIENCE_MS = 60_000;
vi.setConfig({testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS});
const eventually = (check: () => void) => vi.waitFor(check, {timeout: PATIENCE_MS / 2});

let bundle: string;

beforeAll(async () => {
    bundle = onlyScript({output: await bundleWith({})});
});

describe.each(WEB_APPS)('under React $react', (versions) => {
    let app: WebApp;

    beforeAll(async () => {
        app = new WebApp({globals: await globalsOf(versions), bundle});
        app.render(post);
    });

    afterAll(async () => {
        await app.close();
    });

    it('has that React in the page', () => {
        expect((app.window as unknown as {React: {version: string}}).React.version).toBe(versions.react);
    });

    it('offers a call in the header and its menu', async () => {
        await eventually(() => expect(app.text('#header button')).toContain('Start call'));
        expect(app.text('#menu')).toContain('Start call');
    });

    it('shows the post of a call, and the call in header and sidebar', async () => {
        app.receive('call_start', call);
        await eventually(() => expect(app.text('#header button')).toContain('Join call'));
        expect(app.text('#post')).toContain('alice started a call');
        expect(app.text('#post button')).toContain('Join call');
        expect(app.window.document.querySelector('#sidebar')?.childElementCount).toBe(1);
    });

    it('opens the widget at a click on the header, and has it until the plugin goes', async () => {
        app.clickHeader();
        await eventually(() => expect(app.text(WIDGET)).toContain('Town Square'));
        expect(app.text('#header')).toContain('In call');
        expect(app.text('#post')).toContain('You are in this call');
        app.removePlugin();
        await eventually(() => expect(app.text(WIDGET)).toBe(''));
    });

    it('leaves nothing in the console', () => {
        expect(app.problems.filter((problem) => !REMARKS.some((remark) => problem.includes(remark)))).toEqual([]);
    });
});

describe('the bundle', () => {
    it('registers under the id that the packager asks for, everywhere', async () => {
        const other = onlyScript({output: await bundleWith({pluginId: 'com.mattermost.calls'})});
        const globals = await globalsOf(WEB_APPS[1]!);
        for (const [source, id] of [[bundle, 'app.parley.calls'], [other, 'com.mattermost.calls']] as const) {
            const app = new WebApp({globals, bundle: source});
            expect(app.registered).toEqual([id]);
            // Throws if the plugin listens to another id's events.
            app.receive('call_start', call);
            await app.close();
        }
        expect(other).not.toContain('custom_app.parley.calls');
        expect(other).not.toContain('/plugins/app.parley.calls');
    });

    it('in the place of the web app\'s own plugin has calls opened by the desktop app, and by people\'s profiles', async () => {
        const own = onlyScript({output: await bundleWith({pluginId: 'com.mattermost.calls'})});
        const globals = await globalsOf(WEB_APPS[1]!);
        const opened: unknown[] = [];
        const before = {desktopAPI: {joinCall: (wish: unknown) => {
            opened.push(wish);
            return new Promise(() => undefined);
        }}};
        for (const [source, calls] of [[own, 1], [bundle, 0]] as const) {
            const app = new WebApp({globals, bundle: source, before});
            app.render(post);
            await eventually(() => expect(app.text('#header button')).toContain('Start call'));
            app.clickHeader();
            await eventually(() => expect(app.text('#header')).toContain('In call'));
            expect(app.text(WIDGET) === '', 'no widget where the call has a window').toBe(calls === 1);
            expect(opened.splice(0).length).toBe(calls);
            await app.close();
        }
        const page = new WebApp({globals, bundle: own, before});
        // In the page, where `window` is the one that the bundle knows.
        const ask = (origin: string): void => void page.window.eval(`window.dispatchEvent(new MessageEvent('message', {
            data: {type: 'connectCall', channelID: '${CHANNEL.id}'}, origin: '${origin}', source: window,
        }))`);
        ask('https://evil.example');
        expect(opened.length).toBe(0);
        ask('https://chat.example.com');
        expect(opened).toMatchObject([{callID: CHANNEL.id}]);
        await page.close();
    });

    it('has what it refers to beside it, under names that change with the content', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'parley-bundle-'));
        const made = async (sound: string) => {
            writeFileSync(join(folder, 'ring.ogg'), sound.repeat(5_000));
            writeFileSync(join(folder, 'entry.ts'), "import ring from './ring.ogg';\nObject.assign(window, {ring});\n");
            const output = await bundleWith({entry: join(folder, 'entry.ts')});
            const [name] = output.map((file) => file.fileName).filter((file) => file.endsWith('.ogg'));
            const window = new Window({url: 'https://chat.example.com/sub/team', settings: {enableJavaScriptEvaluation: true, suppressInsecureJavaScriptEnvironmentWarning: true}});
            const script = window.document.createElement('script');
            // As the web app loads it: from the plugin's static folder, under a name of the server's.
            const address = 'https://chat.example.com/sub/static/plugins/id/';
            Object.defineProperty(window.document, 'currentScript', {value: Object.assign(script, {src: `${address}id_0_bundle.js`})});
            window.eval(onlyScript({output}));
            expect((window as unknown as {ring: string}).ring).toBe(`${address}${name!}`);
            await window.happyDOM.close();
            return name!;
        };
        const names = [await made('a'), await made('b'), await made('a')];
        rmSync(folder, {recursive: true});
        expect(names[0]).toMatch(/^ring-[\w-]{8}\.ogg$/);
        expect(names[1]).not.toBe(names[0]);
        expect(names[2]).toBe(names[0]);
    });
});
