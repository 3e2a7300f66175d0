// What the plugin adds to every page: the call, questions, notices, the live region.

import * as React from 'react';
import {createPortal} from 'react-dom';

import * as select from '../state/select';
import {usePlatform} from './context';
import {Dialog} from './dialog';
import {LiveRegion, NoticeBar} from './notice';
import {Widget} from './widget';

export const Root = () => {
    const own = usePlatform((state) => select.calls(state).own);
    const prompt = usePlatform((state) => select.calls(state).prompt);
    return createPortal(
        <div className='parley-root'>
            {own ? <Widget own={own}/> : null}
            {prompt ? <Dialog key={`${prompt.type} ${prompt.channelId}`} prompt={prompt}/> : null}
            <NoticeBar/>
            <LiveRegion/>
        </div>,
        document.body,
    );
};
