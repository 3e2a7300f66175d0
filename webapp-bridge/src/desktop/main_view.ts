// The desktop app's main window in the place of the server's own Calls plugin: the call runs in a window of the
// app's, which loads our page for it (`standalone/`). Here is only known which call that is.

import type {Controller} from '../app/controller';
import type {CallWindow, JoinWish} from '../app/surroundings';
import {isId} from '../base/ids';
import {asFields, asNonEmpty, fromJson} from '../base/parse';
import type {Store} from '../base/platform';
import {Scope} from '../base/scope';
import * as select from '../state/select';
import type {Elsewhere} from '../state/slice';
import {SCREEN_PERMISSION_ERROR} from './api';
import type {DesktopApi} from './api';
import {CLIENT_INFO} from './errors';
import {givePermit} from './permit';
import {readColours} from './theme';

/** Remembers over a reload of the main window which call the other window has. */
const KEY = 'parley.calls.elsewhere';
/** A window that has not said by then which session it has will not have one. */
export const OPENING_MS = 40_000;

export class MainView implements CallWindow {
    private readonly scope = new Scope();
    private stopOpening: () => void = () => undefined;

    constructor(
        private readonly api: DesktopApi,
        private readonly controller: Controller,
        private readonly store: Store,
    ) {
        const keep = (stop: (() => void) | undefined): void => {
            if (typeof stop === 'function') {
                this.scope.add(stop);
            }
        };
        keep(api.onCallsError?.((error, callId, text) => this.handleError(error, callId, text)));
        keep(api.onOpenScreenShareModal?.(() => controller.ask({type: 'source', channelId: this.current?.channelId ?? ''})));
        keep(api.onJoinCallRequest?.((callId) => {
            if (isId(callId)) {
                controller.join({channelId: callId});
            }
        }));
        const before = takeElsewhere();
        if (before) {
            this.set(before);
        }
        let saved = this.current;
        this.scope.add(store.subscribe(() => {
            // The whole web app's store: it changes all the time.
            if (saved !== this.current) {
                saved = this.current;
                saveElsewhere(saved);
            }
        }));
    }

    join(wish: JoinWish): void {
        const {channelId} = wish;
        givePermit({channelId, muted: wish.muted === true, ...readColours()}, Date.now());
        this.set({channelId, session: ''});
        this.stopOpening();
        this.stopOpening = this.scope.timeout(() => this.forget(channelId), OPENING_MS);
        this.api.joinCall?.({
            callID: channelId,
            title: wish.title ?? '',
            rootID: wish.threadId ?? '',
            channelURL: select.channelPath(this.store.getState(), channelId),
        }).then(({callID, sessionID}) => {
            if (this.current?.channelId === channelId && callID === channelId && !this.scope.closed) {
                this.stopOpening();
                this.set({channelId, session: sessionID});
            }
        }).catch((error: unknown) => {
            console.warn('parley: the call\'s window did not open', error);
            if (this.forget(channelId)) {
                this.controller.tell('error', 'notice.unavailable');
            }
        });
    }

    leave(): void {
        this.stopOpening();
        this.api.leaveCall?.();
        this.set(null);
    }

    share(sourceId: string, withSound: boolean): void {
        this.api.shareScreen?.(sourceId, withSound);
    }

    close(): void {
        this.scope.close();
    }

    private get current(): Elsewhere | null {
        return select.calls(this.store.getState()).elsewhere;
    }

    private handleError(error: string, callId: string | undefined, text: string | undefined): void {
        if (error === SCREEN_PERMISSION_ERROR) {
            this.controller.tell('error', 'notice.screen_permission');
            return;
        }
        if (callId !== undefined) {
            this.forget(callId);
        }
        this.controller.tell(error === CLIENT_INFO ? 'info' : 'error', text ? 'notice.text' : 'notice.lost', text ? {text} : undefined);
    }

    /** The window has no call any more. */
    private forget(channelId: string): boolean {
        const ours = this.current?.channelId === channelId;
        if (ours) {
            this.stopOpening();
            this.set(null);
        }
        return ours;
    }

    private set(elsewhere: Elsewhere | null): void {
        this.store.dispatch({type: 'parley/elsewhere', elsewhere} as {type: string});
    }
}

const saveElsewhere = (elsewhere: Elsewhere | null): void => {
    try {
        if (elsewhere && elsewhere.session !== '') {
            window.sessionStorage.setItem(KEY, JSON.stringify(elsewhere));
        } else {
            window.sessionStorage.removeItem(KEY);
        }
    } catch {
        // Storage switched off: after a reload the header offers to join; the app then shows its window.
    }
};

const takeElsewhere = (): Elsewhere | undefined => {
    try {
        const fields = asFields(fromJson(window.sessionStorage.getItem(KEY)));
        const channelId = asNonEmpty(fields?.channelId);
        const session = asNonEmpty(fields?.session);
        return channelId !== undefined && session !== undefined ? {channelId, session} : undefined;
    } catch {
        return undefined;
    }
};
