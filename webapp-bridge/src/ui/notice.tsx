// One text for the user at a time, and what only a screen reader hears.

import * as React from 'react';

import * as select from '../state/select';
import {Text, useController, usePlatform, useText} from './context';
import {Icon} from './icons';

export const NoticeBar = () => {
    const controller = useController();
    const text = useText();
    const notice = usePlatform((state) => select.calls(state).notice);
    return (
        <div className='parley-notices' role={notice?.tone === 'error' ? 'alert' : 'status'}>
            {notice
                ? (
                    <div key={notice.serial} className={`parley-notice parley-notice--${notice.tone}`}>
                        <span className='parley-notice__text'>
                            <Text id={notice.message} {...(notice.values ? {values: notice.values} : {})}/>
                        </span>
                        <button
                            type='button'
                            className='parley-notice__close'
                            aria-label={text('notice.dismiss')}
                            onClick={() => controller.dismiss()}
                        >
                            <Icon name='close' size={16}/>
                        </button>
                    </div>
                )
                : null}
        </div>
    );
};

export const LiveRegion = () => {
    const said = usePlatform((state) => select.calls(state).said);
    return (
        <div className='parley-sr' aria-live='polite'>
            {said
                ? <span key={said.serial}><Text id={said.message} {...(said.values ? {values: said.values} : {})}/></span>
                : null}
        </div>
    );
};
