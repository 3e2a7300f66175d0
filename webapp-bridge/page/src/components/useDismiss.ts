// A popup goes away by Escape (the innermost only) and by a click elsewhere; focus goes back to
// where it came from.
import * as React from 'react';

export function useDismiss<E extends HTMLElement>(onClose: () => void): React.RefObject<E> {
    const element = React.useRef<E>(null);
    const close = React.useRef(onClose);
    close.current = onClose;
    React.useEffect(() => {
        const before = document.activeElement;
        element.current?.querySelector<HTMLElement>('input, button, select, [tabindex="0"]')?.focus();
        const onKey = (event: KeyboardEvent): void => {
            if (event.key === 'Escape') {
                event.stopPropagation();
                close.current();
                if (before instanceof HTMLElement) {
                    before.focus();
                }
            }
        };
        const onDown = (event: Event): void => {
            const target = event.target;
            if (target instanceof Node && !element.current?.contains(target) && !(before?.contains(target) ?? false)) {
                close.current();
            }
        };
        const node = element.current;
        node?.addEventListener('keydown', onKey);
        document.addEventListener('pointerdown', onDown);
        return () => {
            node?.removeEventListener('keydown', onKey);
            document.removeEventListener('pointerdown', onDown);
        };
    }, []);
    return element;
}
