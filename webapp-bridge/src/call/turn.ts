// TURN servers whose name and password are this user's and hold for a while: asked for before the first
// connection, and again in time for later ones of the same call.

import {Scope} from '../base/scope';

/** Not more often, however soon a server lets its names run out. */
const AGAIN_MS_MIN = 60_000;
/** When the name does not say until when it holds, or none could be had. */
const AGAIN_MS_DEFAULT = 10 * 60_000;
/** A call does not wait longer for them: it may do without. */
const PATIENCE_MS = 3_000;

/** Until when a name holds, in Unix ms: `<unix seconds>:<user>`, as TURN servers with a shared secret have it. */
const expiry = (server: RTCIceServer): number | undefined => {
    const seconds = Number(/^(\d+):/.exec(server.username ?? '')?.[1]);
    return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
};

export class TurnServers {
    private readonly scope = new Scope();
    private known: readonly RTCIceServer[] = [];

    /** Without `fetch` no server wants credentials. */
    constructor(private readonly fetch: (() => Promise<RTCIceServer[]>) | undefined) {}

    /** For the next connection. */
    get servers(): readonly RTCIceServer[] {
        return this.known;
    }

    /** Settles when they are there, or were waited for long enough. */
    async load(): Promise<void> {
        if (this.fetch) {
            await Promise.race([this.refresh(this.fetch), new Promise<void>((resolve) => this.scope.timeout(resolve, PATIENCE_MS))]);
        }
    }

    close(): void {
        this.scope.close();
    }

    private async refresh(fetch: () => Promise<RTCIceServer[]>): Promise<void> {
        try {
            this.known = await fetch();
        } catch (error) {
            console.warn('parley: no credentials for TURN servers', error);
        }
        if (!this.scope.closed) {
            this.scope.timeout(() => void this.refresh(fetch), this.nextMs());
        }
    }

    /** At half of what is left of the first to expire. */
    private nextMs(): number {
        const ends = this.known.map(expiry).filter((end) => end !== undefined);
        const left = ends.length === 0 ? 2 * AGAIN_MS_DEFAULT : Math.min(...ends) - Date.now();
        return Math.max(AGAIN_MS_MIN, left / 2);
    }
}
