// The page `/plugins/<id>/standalone/widget.html`: a window for one call, without the web app round it. The same
// bridge as in there; only what the web app would have brought is brought here.

import * as React from 'react';
import {createRoot} from 'react-dom/client';
import {IntlProvider} from 'react-intl';

import {PLUGIN_ID, isId} from '../base/ids';
import {desktopApi} from '../desktop/api';
import {takePermit} from '../desktop/permit';
import {takeColours} from '../desktop/theme';
import {translations} from '../i18n/texts';
import {Text} from '../ui/context';
import css from '../ui/styles.css?inline';
import {CallPage, StandaloneCall} from './call';
import type {Wish} from './call';
import {LoadError, load} from './load';
import type {LoadProblem} from './load';

const PAGE = `/plugins/${PLUGIN_ID}/standalone/`;

const wishOf = (address: URL): Wish => ({
    channelId: address.searchParams.get('call_id') ?? '',
    title: address.searchParams.get('title') ?? '',
    threadId: address.searchParams.get('root_id') ?? '',
});

const Message = ({problem, retry}: {problem: LoadProblem | undefined; retry: () => void}) => (
    <IntlProvider locale={navigator.language} messages={translations(navigator.language)} onError={() => undefined}>
        <div className='parley-gone' role={problem ? 'alert' : 'status'}>
            <p><Text id={problem ? `alone.${problem}` : 'alone.loading'}/></p>
            {problem === undefined || problem === 'no_channel'
                ? null
                : <button type='button' className='parley-button parley-button--primary' onClick={retry}><Text id='alone.retry'/></button>}
        </div>
    </IntlProvider>
);

const start = (): void => {
    const address = new URL(window.location.href);
    const wish = wishOf(address);
    const desktop = desktopApi();
    window.basename = address.pathname.slice(0, Math.max(0, address.pathname.indexOf(PAGE)));
    // The page's policy allows no style elements.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [sheet];
    document.documentElement.className = 'parley-alone';
    const permit = isId(wish.channelId) ? takePermit(wish.channelId, Date.now()) : undefined;
    takeColours(permit);
    const place = document.createElement('main');
    document.body.append(place);
    const root = createRoot(place);
    const show = (problem?: LoadProblem): void => root.render(<Message problem={problem} retry={run}/>);
    const run = (): void => {
        show();
        void (async () => {
            try {
                if (!isId(wish.channelId)) {
                    throw new LoadError('no_channel');
                }
                const loaded = await load(wish.channelId);
                const call = new StandaloneCall(loaded, wish, desktop);
                document.documentElement.lang = loaded.locale;
                root.render(<CallPage call={call} desktop={desktop}/>);
                call.start(permit);
            } catch (error) {
                console.warn('parley: the call could not be shown', error);
                show(error instanceof LoadError ? error.problem : 'unreachable');
            }
        })();
    };
    run();
};

start();
