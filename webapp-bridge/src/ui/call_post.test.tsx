// @vitest-environment happy-dom
import * as React from 'react';
import {createRoot} from 'react-dom/client';
import type {Root} from 'react-dom/client';
import {act} from 'react-dom/test-utils';
import {IntlProvider} from 'react-intl';
import {Provider} from 'react-redux';
import {legacy_createStore as createStore} from 'redux';
import {afterEach, beforeEach, expect, it, vi} from 'vitest';

import type {Controller} from '../app/controller';
import {PLUGIN_ID} from '../base/ids';
import type {Post} from '../base/platform';
import {translations} from '../i18n/texts';
import type {CallInfo} from '../protocol/events';
import {INITIAL} from '../state/slice';
import {CallPost} from './call_post';
import {withController} from './context';

const CHANNEL = 'town';
let root: Root;
let place: HTMLElement;

beforeEach(() => {
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
    place = document.body.appendChild(document.createElement('div'));
    root = createRoot(place);
});

afterEach(() => {
    act(() => root.unmount());
    place.remove();
    vi.unstubAllGlobals();
});

/** The text of a call's post. `users`: who is in the call; null = it is not known to run. */
const shown = (props: Record<string, unknown>, users: string[] | null): string => {
    const call: CallInfo = {
        id: 'call', channelId: CHANNEL, startAt: 1, title: '', threadId: 'p', postId: 'p', ownerId: 'anna', hostId: 'anna', screenSession: '',
        sessions: (users ?? []).map((userId) => ({sessionId: userId, userId, unmuted: false, raisedHand: 0, video: false})),
    };
    const state = {
        entities: {users: {currentUserId: 'me', profiles: {anna: {id: 'anna', username: 'anna'}}}},
        [`plugins-${PLUGIN_ID}`]: {...INITIAL, calls: users ? {[CHANNEL]: call} : {}},
    };
    const post: Post = {id: 'p', channel_id: CHANNEL, user_id: 'anna', create_at: 1, message: '', props: {start_at: 1, ...props}};
    const Body = withController({} as unknown as Controller, CallPost);
    act(() => root.render(
        <Provider store={createStore(() => state)}>
            <IntlProvider locale='en' messages={translations('en')}><Body post={post}/></IntlProvider>
        </Provider>,
    ));
    return place.textContent;
};

it('says who started it as long as nobody has joined', () => {
    for (const props of [{}, {title: 'Weekly'}]) {
        const text = shown(props, []);
        expect(text).toContain('anna started a call');
        expect(text).not.toContain('Nobody joined');
    }
    expect(shown({title: 'Weekly'}, ['anna'])).toContain('1 participant');
    expect(shown({title: 'Weekly'}, ['anna'])).not.toContain('started');
});

it('says that nobody joined when that is certain', () => {
    expect(shown({end_at: 60_000, participants: []}, null)).toContain('Nobody joined');
});

it('says how often it was recorded', () => {
    const ended = {end_at: 60_000, participants: ['anna']};
    expect(shown({...ended, recordings: {a: {post_id: 'x'}, b: {post_id: 'y'}}}, null)).toContain('2 recordings');
    expect(shown({...ended, recordings: {}}, null)).not.toContain('recording');
});
