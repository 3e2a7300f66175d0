// A person's picture, or the initial when there is none.

import * as React from 'react';

import {pictureUrl} from '../base/api';
import * as select from '../state/select';
import {usePlatform} from './context';

interface Props {
    userId: string;
    size: number;
    speaking?: boolean;
}

export const Avatar = ({userId, size, speaking = false}: Props) => {
    const user = usePlatform((state) => select.user(state, userId));
    const name = usePlatform((state) => select.userName(state, userId));
    const [broken, setBroken] = React.useState(false);
    const initial = (name ?? '?').charAt(0).toUpperCase();
    return (
        <span
            className={speaking ? 'parley-avatar parley-avatar--speaking' : 'parley-avatar'}
            style={{width: size, height: size, fontSize: size * 0.45}}
            aria-hidden='true'
        >
            {user && !broken
                ? <img src={pictureUrl(user)} alt='' onError={() => setBroken(true)}/>
                : initial}
        </span>
    );
};
