// What plugins find on `window`, as in Mattermost's web app.
import * as React from 'react';
import * as ReactDOM from 'react-dom';
import {createRoot} from 'react-dom/client';
import type {History} from 'history';
import * as ReactIntl from 'react-intl';
import * as ReactRedux from 'react-redux';
import * as Redux from 'redux';

import type {EventFrame} from '../socket/frame';

declare global {
    interface Window {
        basename?: string;
    }
}

/** The part of the web app's WebSocket client that plugins use. */
export interface SocketClient {
    sendMessage: (action: string, data: unknown) => void;
    addMessageListener: (listener: (frame: EventFrame) => void) => void;
    removeMessageListener: (listener: (frame: EventFrame) => void) => void;
    readonly connectionId: string;
}

export interface GlobalParts {
    basename: string;
    history: History;
    socketClient: SocketClient;
    registerPlugin: (id: string, instance: object) => void;
    store: {getState: () => {views: {threadRootId: string; panelId: string}}; dispatch: (action: {type: 'side_closed'}) => void};
    openThread: (postId: string) => void;
}

export function exposeGlobals(parts: GlobalParts): void {
    const {store, history} = parts;
    Object.assign(window, {
        React,
        ReactDOM: {...ReactDOM, createRoot},
        Redux,
        ReactRedux,
        ReactIntl,
        basename: parts.basename,
        registerPlugin: parts.registerPlugin,
        WebappUtils: {browserHistory: history, modals: {}, notificationSounds: {}},
        ProductApi: {
            useWebSocketClient: () => parts.socketClient,
            selectRhsPost: (postId: string) => () => parts.openThread(postId),
            closeRhs: () => ({type: 'side_closed'}),
            getRhsSelectedPostId: () => store.getState().views.threadRootId,
            getIsRhsOpen: () => store.getState().views.threadRootId !== '' || store.getState().views.panelId !== '',
        },
    });
}

/** Adds a classic script to the head; settles when it ran or could not be had. */
export function runScript(elementId: string, address: string): Promise<void> {
    return new Promise((resolve, reject) => {
        const script = document.createElement('script');
        script.id = elementId;
        script.defer = true;
        script.src = address;
        script.onload = () => resolve();
        script.onerror = () => reject(new Error(`no script at ${address}`));
        document.head.appendChild(script);
    });
}
