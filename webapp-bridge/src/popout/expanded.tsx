// The page of the call's own window: everything of the call is its opener's, only the view is here.

import * as React from 'react';
import {Provider} from 'react-redux';
import {createPortal} from 'react-dom';

import * as select from '../state/select';
import {ControllerProvider, Text, usePlatform, useText} from '../ui/context';
import {Dialog} from '../ui/dialog';
import {LiveRegion, NoticeBar} from '../ui/notice';
import {Widget} from '../ui/widget';
import {shownByOpener} from './opener';

const Call = () => {
    const text = useText();
    const own = usePlatform((state) => select.calls(state).own);
    const name = usePlatform((state) => (own ? select.channelName(state, own.channelId) : ''));
    const prompt = usePlatform((state) => select.calls(state).prompt);
    const over = own === null;
    React.useEffect(() => {
        if (over) {
            window.close();
        } else {
            document.title = text('widget.title', {channel: name});
        }
    });
    if (!own) {
        return <Gone/>;
    }
    return createPortal(
        <div className='parley-root'>
            <Widget own={own} place='popout'/>
            {prompt?.type === 'end' ? <Dialog prompt={prompt}/> : null}
            <NoticeBar/>
            <LiveRegion/>
        </div>,
        document.body,
    );
};

const Gone = () => <p className='parley-gone' role='status'><Text id='popout.gone'/></p>;

export const Expanded = () => {
    const [shown] = React.useState(shownByOpener);
    React.useEffect(() => {
        // A screen that was chosen here is gone with this document, also when it is only loaded anew.
        const leave = (): void => shown?.controller.screen.handleWindowGone();
        window.addEventListener('pagehide', leave);
        return () => window.removeEventListener('pagehide', leave);
    }, [shown]);
    if (!shown) {
        return <Gone/>;
    }
    return (
        // The store is used as the page's own is: the types of both are the web app's.
        <Provider store={shown.store as never}>
            <ControllerProvider controller={shown.controller}>
                <Call/>
            </ControllerProvider>
        </Provider>
    );
};
