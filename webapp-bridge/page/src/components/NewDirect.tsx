// Finds a person for a new direct message.
import * as React from 'react';

import type {User} from '../api/shapes';
import {directPath} from '../app/routes';
import {currentTeam, displayName} from '../store/select';
import {Avatar} from './Avatar';
import {usePageState, useServices, useText} from './context';
import {useDismiss} from './useDismiss';
import {useDispatchPage} from './useDispatchPage';

const SHOWN_MAX = 20;

export function NewDirect({onClose}: {onClose: () => void}): React.ReactElement {
    const text = useText();
    const {api, goTo} = useServices();
    const dispatch = useDispatchPage();
    const popup = useDismiss<HTMLDivElement>(onClose);
    const team = usePageState(currentTeam);
    const state = usePageState((whole) => whole);
    const [term, setTerm] = React.useState('');
    const [found, setFound] = React.useState<User[]>([]);
    const teamId = team?.id ?? '';
    React.useEffect(() => {
        let wanted = true;
        api.users({inTeam: teamId}).then((users) => {
            if (wanted) {
                dispatch({type: 'users', users});
                setFound(users);
            }
        }).catch((error: unknown) => console.warn('The list of people did not load', error));
        return () => {
            wanted = false;
        };
    }, [api, dispatch, teamId]);
    const needle = term.trim().toLowerCase();
    const shown = found.
        filter((user) => user.delete_at === 0 && user.id !== state.entities.users.currentUserId).
        filter((user) => `${user.username} ${displayName(state, user)}`.toLowerCase().includes(needle)).
        slice(0, SHOWN_MAX);
    return (
        <div ref={popup} className='page-newdm page-popup a11y__popup' role='dialog' aria-label={text('page.sidebar.new_direct')} onClick={(event) => event.stopPropagation()}>
            <input
                type='search'
                aria-label={text('page.sidebar.find')}
                placeholder={text('page.sidebar.find')}
                value={term}
                onChange={(event) => setTerm(event.target.value)}
            />
            <ul className='page-menu__list'>
                {shown.map((user) => (
                    <li key={user.id}>
                        <button
                            type='button'
                            onClick={() => {
                                onClose();
                                goTo(directPath(team?.name ?? '', user.username));
                            }}
                        >
                            <Avatar user={user} size='sm' withStatus={true}/>
                            {displayName(state, user)}
                        </button>
                    </li>
                ))}
                {shown.length === 0 && <li className='page-newdm__none'>{text('page.sidebar.nobody')}</li>}
            </ul>
        </div>
    );
}
