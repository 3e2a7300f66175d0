// The desktop app's window is as large as what it shows.

import * as React from 'react';

import type {DesktopApi} from '../desktop/api';

const WIDTH = 320;
/** The app makes no smaller ones. */
const HEIGHT_MIN = 90;
const HEIGHT_MAX = 720;
/** Room round a question. */
const MARGIN = 32;

const wanted = (): number => {
    const root = document.querySelector('.parley-root');
    const dialog = document.querySelector('dialog[open]');
    const height = Math.max(root?.scrollHeight ?? 0, dialog ? dialog.scrollHeight + MARGIN : 0);
    return Math.min(HEIGHT_MAX, Math.max(HEIGHT_MIN, Math.ceil(height)));
};

export const useWindowSize = (desktop: DesktopApi | undefined): void => {
    React.useEffect(() => {
        if (!desktop?.resizeCallsWidget) {
            return undefined;
        }
        let last = 0;
        let frame = 0;
        const look = (): void => {
            cancelAnimationFrame(frame);
            frame = requestAnimationFrame(() => {
                const height = wanted();
                if (height !== last) {
                    last = height;
                    desktop.resizeCallsWidget?.(WIDTH, height);
                }
            });
        };
        const changes = new MutationObserver(look);
        changes.observe(document.body, {childList: true, subtree: true, characterData: true});
        const sizes = new ResizeObserver(look);
        sizes.observe(document.body);
        look();
        return () => {
            changes.disconnect();
            sizes.disconnect();
            cancelAnimationFrame(frame);
        };
    }, [desktop]);
};
