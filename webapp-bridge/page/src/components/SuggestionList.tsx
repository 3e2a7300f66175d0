// The list of commands above the message box.
import * as React from 'react';

import type {CompletionView} from '../app/autocomplete';
import {useText} from './context';

interface Props {
    id: string;
    view: CompletionView;
    onTake: (index: number) => void;
}

export function SuggestionList({id, view, onTake}: Props): React.ReactElement {
    const text = useText();
    const list = React.useRef<HTMLUListElement>(null);
    React.useEffect(() => {
        list.current?.children[view.selected]?.scrollIntoView({block: 'nearest'});
    }, [view.selected]);
    return (
        <ul ref={list} id={id} className='page-suggestions page-popup a11y__popup' role='listbox' aria-label={text('page.composer.suggestions')}>
            {view.suggestions.map((entry, index) => (
                <li
                    key={`${entry.complete}_${index}`}
                    id={`${id}_${index}`}
                    role='option'
                    aria-selected={index === view.selected}
                    onMouseDown={(event) => {
                        // The box keeps the focus.
                        event.preventDefault();
                        onTake(index);
                    }}
                >
                    <span className='page-suggestions__name'>{`/${entry.complete.replace(/^\//, '')}`}</span>
                    <span className='page-suggestions__hint'>{entry.hint}</span>
                    <span className='page-suggestions__text'>{entry.description}</span>
                </li>
            ))}
        </ul>
    );
}
