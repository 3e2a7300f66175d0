// What a call of this tab tells, and what it needs of the world.

import type {CallEvent} from '../protocol/events';
import type {SpeakerProblem} from './audio';
import type {Devices} from './media';
import type {Resume} from './resume';
import type {Sending, SendingProblem} from './session_media';
import type {CallSocket} from './socket';

export type EndReason =
    | {type: 'left'}
    /** Refused before it began. */
    | {type: 'refused'; code: string; text: string}
    /** Could not connect, or lost for too long. */
    | {type: 'connection'}
    | {type: 'call_ended'; reason: string}
    | {type: 'removed'; reason: string};

export type Phase = 'connecting' | 'connected' | 'reconnecting' | 'ended';

export interface ClientState {
    phase: Phase;
    session: string;
    sending: Sending;
    speaking: readonly string[];
    soundBlocked: boolean;
    /** False on insecure pages. */
    devices: boolean;
}

export type ClientEvent =
    | {type: 'state'; state: ClientState}
    | {type: 'problem'; problem: SendingProblem | SpeakerProblem | 'rate_limited'}
    /** Something that the page hears, too, if it listens at all. */
    | {type: 'heard'; event: CallEvent}
    | {type: 'ended'; reason: EndReason};

export interface ClientOptions {
    channelId: string;
    title?: string;
    threadId?: string;
    resume?: Resume;
    /** Direct channels: talk at once. */
    unmute: boolean;
    simulcast: boolean;
    /** Takes pictures in AV1; sends none. */
    av1: boolean;
}

/** What the client needs of the world. */
export interface ClientWorld {
    socket: CallSocket;
    devices: Devices;
    connect(): RTCPeerConnection;
    report(channelId: string, session: string, report: Record<string, unknown>): Promise<void>;
}
