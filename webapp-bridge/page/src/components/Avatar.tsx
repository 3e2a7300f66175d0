// A person's picture as the server has it (theirs, or a letter on a colour of their own), with their status.
import * as React from 'react';

import type {User} from '../api/shapes';
import {usePageState, useText} from './context';

const STATUS_TEXT = {
    online: 'page.status.online',
    away: 'page.status.away',
    dnd: 'page.status.dnd',
    offline: 'page.status.offline',
} as const;

/** Another address for each new picture, so that the cached one is not shown. */
const pictureAddress = (user: User): string => `${window.basename ?? ''}/api/v4/users/${user.id}/image?_=${user.last_picture_update}`;

interface Props {
    user: User | undefined;
    size?: 'sm' | 'md';
    withStatus?: boolean;
}

export function Avatar({user, size = 'md', withStatus = false}: Props): React.ReactElement {
    const status = usePageState((state) => state.entities.users.statuses[user?.id ?? ''] ?? 'offline');
    const text = useText();
    const known = status in STATUS_TEXT ? status as keyof typeof STATUS_TEXT : 'offline';
    return (
        <span className={`page-avatar page-avatar--${size}`}>
            {user ?
                <img className='page-avatar__picture' alt='' src={pictureAddress(user)}/> :
                <span className='page-avatar__picture' aria-hidden='true'/>}
            {withStatus &&
                <span className={`page-avatar__status page-avatar__status--${known}`} role='img' aria-label={text(STATUS_TEXT[known])}/>}
        </span>
    );
}
