// Lines above everything: insecure page, lost connection. And the live region for new posts.
import * as React from 'react';

import {usePageState, useText} from './context';

/** A loss shorter than this is not worth a banner. */
const OFFLINE_AFTER_MS = 1_500;

export function InsecureBanner(): React.ReactElement | null {
    const text = useText();
    return window.isSecureContext ? null : (
        <div className='page-banner page-banner--warning' role='note'>
            <i className='icon icon-alert-outline' aria-hidden='true'/>
            {text('page.insecure')}
        </div>
    );
}

export function Banners(): React.ReactElement {
    const text = useText();
    const connected = usePageState((state) => state.websocket.connected);
    const announcement = usePageState((state) => state.views.announcement);
    const [offline, setOffline] = React.useState(false);
    React.useEffect(() => {
        if (connected) {
            setOffline(false);
            return undefined;
        }
        const timer = setTimeout(() => setOffline(true), OFFLINE_AFTER_MS);
        return () => clearTimeout(timer);
    }, [connected]);
    return (
        <div className='page-banners'>
            <InsecureBanner/>
            <div role='status' aria-live='polite'>
                {offline && <div className='page-banner page-banner--warning'>{text('page.offline')}</div>}
            </div>
            <div className='page-hidden' role='log' aria-live='polite' aria-label={text('page.announcer.label')}>{announcement}</div>
        </div>
    );
}
