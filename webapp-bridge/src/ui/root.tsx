// What the plugin adds to every page: the call, questions, notices, the live region.

import * as React from 'react';
import {createPortal} from 'react-dom';

import * as select from '../state/select';
import {usePlatform} from './context';
import {Dialog} from './dialog';
import {LiveRegion, NoticeBar} from './notice';
import {SourcePicker} from './source_picker';
import {Widget} from './widget';
import type {Place} from './widget';
import type {Prompt} from '../state/slice';

const Question = ({prompt}: {prompt: Prompt}) =>
    (prompt.type === 'source' ? <SourcePicker/> : <Dialog key={`${prompt.type} ${prompt.channelId}`} prompt={prompt}/>);

export const Root = ({place = 'page'}: {place?: Place}) => {
    const own = usePlatform((state) => select.calls(state).own);
    const prompt = usePlatform((state) => select.calls(state).prompt);
    // Asked from there, answered there.
    const popout = usePlatform((state) => select.calls(state).popout);
    return createPortal(
        <div className='parley-root'>
            {own ? <Widget own={own} place={place}/> : null}
            {prompt && !(popout && prompt.type === 'end') ? <Question prompt={prompt}/> : null}
            <NoticeBar/>
            <LiveRegion/>
        </div>,
        document.body,
    );
};
