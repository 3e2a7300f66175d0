// Who is to be seen: joins the slots (SlotMap) with the tracks of their m-lines and our own pictures.

import {Emitter} from '../base/emitter';
import type {Slot} from '../protocol/channel';

export interface Picture {
    /** Whose; our own session for the self-view. */
    session: string;
    kind: 'video' | 'screen';
    track: MediaStreamTrack;
    own: boolean;
}

export class Board {
    readonly changes = new Emitter<void>();
    private tracks = new Map<string, MediaStreamTrack>();
    private slots: readonly Slot[] = [];
    private own: Picture[] = [];
    private shown: readonly Picture[] = [];

    /** The pictures now; the same list until something changes. */
    get pictures(): readonly Picture[] {
        return this.shown;
    }

    handleTrack(mid: string, track: MediaStreamTrack): void {
        this.tracks.set(mid, track);
        this.refresh();
    }

    handleSlots(slots: readonly Slot[]): void {
        this.slots = slots;
        this.refresh();
    }

    /** A new connection: its m-lines have nothing to do with the old ones. */
    reset(): void {
        this.tracks.clear();
        this.slots = [];
        this.refresh();
    }

    setOwn(session: string, kind: Picture['kind'], track: MediaStreamTrack | null): void {
        this.own = this.own.filter((picture) => picture.kind !== kind);
        if (track) {
            this.own.push({session, kind, track, own: true});
        }
        this.refresh();
    }

    private refresh(): void {
        const pictures: Picture[] = [...this.own];
        for (const slot of this.slots) {
            const track = this.tracks.get(slot.mid);
            if (track?.kind === 'video' && (slot.kind === 'screen' || slot.kind === 'video')) {
                pictures.push({session: slot.session, kind: slot.kind, track, own: false});
            }
        }
        this.shown = pictures;
        this.changes.emit();
    }
}
