// The `join` action (docs/protocol.md): a new session, or with `resume` a new media connection of ours.

import type {Fields} from '../base/parse';

export interface JoinWish {
    channelId: string;
    title: string | undefined;
    threadId: string | undefined;
    /** The session to take back. */
    resume: {session: string; token: string} | undefined;
    /** Takes pictures in AV1. */
    av1: boolean;
    /** State of a session that has to be made anew; nobody joins unmuted otherwise. */
    unmuted: boolean;
}

export const joinData = ({channelId, title, threadId, resume, av1, unmuted}: JoinWish): Fields => ({
    channelID: channelId,
    ...(title ? {title} : {}),
    ...(threadId ? {threadID: threadId} : {}),
    dcSignaling: true,
    av1Support: av1,
    parley: {v: 1, ...(resume ? {resume} : {}), unmuted: resume !== undefined && unmuted},
});
