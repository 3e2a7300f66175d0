// The client's own view of the quality: to the media server each 10 s, and as a report for `/call stats`
// each 30 s and at the end. Nothing of it may disturb the call.

import type {Scope} from '../base/scope';
import type {Peer} from './peer';
import {quality, summarise} from './report';

const QUALITY_PERIOD_MS = 10_000;
const REPORT_PERIOD_MS = 30_000;

export class Reporter {
    constructor(
        scope: Scope,
        private readonly peer: () => Peer | undefined,
        private readonly send: (report: Record<string, unknown>) => Promise<void>,
    ) {
        scope.interval(() => void this.tellQuality(), QUALITY_PERIOD_MS);
        scope.interval(() => void this.report(), REPORT_PERIOD_MS);
    }

    async report(): Promise<void> {
        const peer = this.peer();
        if (!peer) {
            return;
        }
        try {
            await this.send(summarise(await peer.stats(), peer.rtt));
        } catch (error) {
            console.debug('parley: the report was not taken', error);
        }
    }

    private async tellQuality(): Promise<void> {
        const peer = this.peer();
        if (!peer) {
            return;
        }
        try {
            peer.tellQuality(quality(await peer.stats()));
        } catch (error) {
            console.debug('parley: no statistics', error);
        }
    }
}
