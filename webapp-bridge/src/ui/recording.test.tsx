// @vitest-environment happy-dom
import * as React from 'react';
import {createRoot} from 'react-dom/client';
import type {Root as ReactRoot} from 'react-dom/client';
import {act} from 'react-dom/test-utils';
import {IntlProvider} from 'react-intl';
import {Provider} from 'react-redux';
import {combineReducers, legacy_createStore as createStore} from 'redux';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import type {Controller} from '../app/controller';
import {Recording} from '../app/recording';
import {PLUGIN_ID} from '../base/ids';
import type {Store} from '../base/platform';
import {Scope} from '../base/scope';
import {translations} from '../i18n/texts';
import type {CallEvent, CallInfo} from '../protocol/events';
import {INITIAL, reducer} from '../state/slice';
import type {CallsAction, CallsState, OwnCall} from '../state/slice';
import {withController} from './context';
import {Root} from './root';

const CHANNEL = 'c'.repeat(26);
const own: OwnCall = {
    channelId: CHANNEL, joinedAt: 1, phase: 'connected', session: 's', speaking: [], soundBlocked: false, devices: true,
    sending: {microphone: 'off', camera: 'off', screen: 'off'},
};
const call: CallInfo = {
    id: 'call', channelId: CHANNEL, startAt: 1, title: '', threadId: '', postId: 'p', ownerId: 'anna', hostId: 'me', screenSession: '',
    sessions: [{sessionId: 's', userId: 'me', unmuted: false, raisedHand: 0, video: false}],
};
const answers: {url: string; answer: () => Response}[] = [];

let root: ReactRoot;
let place: HTMLElement;
let store: Store;
let scope: Scope;
let tunes: string[];
let left: boolean;

const dispatch = (action: CallsAction): void => act(() => void store.dispatch(action));
const hears = (event: CallEvent): void => dispatch({type: 'parley/event', event});
const records = (more: {startAt?: number; endAt?: number; trouble?: string} = {}): void =>
    hears({type: 'recording', channelId: CHANNEL, recording: {initAt: 5, startAt: Date.now() - 65_000, endAt: 0, trouble: '', ...more}});

const widget = (): HTMLElement => document.querySelector<HTMLElement>('.parley-call')!;
const button = (name: string): HTMLButtonElement | undefined =>
    [...document.querySelectorAll('button')].find((one) => (one.getAttribute('aria-label') ?? one.textContent) === name);
const press = async (name: string): Promise<void> => {
    await act(async () => {
        button(name)?.click();
        await new Promise((resolve) => setTimeout(resolve, 0));
    });
};
/** What a screen reader is told at once. */
const alerts = (): string => [...document.querySelectorAll('.parley-call [role="alert"]')].map((one) => one.textContent).join('');

/** This person in a call; `host`: whose it is. */
const show = ({host = 'anna', offered = true, ...more}: {host?: string; offered?: boolean} & Partial<CallsState> = {}): void => {
    const slice: CallsState = {
        ...INITIAL,
        features: {screenSharing: true, video: true, recording: offered, recordingMinutes: 60},
        calls: {[CHANNEL]: {...call, hostId: host}},
        own,
        ...more,
    };
    const real = createStore(combineReducers({
        entities: () => ({users: {currentUserId: 'me', profiles: {}}}),
        [`plugins-${PLUGIN_ID}`]: (state: CallsState = slice, action: never) => reducer(state, action),
    }));
    store = real as Store;
    const controller = {
        recording: new Recording(store, scope, {
            chime: (tune) => tunes.push(tune),
            tell: (message, values) => void store.dispatch({
                type: 'parley/notice', notice: {serial: 1, tone: 'error', message, ...(values ? {values} : {})},
            } as {type: string}),
        }),
        leave: () => {
            left = true;
        },
    } as unknown as Controller;
    const Everything = withController(controller, Root);
    act(() => root.render(
        <Provider store={real}>
            <IntlProvider locale='en' messages={translations('en')}><Everything/></IntlProvider>
        </Provider>,
    ));
};

beforeEach(() => {
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
    answers.length = 0;
    vi.stubGlobal('fetch', (url: string) => {
        const next = answers.shift();
        if (!next || !url.endsWith(next.url)) {
            throw new Error(`nobody expects ${url}`);
        }
        return Promise.resolve(next.answer());
    });
    tunes = [];
    left = false;
    scope = new Scope();
    place = document.body.appendChild(document.createElement('div'));
    root = createRoot(place);
});

afterEach(() => {
    act(() => root.unmount());
    scope.close();
    place.remove();
    vi.useRealTimers();
    vi.unstubAllGlobals();
});

describe('who is in a call that is recorded', () => {
    it('sees, hears and is told so, and may stay', async () => {
        show();
        expect(document.querySelector('.parley-rec')).toBeNull();
        records();
        expect(document.querySelector('.parley-rec')?.getAttribute('aria-label')).toBe('This call is being recorded');
        expect(document.querySelector('.parley-rec')?.textContent).toBe('REC01:05');
        expect(widget().textContent).toContain('up to 60 min');
        expect(alerts()).toContain('If you stay, you agree to that.');
        expect(tunes).toEqual(['started']);
        await press('Stay');
        expect(alerts()).toBe('');
        expect(document.activeElement, 'the focus is not lost').toBe(widget());
        expect(document.querySelector('.parley-rec')).not.toBeNull();
        expect(left).toBe(false);
    });

    it('may leave', async () => {
        show();
        records();
        await press('Leave');
        expect(left).toBe(true);
    });

    it('is asked anew about each recording', async () => {
        show();
        records({startAt: 10});
        await press('Stay');
        records({startAt: 10, endAt: 20});
        expect(alerts()).toBe('The recording has stopped. It will be posted in the call\'s thread.');
        expect(document.querySelector('.parley-rec')).toBeNull();
        records({startAt: 30});
        expect(button('Stay')).toBeDefined();
        expect(alerts(), 'the older word is gone').not.toContain('stopped');
        expect(tunes).toEqual(['started', 'stopped', 'started']);
    });

    it('is not asked any more when it stops unanswered', () => {
        show();
        records({startAt: 10});
        records({startAt: 10, endAt: 20});
        expect(button('Stay')).toBeUndefined();
    });

    it('is asked as a late joiner', () => {
        show({calls: {[CHANNEL]: {...call, hostId: 'anna', recording: {initAt: 5, startAt: 10, endAt: 0, trouble: ''}}}, own: null});
        expect(button('Stay')).toBeUndefined();
        dispatch({type: 'parley/own', own});
        expect(button('Stay')).toBeDefined();
        expect(tunes).toEqual(['started']);
    });

    it('reads what is wrong with it, without losing the question', async () => {
        show();
        records({startAt: 10});
        records({startAt: 10, trouble: 'The disk is slow.'});
        expect(alerts()).toContain('If you stay');
        expect(alerts()).toContain('The disk is slow.');
        await press('Dismiss');
        expect(alerts()).not.toContain('The disk is slow.');
        records({startAt: 10, endAt: 20, trouble: 'The disk is full.'});
        expect(alerts()).toBe('The recording has stopped. The disk is full.');
    });

    it('has the word that it is over for a while only, unless something was wrong', () => {
        vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
        show();
        records({startAt: 10});
        records({startAt: 10, endAt: 20});
        act(() => void vi.advanceTimersByTime(12_000));
        expect(alerts()).toBe('');
        records({startAt: 30});
        records({startAt: 30, endAt: 40, trouble: 'The disk is full.'});
        act(() => void vi.advanceTimersByTime(12_000));
        expect(alerts()).toContain('The disk is full.');
    });

    it('hears it in one of the call\'s two windows', () => {
        show({popout: true});
        records();
        expect(widget().textContent).toContain('If you stay');
        expect(alerts(), 'the other one speaks').toBe('');
    });
});

describe('the host', () => {
    const job = (more: Record<string, unknown>): (() => Response) => () =>
        new Response(JSON.stringify({type: 'recording', init_at: 5, start_at: 0, end_at: 0, ...more}));

    it('starts and stops it, and is told in few words', async () => {
        show({host: 'me'});
        expect(button('Record call')?.title).toBe('Record call (up to 60 min)');
        answers.push({url: `/calls/${CHANNEL}/recording/start`, answer: job({start_at: 10})});
        await press('Record call');
        expect(alerts()).toBe('The recording has started. Everybody in the call is told.');
        expect(button('Leave')).toBeUndefined();
        await press('OK');
        expect(alerts()).toBe('');
        answers.push({url: `/calls/${CHANNEL}/recording/stop`, answer: job({start_at: 10, end_at: 20})});
        await press('Stop recording');
        expect(alerts()).toContain('The recording has stopped.');
        expect(button('Record call')?.getAttribute('aria-disabled')).toBe('false');
    });

    it('asks once while the server is busy with it', async () => {
        show({host: 'me'});
        let answer: (response: Response) => void = () => undefined;
        const asked: string[] = [];
        vi.stubGlobal('fetch', (url: string) => {
            asked.push(url);
            return new Promise<Response>((resolve) => {
                answer = resolve;
            });
        });
        await press('Record call');
        expect(button('Record call')?.getAttribute('aria-disabled')).toBe('true');
        expect(button('Record call')?.title).toBe('The recording is about to start');
        await press('Record call');
        expect(asked).toEqual([expect.stringContaining('/recording/start')]);
        await act(async () => {
            answer(job({start_at: 10})());
            await new Promise((resolve) => setTimeout(resolve, 0));
        });
        expect(button('Stop recording')?.getAttribute('aria-disabled')).toBe('false');
    });

    it('waits for one that was asked for otherwise', () => {
        show({host: 'me'});
        records({startAt: 0});
        expect(button('Record call')?.getAttribute('aria-disabled')).toBe('true');
    });

    it('reads why it is refused, and can try again', async () => {
        show({host: 'me'});
        const refuse = (body: string): (() => Response) => () => new Response(body, {status: 403});
        answers.push({url: '/recording/start', answer: refuse(JSON.stringify({message: 'Too little disk space.', status_code: 403}))});
        await press('Record call');
        expect(document.querySelector('.parley-notice')?.textContent).toBe('Too little disk space.');
        answers.push({url: '/recording/start', answer: refuse('Bad gateway')});
        await press('Record call');
        expect(document.querySelector('.parley-notice')?.textContent).toBe('The recording could not be started. Try again in a moment.');
        expect(button('Record call')?.getAttribute('aria-disabled')).toBe('false');
    });

    it('can stop what was switched off meanwhile', () => {
        show({host: 'me', offered: false});
        records();
        expect(button('Stop recording')).toBeDefined();
    });

    it('has the button, and so has an admin, where recording is on', () => {
        show({host: 'anna'});
        expect(button('Record call')).toBeUndefined();
        hears({type: 'host', channelId: CHANNEL, hostId: 'me'});
        expect(button('Record call')).toBeDefined();
        show({host: 'me', offered: false});
        expect(button('Record call')).toBeUndefined();
        show({host: 'anna', users: {me: {id: 'me', username: 'me', roles: 'system_user system_admin'}}});
        expect(button('Record call')).toBeDefined();
    });
});
