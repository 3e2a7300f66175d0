// Plays the audio slots: one element per track, kept for the connection's life, all on the chosen speaker.
// Browsers may refuse to play before the first gesture on the page (after a reload): then the user is asked for one.

import {Emitter} from '../base/emitter';
import {startChime} from './chime';
import type {Tune} from './chime';
import type {DeviceUse} from './device_picker';
import {DEFAULT_DEVICE} from './media';

export type SpeakerProblem =
    | 'speaker'
    /** Unplugged: the default is used in its place. */
    | 'speaker_default';

/** In the place of a line of the connection. */
const CHIME = 'chime';

export class AudioOut {
    /** Whether sound is blocked until a gesture. */
    readonly blocked = new Emitter<boolean>();
    readonly problems = new Emitter<SpeakerProblem>();
    private elements = new Map<string, HTMLAudioElement>();
    private holder: HTMLElement | undefined;
    private isBlocked = false;
    private sink = DEFAULT_DEVICE;

    /** For the menu of devices. */
    use(): DeviceUse {
        const chosen = (): string => this.sink;
        return {
            get chosen() {
                return chosen();
            },
            choose: (id) => this.setSpeaker(id).catch(() => this.problems.emit('speaker')),
            handleGone: () => {
                this.problems.emit('speaker_default');
                void this.setSpeaker(DEFAULT_DEVICE).catch(() => undefined);
            },
        };
    }

    /** Plays on another speaker, later tracks too. Rejects when it cannot be used; all stay where they were then. */
    async setSpeaker(id: string): Promise<void> {
        const before = this.sink;
        this.sink = id;
        try {
            await Promise.all([...this.elements.values()].map((element) => element.setSinkId(id)));
        } catch (error) {
            if (this.sink === id) {
                this.sink = before;
                for (const element of this.elements.values()) {
                    this.sendToSpeaker(element);
                }
                throw error;
            }
        }
    }

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
        if (this.sink !== DEFAULT_DEVICE) {
            this.sendToSpeaker(element);
        }
        this.holder.append(element);
        this.elements.set(mid, element);
        this.play(element);
    }

    /** Plays it where the voices are played. */
    chime(tune: Tune): void {
        const chime = startChime(tune);
        if (!chime) {
            return;
        }
        this.add(CHIME, chime.track);
        const element = this.elements.get(CHIME);
        setTimeout(() => {
            chime.close();
            if (this.elements.get(CHIME) === element) {
                this.removeElement(CHIME);
            }
        }, chime.endsInMs);
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

    private sendToSpeaker(element: HTMLAudioElement): void {
        // It is heard on the default then; a speaker that is gone is noticed by the list of devices.
        element.setSinkId(this.sink).catch((error: unknown) => console.warn('parley: the speaker could not be used', error));
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
