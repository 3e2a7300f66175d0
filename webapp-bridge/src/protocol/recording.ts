// What the server tells of a call's recording: its `recording` and the event `call_job_state`.

import {asFields, asNumber, asText} from '../base/parse';

/** The recording in progress, or the call's last one. */
export interface RecordingInfo {
    /** Unix ms when it was asked for. */
    initAt: number;
    /** Unix ms; 0 = it has not begun yet. */
    startAt: number;
    /** Unix ms; 0 = it goes on. */
    endAt: number;
    /** What is wrong with it, in the server's words; empty = nothing. */
    trouble: string;
}

/** Undefined for jobs of another kind. */
export const parseRecording = (value: unknown): RecordingInfo | undefined => {
    const fields = asFields(value);
    if (fields?.type !== 'recording') {
        return undefined;
    }
    return {
        initAt: asNumber(fields.init_at) ?? 0,
        startAt: asNumber(fields.start_at) ?? 0,
        endAt: asNumber(fields.end_at) ?? 0,
        trouble: asText(fields.err) ?? '',
    };
};

/** The recording, if it runs. */
export const running = (recording: RecordingInfo | undefined): RecordingInfo | undefined =>
    (recording && recording.startAt > 0 && recording.endAt === 0 ? recording : undefined);

/** Asked for, and not begun. */
export const isStarting = (recording: RecordingInfo | undefined): boolean =>
    recording !== undefined && recording.startAt === 0 && recording.endAt === 0;
