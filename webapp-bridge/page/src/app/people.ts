// Profiles and statuses, fetched when somebody shows up who is not known yet, in batches.
import type {ApiClient} from '../api/client';
import type {PageStore} from '../store/store';

export const BATCH_DELAY_MS = 20;

export class People {
    private wanted = new Set<string>();
    private timer: ReturnType<typeof setTimeout> | undefined;

    constructor(
        private readonly api: Pick<ApiClient, 'statuses' | 'usersByIds'>,
        private readonly store: PageStore,
    ) {}

    needed(ids: readonly string[]): void {
        const {profiles} = this.store.getState().entities.users;
        for (const id of ids) {
            if (id !== '' && !profiles[id]) {
                this.wanted.add(id);
            }
        }
        if (this.wanted.size > 0 && this.timer === undefined) {
            this.timer = setTimeout(() => void this.fetch(), BATCH_DELAY_MS);
        }
    }

    private async fetch(): Promise<void> {
        this.timer = undefined;
        const ids = [...this.wanted];
        this.wanted = new Set();
        try {
            this.store.dispatch({type: 'users', users: await this.api.usersByIds(ids)});
            this.store.dispatch({type: 'statuses', statuses: await this.api.statuses(ids)});
        } catch (error) {
            console.warn('Profiles did not load', error);
        }
    }

    /** Only one's own status is pushed: others' are asked for. */
    async refreshStatuses(): Promise<void> {
        const ids = Object.keys(this.store.getState().entities.users.profiles);
        if (ids.length === 0) {
            return;
        }
        try {
            this.store.dispatch({type: 'statuses', statuses: await this.api.statuses(ids)});
        } catch (error) {
            console.warn('Statuses did not load', error);
        }
    }
}
