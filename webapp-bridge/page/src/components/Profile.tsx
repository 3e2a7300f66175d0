// The small card of a person, with the places where plugins add to it.
import * as React from 'react';

import type {User} from '../api/shapes';
import {directPath} from '../app/routes';
import {currentTeam, displayName} from '../store/select';
import {Avatar} from './Avatar';
import {usePageState, useServices, useText} from './context';
import {PluginPlace} from './PluginPlace';
import {useDismiss} from './useDismiss';

export function Profile({user, onClose}: {user: User; onClose: () => void}): React.ReactElement {
    const text = useText();
    const {goTo} = useServices();
    const name = usePageState((state) => displayName(state, user));
    const status = usePageState((state) => state.entities.users.statuses[user.id] ?? 'offline');
    const team = usePageState(currentTeam);
    const own = usePageState((state) => state.entities.users.currentUserId);
    const card = useDismiss<HTMLDivElement>(onClose);
    return (
        <div ref={card} className='user-profile-popover page-popup a11y__popup' role='dialog' aria-label={name}>
            <div className='page-profile__head'>
                <Avatar user={user} withStatus={true}/>
                <div>
                    <strong>{name}</strong>
                    <div className='page-profile__handle'>{`@${user.username}`}</div>
                </div>
                <button type='button' className='btn-icon' aria-label={text('page.profile.close')} title={text('page.profile.close')} onClick={onClose}>
                    <i className='icon icon-close' aria-hidden='true'/>
                </button>
            </div>
            <PluginPlace place='PopoverUserAttributes' extra={{user, hide: onClose, status}}/>
            <div className='page-profile__actions'>
                {user.id !== own && team &&
                    <button
                        type='button'
                        className='btn btn-primary btn-sm'
                        onClick={() => {
                            onClose();
                            goTo(directPath(team.name, user.username));
                        }}
                    >
                        {text('page.profile.message')}
                    </button>}
                <PluginPlace place='PopoverUserActions' extra={{user, hide: onClose, status}}/>
            </div>
        </div>
    );
}
