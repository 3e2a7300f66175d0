// Top of the page: chooses the view, provides texts and theme.
import * as React from 'react';
import {IntlProvider} from 'react-intl';

import {parseRoute} from '../app/routes';
import {pageTexts} from '../i18n/texts';
import {DARK, LIGHT, applyTheme} from '../theme/theme';
import {ThemeContext, usePageState, useServices, useText} from './context';
import {Layout} from './Layout';
import {LoginPage} from './LoginPage';
import {Notice} from './Notice';
import {PluginPart, PluginPlace, usePlace} from './PluginPlace';

interface Place {
    pathname: string;
    search: string;
}

interface Props {
    usePlaceOnSite: () => Place;
    /** Changes whenever a plugin brings texts. */
    useTextsVersion: () => number;
}

export function App({usePlaceOnSite, useTextsVersion}: Props): React.ReactElement {
    const {handlers} = useServices();
    const locale = usePageState((state) => state.views.locale);
    const version = useTextsVersion();
    const theme = useTheme();
    const messages = React.useMemo(
        () => ({...handlers.translationsFor(locale), ...pageTexts(locale)}),
        // eslint-disable-next-line react-hooks/exhaustive-deps -- `version` stands for what plugins registered
        [handlers, locale, version],
    );
    React.useEffect(() => {
        document.documentElement.lang = locale;
    }, [locale]);
    return (
        <IntlProvider locale={locale} messages={messages} onError={quietIntl}>
            <ThemeContext.Provider value={theme}>
                <View place={usePlaceOnSite()}/>
            </ThemeContext.Provider>
        </IntlProvider>
    );
}

/** Missing translations fall back to English silently; other mistakes are worth a line. */
function quietIntl(error: {code?: string; message: string}): void {
    if (error.code !== 'MISSING_TRANSLATION' && error.code !== 'MISSING_DATA') {
        console.warn(error.message);
    }
}

function useTheme(): typeof LIGHT {
    const choice = usePageState((state) => state.views.themeChoice);
    const dark = React.useSyncExternalStore(subscribeScheme, () => matchMedia('(prefers-color-scheme: dark)').matches);
    const theme = choice === 'dark' || (choice === 'system' && dark) ? DARK : LIGHT;
    React.useLayoutEffect(() => applyTheme(theme, document), [theme]);
    return theme;
}

function subscribeScheme(changed: () => void): () => void {
    const query = matchMedia('(prefers-color-scheme: dark)');
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
}

function View({place}: {place: Place}): React.ReactElement {
    const text = useText();
    const phase = usePageState((state) => state.views.phase);
    const route = parseRoute(place.pathname, place.search);
    switch (phase) {
    case 'loading':
        return <main className='page-notice' aria-busy='true'>{text('page.loading')}</main>;
    case 'login':
        return <LoginPage redirectTo={route.kind === 'login' ? route.redirectTo : ''}/>;
    case 'no_team':
        return <main><Notice title={text('page.no_team.title')} body={text('page.no_team.body')}/></main>;
    case 'failed':
        return (
            <main>
                <Notice title={text('page.failed.title')} body={text('page.failed.body')}>
                    <button type='button' className='btn btn-primary' onClick={() => window.location.reload()}>{text('page.failed.retry')}</button>
                </Notice>
            </main>
        );
    case 'ready':
        return (
            <>
                <Ready pathname={place.pathname}/>
                <PluginPlace place='Global'/>
            </>
        );
    }
}

/** A plugin's own route takes the center (in a team) or the whole page. */
function Ready({pathname}: {pathname: string}): React.ReactElement {
    const custom = usePlace('CustomRouteComponent').find((entry) => matches(pathname, `/plug/${String(entry.route)}`));
    const [, team] = pathname.split('/');
    const inTeam = usePlace('NeedsTeamComponent').find((entry) => matches(pathname, `/${team ?? ''}/${String(entry.route)}`));
    if (custom) {
        return <div className='page-plugin-root'><PluginPart entry={custom} extra={{}}/></div>;
    }
    return <Layout center={inTeam && <main className='page-center'><PluginPart entry={inTeam} extra={{}}/></main>}/>;
}

const matches = (pathname: string, route: string): boolean => pathname === route || pathname.startsWith(`${route}/`);
