import {describe, expect, it} from 'vitest';

import {parseCall, parseEvent, parseJoined, parseRefusal} from './events';

const CHANNEL = 'c'.repeat(26);
const broadcast = {channelId: CHANNEL, userId: '', connectionId: ''};

describe('events', () => {
    it('reads the call of call_state, which is JSON text', () => {
        const call = JSON.stringify({
            id: 'call', start_at: 5, sessions: [{session_id: 's', user_id: 'u', unmuted: true, raised_hand: 0, video: false}, {}],
            thread_id: '', post_id: 'p', screen_sharing_session_id: 's', owner_id: 'u', host_id: 'u',
        });
        const event = parseEvent('call_state', {channel_id: CHANNEL, call}, broadcast);
        expect(event).toMatchObject({
            type: 'call_state',
            channelId: CHANNEL,
            call: {id: 'call', postId: 'p', screenSession: 's', sessions: [{sessionId: 's', unmuted: true}]},
        });
    });

    it('reads user id in both spellings', () => {
        expect(parseEvent('user_joined', {user_id: 'u', session_id: 's'}, broadcast)).toMatchObject({type: 'joined', userId: 'u'});
        expect(parseEvent('user_left', {userID: 'u', session_id: 's'}, broadcast)).toMatchObject({type: 'left', userId: 'u'});
    });

    it('reads the state that a joining session brings, where it does', () => {
        const join = (parley: unknown) => parseEvent('user_joined', {user_id: 'u', session_id: 's', parley}, broadcast);
        expect(join({unmuted: true, raised_hand: 5})).toMatchObject({state: {unmuted: true, raisedHand: 5}});
        expect(join({unmuted: false, resumed: true})).toMatchObject({state: {unmuted: false}});
        for (const parley of [undefined, null, {}, {unmuted: 'yes', raised_hand: 'up'}]) {
            expect(join(parley)).toEqual({type: 'joined', channelId: CHANNEL, sessionId: 's', userId: 'u', state: {}});
        }
    });

    it('reads the recording of a call, and each change of it', () => {
        const job = {type: 'recording', init_at: 5, start_at: 6, end_at: 0, err: 'disk full'};
        const recording = {initAt: 5, startAt: 6, endAt: 0, trouble: 'disk full'};
        expect(parseCall({id: 'call', recording: job}, CHANNEL)?.recording).toEqual(recording);
        expect(parseEvent('call_job_state', {callID: CHANNEL, jobState: job}, broadcast)).toEqual({type: 'recording', channelId: CHANNEL, recording});
        const nowhere = {channelId: '', userId: '', connectionId: ''};
        expect(parseEvent('call_job_state', {callID: CHANNEL, jobState: job}, nowhere)).toMatchObject({channelId: CHANNEL});
    });

    it('leaves other jobs, and what is no job, alone', () => {
        for (const job of [undefined, null, {}, {type: 'transcribing', start_at: 6}, 'recording']) {
            expect(parseCall({id: 'call', recording: job}, CHANNEL)).not.toHaveProperty('recording');
            expect(parseEvent('call_job_state', {callID: CHANNEL, jobState: job}, broadcast)).toBeUndefined();
        }
    });

    it('takes the channel from the broadcast, else from the data', () => {
        const nowhere = {channelId: '', userId: '', connectionId: ''};
        expect(parseEvent('call_end', {channelID: CHANNEL}, nowhere)).toEqual({type: 'call_end', channelId: CHANNEL, reason: 'ended'});
        expect(parseEvent('call_end', {}, nowhere)).toBeUndefined();
        // Told to others, who cannot follow.
        expect(parseEvent('call_end', {channelID: CHANNEL, parley: {reason: 'moved'}}, nowhere)).toBeUndefined();
    });

    it('reads that a connection is lost, and that it is back', () => {
        const event = (state: string) => parseEvent('parley_connection', {session_id: 's', userID: 'u', state}, broadcast);
        expect(event('away')).toEqual({type: 'changed', channelId: CHANNEL, sessionId: 's', change: {away: true}});
        expect(event('back')).toMatchObject({change: {away: false}});
        const call = parseCall({id: 'call', sessions: [{session_id: 's', user_id: 'u', parley: {away: true}}, {session_id: 't', user_id: 'u'}]}, CHANNEL);
        expect(call?.sessions.map((session) => session.away ?? false)).toEqual([true, false]);
    });

    it('ignores a state without a session', () => {
        expect(parseEvent('user_muted', {userID: 'u'}, broadcast)).toBeUndefined();
    });

    it('survives any shape', () => {
        for (const value of [null, 1, 'x', [], {id: 7}, {id: ''}]) {
            expect(parseCall(value, CHANNEL)).toBeUndefined();
        }
    });
});

describe('the answer to join', () => {
    it('brings session and token', () => {
        expect(parseJoined({connID: 'conn', parley: {v: 1, session: 's', resume: 't', call_id: 'c'}}))
            .toEqual({session: 's', resume: 't', callId: 'c'});
    });

    it('takes the connection as session when there is nothing of ours', () => {
        expect(parseJoined({connID: 'conn'})).toEqual({session: 'conn', resume: '', callId: ''});
    });

    it('is refused with a code', () => {
        expect(parseRefusal({data: 'no', connID: 'conn', code: 'full'})).toEqual({code: 'full', text: 'no'});
        expect(parseRefusal({})).toEqual({code: 'unavailable', text: ''});
    });
});
