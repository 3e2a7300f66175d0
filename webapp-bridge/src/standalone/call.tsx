// One call and nothing else in a window: the desktop app's, which has opened it for the user, or a browser's,
// which asks first.

import * as React from 'react';
import {IntlProvider, createIntl} from 'react-intl';
import type {IntlShape} from 'react-intl';
import {Provider} from 'react-redux';
import {combineReducers, legacy_createStore as createStore} from 'redux';

import {Controller} from '../app/controller';
import type {Explanation} from '../app/reasons';
import {PLUGIN_ID} from '../base/ids';
import type {PlatformState, Store} from '../base/platform';
import {Scope} from '../base/scope';
import {SCREEN_PERMISSION_ERROR, captureSource} from '../desktop/api';
import type {DesktopApi} from '../desktop/api';
import {CLIENT_ERROR, CLIENT_INFO} from '../desktop/errors';
import type {Permit} from '../desktop/permit';
import {descriptor, translations} from '../i18n/texts';
import * as select from '../state/select';
import {reducer} from '../state/slice';
import {ControllerProvider, Text, usePlatform} from '../ui/context';
import {Root} from '../ui/root';
import type {Loaded} from './load';
import {useWindowSize} from './window_size';

export interface Wish {
    channelId: string;
    title: string;
    threadId: string;
}

/** Everything that a page of the web app would have brought. */
export class StandaloneCall {
    readonly store: Store;
    readonly controller: Controller;
    readonly intl: IntlShape;
    private readonly scope = new Scope();
    private told = false;

    constructor(loaded: Loaded, private readonly wish: Wish, private readonly desktop: DesktopApi | undefined) {
        this.intl = createIntl({locale: loaded.locale, messages: translations(loaded.locale)});
        const reducers = {entities: () => loaded.entities, [`plugins-${PLUGIN_ID}`]: reducer};
        this.store = createStore(combineReducers(reducers));
        this.controller = new Controller(this.store, {
            alone: true,
            onEnd: (explanation) => this.handleEnd(explanation),
            ...(desktop?.openScreenShareModal ? {askForScreen: () => desktop.openScreenShareModal?.()} : {}),
        });
        if (desktop) {
            this.followDesktop(desktop);
        }
    }

    /** Without a permit of the page that opened the window, the user is asked. */
    start(permit: Permit | undefined): void {
        const {channelId, title, threadId} = this.wish;
        this.controller.start();
        if (this.state.own) {
            // A reload is no new wish.
            return;
        }
        if (permit) {
            this.controller.join({channelId, title, threadId, muted: permit.muted});
        } else {
            this.controller.ask({type: 'join', channelId});
            this.closeUnlessWanted();
        }
    }

    /** Who was asked and does not want the call has no use for the app's window. */
    private closeUnlessWanted(): void {
        const stop = this.scope.add(this.store.subscribe(() => {
            if (this.state.prompt) {
                return;
            }
            stop();
            // The answer itself comes after the question has gone.
            queueMicrotask(() => {
                if (!this.state.own) {
                    this.desktop?.leaveCall?.();
                }
            });
        }));
    }

    private get state(): ReturnType<typeof select.calls> {
        return select.calls(this.store.getState());
    }

    private followDesktop(desktop: DesktopApi): void {
        this.scope.add(this.store.subscribe(() => {
            const own = this.told ? null : this.state.own;
            if (own?.phase === 'connected') {
                this.told = true;
                desktop.callsWidgetConnected?.(own.channelId, own.session);
            }
        }));
        desktop.onScreenShared?.((sourceId, withSound) =>
            this.controller.current?.share(() => captureSource(sourceId, withSound)));
        desktop.onCallsError?.((error) => {
            if (error === SCREEN_PERMISSION_ERROR) {
                this.controller.tell('error', 'notice.screen_permission');
            }
        });
    }

    /** The window has nothing to show any more: the main one explains. */
    private handleEnd(explanation: Explanation | undefined): void {
        const desktop = this.desktop;
        if (!desktop?.leaveCall) {
            return;
        }
        if (explanation) {
            const {message, tone, values} = explanation;
            const text = this.intl.formatMessage(descriptor(message), values);
            desktop.sendCallsError?.(tone === 'error' ? CLIENT_ERROR : CLIENT_INFO, this.wish.channelId, text);
        }
        desktop.leaveCall();
    }
}

const Shown = ({desktop}: {desktop: DesktopApi | undefined}) => {
    const idle = usePlatform((state: PlatformState) => {
        const {own, prompt} = select.calls(state);
        return own === null && prompt === null;
    });
    useWindowSize(desktop);
    return (
        <>
            {idle ? <p className='parley-gone'><Text id='alone.closed'/></p> : null}
            <Root place='alone'/>
        </>
    );
};

export const CallPage = ({call, desktop}: {call: StandaloneCall; desktop: DesktopApi | undefined}) => (
    <Provider store={call.store as never}>
        <IntlProvider locale={call.intl.locale} messages={call.intl.messages}>
            <ControllerProvider controller={call.controller}>
                <Shown desktop={desktop}/>
            </ControllerProvider>
        </IntlProvider>
    </Provider>
);
