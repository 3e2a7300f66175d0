// The sign-in page.
import * as React from 'react';

import {ApiError} from '../api/client';
import {InsecureBanner} from './Banners';
import {usePageState, useServices, useText} from './context';

export function LoginPage({redirectTo}: {redirectTo: string}): React.ReactElement {
    const text = useText();
    const {page} = useServices();
    const site = usePageState((state) => state.entities.general.config.SiteName ?? '') || 'Parley';
    const [name, setName] = React.useState('');
    const [password, setPassword] = React.useState('');
    const [refusal, setRefusal] = React.useState('');
    const [busy, setBusy] = React.useState(false);
    const submit = (event: React.FormEvent): void => {
        event.preventDefault();
        setBusy(true);
        setRefusal('');
        page.signIn(name.trim(), password, redirectTo).catch((error: unknown) => {
            setRefusal(error instanceof ApiError ? error.message : text('page.login.failed'));
            setBusy(false);
        });
    };
    return (
        <main className='page-login'>
            <InsecureBanner/>
            <form className='page-login__card' onSubmit={submit}>
                <div className='page-login__mark' aria-hidden='true'/>
                <h1>{text('page.login.title', {site})}</h1>
                <label>
                    <span>{text('page.login.name')}</span>
                    <input type='text' name='login_id' autoComplete='username' autoFocus={true} required={true} value={name} onChange={(event) => setName(event.target.value)}/>
                </label>
                <label>
                    <span>{text('page.login.password')}</span>
                    <input type='password' name='password' autoComplete='current-password' required={true} value={password} onChange={(event) => setPassword(event.target.value)}/>
                </label>
                <div role='alert' className='page-login__refusal'>{refusal}</div>
                <button type='submit' className='btn btn-primary' disabled={busy}>{text('page.login.button')}</button>
            </form>
        </main>
    );
}
