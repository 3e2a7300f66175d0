// The signalling lock: asked for before a track is added, so that our offer meets no offer of the server.

import {Scope} from '../base/scope';

/** Between two requests after a refusal. */
export const LOCK_RETRY_MS = 50;
/** Then adding the track fails. */
export const LOCK_PATIENCE_MS = 5_000;

/** Asks through `request`, hears the answers through `handleReply`. One wish at a time. */
export class SignallingLock {
    private scope: Scope | undefined;
    private settle: ((granted: boolean) => void) | undefined;

    constructor(private readonly request: () => boolean) {}

    /** Resolves to whether it was granted in time. */
    acquire(): Promise<boolean> {
        if (this.scope) {
            return Promise.reject(new Error('the lock is already being asked for'));
        }
        const scope = new Scope();
        this.scope = scope;
        return new Promise((resolve) => {
            this.settle = (granted) => {
                this.scope = undefined;
                this.settle = undefined;
                scope.close();
                resolve(granted);
            };
            scope.timeout(() => this.settle?.(false), LOCK_PATIENCE_MS);
            this.ask();
        });
    }

    handleReply(granted: boolean): void {
        if (granted) {
            this.settle?.(true);
        } else {
            this.scope?.timeout(() => this.ask(), LOCK_RETRY_MS);
        }
    }

    /** Gives up, e.g. when the connection goes. */
    abort(): void {
        this.settle?.(false);
    }

    private ask(): void {
        if (!this.request()) {
            this.scope?.timeout(() => this.ask(), LOCK_RETRY_MS);
        }
    }
}
