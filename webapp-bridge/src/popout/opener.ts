// The larger view in a window of its own: the call stays in this page, the window shows this page's store and
// asks this page's controller (`expanded.tsx` is its side).

import {PLUGIN_ID, platformUrl} from '../base/ids';
import type {Store} from '../base/platform';
import {Scope} from '../base/scope';
import type {Controller} from '../app/controller';

/** Path below the plugin's own in a team; the desktop app allows this one. */
export const EXPANDED_ROUTE = 'expanded';

/** How often is looked whether the window is still there: closing it tells nobody for sure. */
const LOOK_MS = 500;

const FEATURES = 'popup=yes,resizable=yes,width=1100,height=720';

/** Where the window finds its page's call. */
const PLACE = `parley ${PLUGIN_ID}`;

export interface Shown {
    store: Store;
    controller: Controller;
}

/** The opener's call; undefined when this window was opened by somebody else, or the call is over. */
export const shownByOpener = (): Shown | undefined => {
    try {
        const opener = window.opener as (Window & Record<string, unknown>) | null;
        // Of another site: any look throws.
        return opener ? opener[PLACE] as Shown | undefined : undefined;
    } catch {
        return undefined;
    }
};

export class Popout {
    private window: Window | null = null;
    private life = new Scope();

    constructor(private readonly shown: Shown, private readonly changed: (open: boolean) => void) {}

    /** False when the browser does not allow it. */
    open(team: string, channelId: string): boolean {
        this.close();
        Object.assign(window, {[PLACE]: this.shown});
        const address = platformUrl(`/${encodeURIComponent(team)}/${PLUGIN_ID}/${EXPANDED_ROUTE}/${channelId}`);
        const opened = window.open(address, `parley_${channelId}`, FEATURES);
        if (!opened) {
            return false;
        }
        this.window = opened;
        this.life = new Scope();
        this.life.interval(() => {
            if (opened.closed) {
                this.close();
            }
        }, LOOK_MS);
        this.life.listen(window, 'pagehide', () => this.close());
        this.changed(true);
        return true;
    }

    focus(): void {
        window.desktopAPI?.focusPopout?.();
        this.window?.focus();
    }

    close(): void {
        const opened = this.window;
        if (!opened) {
            return;
        }
        this.window = null;
        this.life.close();
        Object.assign(window, {[PLACE]: undefined});
        opened.close();
        this.changed(false);
    }
}
