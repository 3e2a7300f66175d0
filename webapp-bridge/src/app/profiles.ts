// Profiles of people whom the page has not loaded: fetched in batches, each once.

import {fetchUsers} from '../base/api';
import type {User} from '../base/platform';
import type {Scope} from '../base/scope';
import type {CallEvent} from '../protocol/events';

const DELAY_MS = 50;

/** Whose names will be shown because of this event. */
export const peopleOf = (event: CallEvent): string[] => {
    switch (event.type) {
        case 'call_start':
            return [event.call.ownerId];
        case 'call_state':
            return event.call?.sessions.map((session) => session.userId) ?? [];
        case 'joined':
            return [event.userId];
        default:
            return [];
    }
};

export class Profiles {
    private readonly wanted = new Set<string>();
    private readonly asked = new Set<string>();
    private stop: (() => void) | undefined;

    constructor(
        private readonly scope: Scope,
        private readonly isKnown: (id: string) => boolean,
        private readonly keep: (users: User[]) => void,
    ) {}

    want(ids: string[]): void {
        for (const id of ids) {
            if (id !== '' && !this.asked.has(id) && !this.isKnown(id)) {
                this.wanted.add(id);
            }
        }
        if (this.wanted.size > 0) {
            this.stop ??= this.scope.timeout(() => void this.fetch(), DELAY_MS);
        }
    }

    private async fetch(): Promise<void> {
        this.stop = undefined;
        const ids = [...this.wanted];
        this.wanted.clear();
        ids.forEach((id) => this.asked.add(id));
        try {
            this.keep(await fetchUsers(ids));
        } catch (error) {
            ids.forEach((id) => this.asked.delete(id));
            console.warn('parley: profiles could not be read', error);
        }
    }
}
