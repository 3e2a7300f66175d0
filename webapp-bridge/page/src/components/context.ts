// What components need besides the state.
import * as React from 'react';
import {useIntl} from 'react-intl';
import {useSelector} from 'react-redux';

import type {ApiClient} from '../api/client';
import type {Page} from '../app/page';
import type {Sender} from '../app/sender';
import type {TextId} from '../i18n/en';
import type {PluginHandlers} from '../plugins/handlers';
import type {PageState} from '../store/state';
import type {Theme} from '../theme/theme';

export interface PageServices {
    page: Page;
    api: ApiClient;
    sender: Sender;
    handlers: PluginHandlers;
    goTo: (path: string) => void;
    setLocale: (locale: string) => void;
    /** What plugins' components get as `webSocketClient`. */
    socketClient: unknown;
}

export const ServicesContext = React.createContext<PageServices | null>(null);
export const ThemeContext = React.createContext<Theme | null>(null);

export function useServices(): PageServices {
    const services = React.useContext(ServicesContext);
    if (!services) {
        throw new Error('no services around this component');
    }
    return services;
}

export const usePageState = <T>(select: (state: PageState) => T, same?: (a: T, b: T) => boolean): T => useSelector(select, same);

/** The page's texts by id, in the person's language. */
export function useText(): (id: TextId, values?: Record<string, string | number>) => string {
    const intl = useIntl();
    return React.useCallback((id, values) => intl.formatMessage({id}, values), [intl]);
}
