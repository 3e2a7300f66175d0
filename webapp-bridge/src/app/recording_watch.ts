// When there is something to say of a call's recording: once for each, however it became known — by an
// event, by the state of a call that was joined late, or by the list that is loaded after an interruption.

import type {CallInfo} from '../protocol/events';
import {running} from '../protocol/recording';
import type {OwnCall} from '../state/slice';

/** `text` is the server's, about what is wrong; empty = nothing is. */
export type RecordingNews = {type: 'started' | 'trouble' | 'stopped'; text: string};

export class RecordingWatch {
    private channelId = '';
    /** Start of the recording that was told; 0 = none runs as far as was told. */
    private startAt = 0;
    private trouble = '';

    /** To be asked after each change. `own` is this tab's call, `call` what the server tells of it. */
    look(own: Pick<OwnCall, 'channelId' | 'phase'> | null, call: CallInfo | undefined): RecordingNews | undefined {
        if (own === null || own.channelId !== this.channelId) {
            this.channelId = own?.channelId ?? '';
            this.startAt = 0;
            this.trouble = '';
        }
        // Who is not in it yet is told when they are; a call that nobody knows of is about to be told anew, or over.
        if (own === null || own.phase === 'connecting' || !call) {
            return undefined;
        }
        const now = running(call.recording);
        if (!now) {
            if (this.startAt === 0) {
                return undefined;
            }
            const text = call.recording?.startAt === this.startAt ? call.recording.trouble : '';
            this.startAt = 0;
            this.trouble = '';
            return {type: 'stopped', text};
        }
        const {startAt, trouble: text} = now;
        if (startAt !== this.startAt) {
            this.startAt = startAt;
            this.trouble = text;
            return {type: 'started', text};
        }
        if (text !== this.trouble) {
            this.trouble = text;
            return {type: 'trouble', text};
        }
        return undefined;
    }
}
