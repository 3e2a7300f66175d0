// The sidebar's badge of a channel with a running call. Rendered for each row: cheap.

import * as React from 'react';

import type {Channel} from '../base/platform';
import * as select from '../state/select';
import {usePlatform, useText} from './context';
import {Icon} from './icons';

export const Badge = ({channel}: {channel: Channel}) => {
    const count = usePlatform((state) => select.callIn(state, channel.id)?.sessions.length);
    const recorded = usePlatform((state) => select.recordingIn(state, channel.id) !== undefined);
    const text = useText();
    if (count === undefined) {
        return null;
    }
    const label = text(recorded ? 'badge.recorded' : 'badge.running', {count});
    return (
        <span className='parley-badge' role='img' aria-label={label} title={label}>
            <Icon name='phone' size={14}/>
            {recorded ? <span className='parley-dot'/> : null}
        </span>
    );
};
