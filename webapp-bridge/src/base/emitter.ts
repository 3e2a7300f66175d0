// Typed events out of the logic classes. One listener's failure does not keep others from hearing.

import type {Disposer} from './scope';

export class Emitter<Event> {
    private listeners = new Set<(event: Event) => void>();

    on(listener: (event: Event) => void): Disposer {
        this.listeners.add(listener);
        return () => {
            this.listeners.delete(listener);
        };
    }

    emit(event: Event): void {
        for (const listener of [...this.listeners]) {
            try {
                listener(event);
            } catch (error) {
                console.error('parley: a listener failed', error);
            }
        }
    }
}
