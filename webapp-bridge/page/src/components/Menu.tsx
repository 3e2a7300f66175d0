// A small menu: arrow keys, Home, End, Escape.
import * as React from 'react';

import {useDismiss} from './useDismiss';

export interface MenuItem {
    id: string;
    content: React.ReactNode;
    run: () => void;
}

interface Props {
    label: string;
    items: readonly MenuItem[];
    onClose: () => void;
}

export function Menu({label, items, onClose}: Props): React.ReactElement {
    const list = useDismiss<HTMLUListElement>(onClose);
    const move = (event: React.KeyboardEvent): void => {
        const buttons = [...list.current?.querySelectorAll('button') ?? []];
        const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
        const next = {
            ArrowDown: (at + 1) % buttons.length,
            ArrowUp: (at + buttons.length - 1) % buttons.length,
            Home: 0,
            End: buttons.length - 1,
        }[event.key];
        if (next !== undefined) {
            event.preventDefault();
            buttons[next]?.focus();
        }
    };
    return (
        <ul ref={list} className='page-menu page-popup a11y__popup' role='menu' aria-label={label} onKeyDown={move}>
            {items.map((item) => (
                <li key={item.id} role='none'>
                    <button
                        type='button'
                        role='menuitem'
                        tabIndex={-1}
                        onClick={() => {
                            onClose();
                            item.run();
                        }}
                    >
                        {item.content}
                    </button>
                </li>
            ))}
        </ul>
    );
}
