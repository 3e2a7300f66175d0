// Plays the audio slots: one element per track, kept for the connection's life. Browsers may refuse to
// play before the first gesture on the page (after a reload): then the user is asked for one.

import {Emitter} from '../base/emitter';

export class AudioOut {
    /** Whether sound is blocked until a gesture. */
    readonly blocked = new Emitter<boolean>();
    private elements = new Map<string, HTMLAudioElement>();
    private holder: HTMLElement | undefined;
    private isBlocked = false;

    add(mid: string, track: MediaStreamTrack): void {
        this.removeElement(mid);
        if (!this.holder) {
            this.holder = document.createElement('div');
            this.holder.hidden = true;
            this.holder.dataset.testid = 'parley-audio';
            document.body.append(this.holder);
        }
        const element = document.createElement('audio');
        element.autoplay = true;
        element.dataset.mid = mid;
        element.srcObject = new MediaStream([track]);
        this.holder.append(element);
        this.elements.set(mid, element);
        this.play(element);
    }

    /** To be called from a gesture. */
    resume(): void {
        this.setBlocked(false);
        for (const element of this.elements.values()) {
            this.play(element);
        }
    }

    /** Removes all: a new connection brings new tracks. */
    reset(): void {
        for (const mid of [...this.elements.keys()]) {
            this.removeElement(mid);
        }
        this.holder?.remove();
        this.holder = undefined;
    }

    private play(element: HTMLAudioElement): void {
        element.play().catch((error: unknown) => {
            if (error instanceof DOMException && error.name === 'NotAllowedError' && element.isConnected) {
                this.setBlocked(true);
            }
        });
    }

    private setBlocked(blocked: boolean): void {
        if (this.isBlocked !== blocked) {
            this.isBlocked = blocked;
            this.blocked.emit(blocked);
        }
    }

    private removeElement(mid: string): void {
        const element = this.elements.get(mid);
        if (element) {
            element.pause();
            element.srcObject = null;
            element.remove();
            this.elements.delete(mid);
        }
    }
}
