// Who is signed in; theme, language, sign out.
import * as React from 'react';

import {LOCALES, resolveLocale} from '../i18n/texts';
import {currentUser, displayName} from '../store/select';
import type {ThemeChoice} from '../store/state';
import {Avatar} from './Avatar';
import {usePageState, useServices, useText} from './context';
import {useDismiss} from './useDismiss';
import {useDispatchPage} from './useDispatchPage';

const LANGUAGE_NAMES = {en: 'English', de: 'Deutsch'} as const;

export function UserMenu(): React.ReactElement {
    const text = useText();
    const user = usePageState(currentUser);
    const name = usePageState((state) => displayName(state, user));
    const [open, setOpen] = React.useState(false);
    return (
        <div className='page-user'>
            <button
                type='button'
                className='page-user__button'
                aria-expanded={open}
                aria-label={text('page.user.menu')}
                title={text('page.user.menu')}
                onClick={() => setOpen(!open)}
            >
                <Avatar user={user} withStatus={true}/>
                <span className='page-user__name'>{name}</span>
                <i className='icon icon-chevron-up' aria-hidden='true'/>
            </button>
            {open && <UserPanel onClose={() => setOpen(false)}/>}
        </div>
    );
}

function UserPanel({onClose}: {onClose: () => void}): React.ReactElement {
    const text = useText();
    const {page, setLocale} = useServices();
    const dispatch = useDispatchPage();
    const choice = usePageState((state) => state.views.themeChoice);
    const locale = usePageState((state) => resolveLocale(state.views.locale));
    const panel = useDismiss<HTMLDivElement>(onClose);
    return (
        <div ref={panel} className='page-user__panel page-popup a11y__popup' role='dialog' aria-label={text('page.user.menu')}>
            <label>
                <span>{text('page.theme')}</span>
                <select value={choice} onChange={(event) => dispatch({type: 'theme', choice: event.target.value as ThemeChoice})}>
                    <option value='system'>{text('page.theme.system')}</option>
                    <option value='light'>{text('page.theme.light')}</option>
                    <option value='dark'>{text('page.theme.dark')}</option>
                </select>
            </label>
            <label>
                <span>{text('page.language')}</span>
                <select value={locale} onChange={(event) => setLocale(event.target.value)}>
                    {LOCALES.map((entry) => <option key={entry} value={entry}>{LANGUAGE_NAMES[entry]}</option>)}
                </select>
            </label>
            <button
                type='button'
                className='btn btn-tertiary btn-sm'
                onClick={() => {
                    page.signOut().catch((error: unknown) => console.warn('Signing out failed', error));
                }}
            >
                {text('page.user.sign_out')}
            </button>
        </div>
    );
}
