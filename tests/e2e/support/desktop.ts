// The desktop app's shell, mocked: what it offers pages as `window.desktopAPI`, and what they asked of it.
import type {BrowserContext, Page} from 'playwright-core';

import {until} from './until';

interface Shell {
    calls: unknown[][];
    fire: (name: string, ...args: unknown[]) => void;
}

declare global {
    interface Window {
        shell: Shell;
    }
}

/** Self-contained: it is sent to the browser as text. */
function installShell(): void {
    const calls: unknown[][] = [];
    const listeners = new Map<string, ((...args: unknown[]) => void)[]>();
    const called = (name: string) => (...args: unknown[]): void => void calls.push([name, ...args]);
    const on = (name: string) => (listener: (...args: unknown[]) => void) => {
        listeners.set(name, [...listeners.get(name) ?? [], listener]);
        return () => listeners.set(name, (listeners.get(name) ?? []).filter((one) => one !== listener));
    };
    const thumbnail = (colour: string): string => {
        const canvas = document.createElement('canvas');
        canvas.width = 160;
        canvas.height = 90;
        const pen = canvas.getContext('2d')!;
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 160, 90);
        return canvas.toDataURL();
    };
    const api = {
        joinCall: (call: unknown) => {
            calls.push(['joinCall', call]);
            return new Promise(() => undefined);
        },
        getDesktopSources: (options: unknown) => {
            calls.push(['getDesktopSources', options]);
            return Promise.resolve([
                {id: 'screen:0:0', name: 'Entire screen', thumbnailURL: thumbnail('#357')},
                {id: 'window:1:0', name: 'Draft of a document with a long name - Editor', thumbnailURL: thumbnail('#753')},
                {id: 'window:2:0', name: 'Terminal', thumbnailURL: thumbnail('#222')},
            ]);
        },
        ...Object.fromEntries([
            'leaveCall', 'callsWidgetConnected', 'resizeCallsWidget', 'sendCallsError', 'openScreenShareModal', 'shareScreen', 'focusPopout',
        ].map((name) => [name, called(name)])),
        ...Object.fromEntries([
            'onCallsError', 'onOpenScreenShareModal', 'onScreenShared', 'onJoinCallRequest',
        ].map((name) => [name, on(name)])),
    };
    Object.assign(window, {
        desktopAPI: api,
        shell: {calls, fire: (name: string, ...args: unknown[]) => listeners.get(name)?.forEach((listener) => listener(...args))},
    });
}

export const withShell = (context: BrowserContext): Promise<unknown> => context.addInitScript(installShell);

/** What the page has asked of the shell under this name, last first; waits for the first one. */
export async function asked(page: Page, name: string): Promise<unknown[]> {
    const all = (): Promise<unknown[][]> => page.evaluate((wanted) => window.shell.calls.filter(([called]) => called === wanted), name);
    const last = await until(`the page asks the shell: ${name}`, async () => (await all()).at(-1), {
        seen: () => page.evaluate(() => window.shell.calls),
    });
    return last.slice(1);
}

export const fire = (page: Page, name: string, ...args: unknown[]): Promise<void> =>
    page.evaluate(([event, more]) => window.shell.fire(event, ...more), [name, args] as const);
