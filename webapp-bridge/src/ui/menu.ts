// A menu's keyboard and its end: arrow keys, Home and End move; Escape, Tab and a click elsewhere close it.

import * as React from 'react';

const ITEMS = '[role^="menuitem"]';

const items = (menu: HTMLElement | null): HTMLElement[] => [...menu?.querySelectorAll<HTMLElement>(ITEMS) ?? []];

/** The chosen item, or the first. Also for when the item with the focus went away. */
export const focusMenu = (menu: HTMLElement | null): void => {
    if (menu && !menu.contains(document.activeElement)) {
        const all = items(menu);
        (all.find((item) => item.getAttribute('aria-checked') === 'true') ?? all[0])?.focus();
    }
};

const target = (key: string, at: number, count: number): number | undefined => {
    switch (key) {
        case 'ArrowDown':
            return (at + 1) % count;
        case 'ArrowUp':
            return (at + count - 1) % count;
        case 'Home':
            return 0;
        case 'End':
            return count - 1;
        default:
            return undefined;
    }
};

/** For a mounted menu. `close` gives the focus back to the opener. */
export const useMenu = (menu: React.RefObject<HTMLElement>, opener: React.RefObject<HTMLElement>, close: () => void): void => {
    const latest = React.useRef(close);
    React.useEffect(() => {
        latest.current = close;
    });
    React.useLayoutEffect(() => {
        const own = menu.current;
        if (!own) {
            return undefined;
        }
        focusMenu(own);
        const end = (): void => {
            opener.current?.focus();
            latest.current();
        };
        const handleKey = (event: KeyboardEvent): void => {
            if (event.key === 'Tab') {
                // From the opener on, as if there had been no menu.
                end();
                return;
            }
            const all = items(own);
            const next = target(event.key, all.findIndex((item) => item === document.activeElement), all.length);
            if (event.key === 'Escape') {
                end();
            } else if (next === undefined) {
                return;
            }
            event.preventDefault();
            event.stopPropagation();
            if (next !== undefined) {
                all[next]?.focus();
            }
        };
        const handlePointer = (event: Event): void => {
            const at = event.target;
            if (at instanceof Node && !own.contains(at) && !(opener.current?.contains(at) ?? false)) {
                latest.current();
            }
        };
        own.addEventListener('keydown', handleKey);
        document.addEventListener('pointerdown', handlePointer, {capture: true});
        return () => {
            own.removeEventListener('keydown', handleKey);
            document.removeEventListener('pointerdown', handlePointer, {capture: true});
        };
    }, [menu, opener]);
};
