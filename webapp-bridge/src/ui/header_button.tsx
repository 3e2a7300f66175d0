// The channel header's button. The web app wraps it into its own clickable element and calls the
// registered action, so it has no handler of its own.

import * as React from 'react';

import * as select from '../state/select';
import {Text, usePlatform, useText} from './context';
import {Icon} from './icons';

export const HeaderButton = () => {
    const channelId = usePlatform(select.currentChannelId);
    const archived = usePlatform((state) => (select.channel(state, channelId)?.delete_at ?? 0) > 0);
    const running = usePlatform((state) => select.callIn(state, channelId) !== undefined);
    const here = usePlatform((state) => select.ownChannelId(state) === channelId);
    const refusal = usePlatform((state) => select.startRefusal(state, channelId));
    const reason = useText()('notice.test_mode');
    if (archived || (refusal === 'group_calls_off' && !here) || (refusal === 'channel_off' && !running && !here)) {
        return null;
    }
    if (here) {
        return (
            <span className='parley-header parley-header--here'>
                <Icon name='phone' size={16}/>
                <Text id='header.in_call'/>
            </span>
        );
    }
    // Nobody but an admin can change that: the button says so, also when it is pressed.
    const explained = refusal === 'test_mode' && !running ? {'aria-disabled': true, 'aria-description': reason, title: reason} : {};
    return (
        <button type='button' className={`style--none call-button parley-header${running ? ' parley-header--join' : ''}`} {...explained}>
            <Icon name='phone' size={16}/>
            <Text id={running ? 'header.join' : 'header.start'}/>
        </button>
    );
};

/** The entry when several plugins offer calls. */
export const HeaderMenuEntry = () => {
    const channelId = usePlatform(select.currentChannelId);
    const running = usePlatform((state) => select.callIn(state, channelId) !== undefined);
    return (
        <span className='parley-header-entry'>
            <Icon name='phone' size={16}/>
            <Text id={running ? 'header.join' : 'header.start'}/>
        </span>
    );
};
