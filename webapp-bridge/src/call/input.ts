// One microphone or camera of this session: which device is wanted, and the track of the open one. Changes
// the device of an open track, and falls back to the default when a device is gone.

import {Emitter} from '../base/emitter';
import {DEFAULT_DEVICE, MediaError} from './media';

export class Input {
    /** The open device was unplugged or taken away; the default is wanted from now on. */
    readonly lost = new Emitter<void>();
    private wanted = DEFAULT_DEVICE;
    private opened = DEFAULT_DEVICE;
    private current: MediaStreamTrack | undefined;
    private closed = false;

    constructor(private readonly openDevice: (deviceId: string) => Promise<MediaStreamTrack>) {}

    /** Id of the device that is wanted; `DEFAULT_DEVICE` leaves it to the browser. */
    get chosen(): string {
        return this.wanted;
    }

    get track(): MediaStreamTrack | undefined {
        return this.current?.readyState === 'live' ? this.current : undefined;
    }

    /** The open track, or one of the wanted device; undefined when it was closed meanwhile. */
    async open(): Promise<MediaStreamTrack | undefined> {
        if (this.track) {
            return this.track;
        }
        const id = this.wanted;
        const track = await this.openDevice(id);
        if (this.usable(id)) {
            this.keep(track, id);
            return track;
        }
        track.stop();
        // Another one was chosen while the browser asked.
        return this.closed ? undefined : this.open();
    }

    /**
     * Wants another device. True when an open track was replaced: `track` is the new one then. Rejects when the
     * device cannot be had; the one before is wanted again then, and still open unless the system gives one at a time.
     */
    async choose(id: string): Promise<boolean> {
        this.wanted = id;
        const before = this.track;
        if (!before) {
            return false;
        }
        let track: MediaStreamTrack;
        try {
            track = await this.openBeside(before, id);
        } catch (error) {
            if (this.wanted !== id) {
                return false;
            }
            this.wanted = this.opened;
            throw error;
        }
        if (!this.usable(id) || this.current !== before) {
            track.stop();
            return false;
        }
        this.release();
        this.keep(track, id);
        return true;
    }

    /** The wanted device is no longer there. True when it was open: then `lost` is told. */
    forget(): boolean {
        const wasOpen = this.current !== undefined;
        this.release();
        this.wanted = DEFAULT_DEVICE;
        if (wasOpen) {
            this.lost.emit();
        }
        return wasOpen;
    }

    release(): void {
        if (this.current) {
            this.current.onended = null;
            this.current.stop();
            this.current = undefined;
        }
    }

    close(): void {
        this.closed = true;
        this.release();
    }

    private async openBeside(before: MediaStreamTrack, id: string): Promise<MediaStreamTrack> {
        try {
            return await this.openDevice(id);
        } catch (error) {
            const busy = error instanceof MediaError && error.problem === 'busy';
            if (!busy || !this.usable(id) || this.current !== before) {
                throw error;
            }
            // Phones open one camera at a time.
            before.stop();
            return this.openDevice(id);
        }
    }

    /** A track of this device still has somebody who wants it. */
    private usable(id: string): boolean {
        return !this.closed && this.wanted === id;
    }

    private keep(track: MediaStreamTrack, id: string): void {
        this.current = track;
        this.opened = id;
        track.onended = () => {
            if (this.current === track) {
                this.forget();
            }
        };
    }
}
