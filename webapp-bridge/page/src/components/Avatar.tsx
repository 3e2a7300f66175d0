// A person as two letters on a colour of their own, with their status.
import * as React from 'react';

import type {User} from '../api/shapes';
import {displayName} from '../store/select';
import {usePageState, useText} from './context';

const HUES = [12, 35, 92, 150, 178, 205, 232, 262, 290, 330];

export function initials(name: string): string {
    const words = name.trim().split(/[\s._-]+/).filter(Boolean);
    const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
    return letters.map((word) => Array.from(word ?? '')[0] ?? '').join('').toUpperCase();
}

export function hueOf(id: string): number {
    let sum = 0;
    for (const letter of id) {
        sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
    }
    return HUES[sum % HUES.length] ?? 0;
}

const STATUS_TEXT = {
    online: 'page.status.online',
    away: 'page.status.away',
    dnd: 'page.status.dnd',
    offline: 'page.status.offline',
} as const;

interface Props {
    user: User | undefined;
    size?: 'sm' | 'md';
    withStatus?: boolean;
}

export function Avatar({user, size = 'md', withStatus = false}: Props): React.ReactElement {
    const name = usePageState((state) => displayName(state, user));
    const status = usePageState((state) => state.entities.users.statuses[user?.id ?? ''] ?? 'offline');
    const text = useText();
    const known = status in STATUS_TEXT ? status as keyof typeof STATUS_TEXT : 'offline';
    return (
        <span className={`page-avatar page-avatar--${size}`}>
            <span aria-hidden='true' className='page-avatar__letters' style={{background: `hsl(${hueOf(user?.id ?? '')} 42% 42%)`}}>
                {initials(name)}
            </span>
            {withStatus &&
                <span className={`page-avatar__status page-avatar__status--${known}`} role='img' aria-label={text(STATUS_TEXT[known])}/>}
        </span>
    );
}
