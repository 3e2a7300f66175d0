// Recordings of this tab's call: asked for by its host, told to everybody in it, seen and heard.

import {HttpError, switchRecording} from '../base/api';
import type {Store} from '../base/platform';
import type {Scope} from '../base/scope';
import type {Tune} from '../call/chime';
import type {TextId} from '../i18n/texts';
import * as select from '../state/select';
import type {CallsAction, RecordingNote, RecordingView} from '../state/slice';
import {RecordingWatch} from './recording_watch';

/** How long the word that it is over stays. */
const OVER_MS = 12_000;

/** What it needs of the call and of the page. */
export interface Surface {
    chime(tune: Tune): void;
    tell(message: TextId, values?: Record<string, string>): void;
}

export class Recording {
    private readonly watch = new RecordingWatch();
    private serial = 0;
    private stopNote: () => void = () => undefined;

    constructor(private readonly store: Store, private readonly scope: Scope, private readonly surface: Surface) {
        scope.add(store.subscribe(() => this.look()));
    }

    /** Starts, or stops what runs; refusals are told in the server's words. */
    async toggle(): Promise<void> {
        const channelId = this.slice.own?.channelId;
        if (channelId === undefined || this.slice.recording.wish !== null) {
            return;
        }
        const wish = select.recordingIn(this.store.getState(), channelId) ? 'stop' : 'start';
        this.change({wish});
        try {
            const recording = await switchRecording(channelId, wish);
            if (recording) {
                this.dispatch({type: 'parley/event', event: {type: 'recording', channelId, recording}});
            }
        } catch (error) {
            const text = error instanceof HttpError ? error.text : '';
            if (text === '') {
                this.surface.tell(`notice.record_${wish}_failed`);
            } else {
                this.surface.tell('notice.text', {text});
            }
        }
        this.change({wish: null});
    }

    /** The user knows, and stays. */
    stay(): void {
        this.change({asks: false});
    }

    dismissNote(): void {
        this.change({note: null});
    }

    private get slice(): ReturnType<typeof select.calls> {
        return select.calls(this.store.getState());
    }

    private look(): void {
        const {own, calls} = this.slice;
        const news = this.watch.look(own, own ? calls[own.channelId] : undefined);
        switch (news?.type) {
            case 'started':
                this.change({asks: true, note: news.text === '' ? null : this.note('trouble', news.text)});
                this.surface.chime('started');
                break;
            case 'trouble':
                this.change({note: news.text === '' ? null : this.note('trouble', news.text)});
                break;
            case 'stopped':
                this.change({asks: false, note: this.note('over', news.text)});
                this.surface.chime('stopped');
                break;
            case undefined:
                break;
        }
    }

    private note(kind: RecordingNote['kind'], text: string): RecordingNote {
        this.serial += 1;
        this.stopNote();
        if (kind === 'over' && text === '') {
            this.stopNote = this.scope.timeout(() => this.dismissNote(), OVER_MS);
        }
        return {serial: this.serial, kind, text};
    }

    private change(change: Partial<RecordingView>): void {
        this.dispatch({type: 'parley/recording', change});
    }

    private dispatch(action: CallsAction): void {
        this.store.dispatch(action);
    }
}
