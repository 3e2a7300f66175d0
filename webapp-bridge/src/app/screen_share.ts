// From where the shared screen comes: the window that was clicked in, or what the desktop app has listed.

import type {CallClient} from '../call/client';
import type {Screen} from '../call/media';
import {captureSource} from '../desktop/api';
import type {CallWindow} from './surroundings';

export class ScreenShare {
    /** From which window it was chosen: it ends with it. */
    private from: Window | undefined;
    private callWindow: CallWindow | undefined;

    constructor(
        private readonly client: () => CallClient | undefined,
        /** Where the browser does not ask which one. */
        private readonly ask: (() => void) | undefined,
    ) {}

    /** The call is in a window of the shell's. */
    shareIn(callWindow: CallWindow): void {
        this.callWindow = callWindow;
    }

    /** Stops sharing, or starts with what `capture` brings from the window that was clicked in. */
    toggle(capture: () => Promise<Screen>, from: Window): void {
        const client = this.client();
        if (client?.snapshot.sending.screen !== 'off') {
            client?.toggleScreen();
        } else if (this.ask) {
            this.ask();
        } else {
            this.from = from;
            client.share(capture);
        }
    }

    /** What was chosen of the desktop app's list. */
    choose(sourceId: string, withSound: boolean): void {
        if (this.callWindow) {
            this.callWindow.share(sourceId, withSound);
        } else {
            this.from = undefined;
            this.client()?.share(() => captureSource(sourceId, withSound));
        }
    }

    /** The call's own window was closed. */
    handleWindowGone(): void {
        const client = this.client();
        if (this.from && this.from !== window && client?.snapshot.sending.screen === 'on') {
            client.toggleScreen();
        }
        this.from = undefined;
    }
}
