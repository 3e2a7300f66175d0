// What covers the whole page has the focus and keeps it: behind it nobody sees where they are.

import * as React from 'react';

/** The parts of the page that do not hold the element, as far as they can be reached now. */
const others = (element: HTMLElement): HTMLElement[] =>
    [...document.body.children].filter((part): part is HTMLElement =>
        part instanceof HTMLElement && !part.contains(element) && !part.inert);

/**
 * While `open`, nothing but this element (and what opens later) can be reached; Escape closes it, wherever
 * the focus got lost. Afterwards the focus is where it was before, or stays in the element if it came from there.
 */
export const useModal = (open: boolean, element: React.RefObject<HTMLElement>, close: () => void): void => {
    const latest = React.useRef(close);
    React.useEffect(() => {
        latest.current = close;
    });
    React.useLayoutEffect(() => {
        const own = element.current;
        if (!open || !own) {
            return undefined;
        }
        const before = document.activeElement;
        const covered = others(own);
        covered.forEach((part) => {
            part.inert = true;
        });
        if (!own.contains(document.activeElement)) {
            own.focus();
        }
        const handleKey = (event: KeyboardEvent): void => {
            const lost = event.target === document.body || event.target === document.documentElement;
            // Escape closes an open menu in it first.
            const inside = event.target instanceof Element && own.contains(event.target) && !event.target.closest('[role="menu"]');
            if (event.key === 'Escape' && (lost || inside)) {
                event.stopPropagation();
                latest.current();
            }
        };
        // Before the page's own shortcuts.
        document.addEventListener('keydown', handleKey, {capture: true});
        return () => {
            document.removeEventListener('keydown', handleKey, {capture: true});
            covered.forEach((part) => {
                part.inert = false;
            });
            if (before instanceof HTMLElement && before.isConnected && !own.contains(before)) {
                before.focus();
            }
        };
    }, [open, element]);
};
