import {describe, expect, it} from 'vitest';

import type {CallEvent, CallInfo} from '../protocol/events';
import {INITIAL, applyEvent, reducer} from './slice';

const session = (sessionId: string, userId = sessionId) => ({sessionId, userId, unmuted: false, raisedHand: 0, video: false});

const call = (sessions: string[], more: Partial<CallInfo> = {}): CallInfo => ({
    id: 'call', channelId: 'x', startAt: 1, title: '', threadId: '', postId: 'p', ownerId: 'a', hostId: 'a',
    screenSession: '', sessions: sessions.map((id) => session(id)), ...more,
});

const after = (calls: Record<string, CallInfo>, ...events: CallEvent[]) =>
    events.reduce<Readonly<Record<string, CallInfo>>>(applyEvent, calls);

const at = {channelId: 'x'};

const joined = (sessionId: string, userId: string, state: Extract<CallEvent, {type: 'joined'}>['state'] = {}): CallEvent =>
    ({type: 'joined', ...at, sessionId, userId, state});

describe('running calls', () => {
    it('start, fill, and end with their last leaver', () => {
        const started = after({}, {type: 'call_start', call: call([])}, joined('s', 'a'));
        expect(started.x?.sessions.map((item) => item.sessionId)).toEqual(['s']);
        expect(after(started, {type: 'left', ...at, sessionId: 's', userId: 'a'})).toEqual({});
    });

    it('wait without anybody until the first one comes', () => {
        expect(after({}, {type: 'call_start', call: call([])}).x).toBeDefined();
    });

    it('do not change by an event that comes twice', () => {
        const once = after({x: call(['s'])}, joined('t', 'b'));
        expect(after(once, joined('t', 'b'))).toBe(once);
        expect(after(once, {type: 'call_start', call: call([])})).toBe(once);
        expect(after(once, {type: 'left', ...at, sessionId: 'gone', userId: 'b'})).toBe(once);
    });

    it('take over the state that a joining session brings, known before or not', () => {
        const calls = after({x: call(['s'])}, joined('t', 'b', {unmuted: true, raisedHand: 7}), joined('s', 'a', {unmuted: true}));
        expect(calls.x?.sessions).toMatchObject([
            {sessionId: 's', unmuted: true, raisedHand: 0},
            {sessionId: 't', unmuted: true, raisedHand: 7},
        ]);
        expect(after(calls, joined('t', 'b', {unmuted: true, raisedHand: 7}))).toBe(calls);
    });

    it('keep what is known of a session whose joining says nothing', () => {
        const calls = after({x: call(['s'])}, {type: 'changed', ...at, sessionId: 's', change: {unmuted: true}});
        expect(after(calls, joined('s', 'a'))).toBe(calls);
    });

    it('keep the other device of a user who leaves with one', () => {
        const calls = {x: call(['s', 't'])};
        expect(after(calls, {type: 'left', ...at, sessionId: 's', userId: 'a'}).x?.sessions.length).toBe(1);
    });

    it('know who shares, until that one stops or leaves', () => {
        const sharing = after({x: call(['s', 't'])}, {type: 'changed', ...at, sessionId: 's', change: {screen: true}});
        expect(sharing.x?.screenSession).toBe('s');
        expect(after(sharing, {type: 'changed', ...at, sessionId: 't', change: {screen: false}}).x?.screenSession).toBe('s');
        expect(after(sharing, {type: 'changed', ...at, sessionId: 's', change: {screen: false}}).x?.screenSession).toBe('');
        expect(after(sharing, {type: 'left', ...at, sessionId: 's', userId: 'a'}).x?.screenSession).toBe('');
    });

    it('follow mute and camera', () => {
        const calls = after({x: call(['s'])},
            {type: 'changed', ...at, sessionId: 's', change: {unmuted: true}},
            {type: 'changed', ...at, sessionId: 's', change: {video: true}});
        expect(calls.x?.sessions[0]).toMatchObject({unmuted: true, video: true});
    });

    it('know whose connection is lost, until it is back', () => {
        const lost = after({x: call(['s'])}, {type: 'changed', ...at, sessionId: 's', change: {away: true}});
        expect(lost.x?.sessions[0]?.away).toBe(true);
        const back = after(lost, {type: 'changed', ...at, sessionId: 's', change: {away: false}});
        expect(back.x?.sessions[0]?.away).toBe(false);
    });

    it('know their recording, and forget it when a state has none', () => {
        const recording = {initAt: 1, startAt: 2, endAt: 0, trouble: ''};
        const recorded = after({x: call(['s'])}, {type: 'recording', ...at, recording});
        expect(recorded.x?.recording).toEqual(recording);
        expect(after(recorded, joined('t', 'b')).x?.recording).toEqual(recording);
        expect(after(recorded, {type: 'call_state', ...at, call: call(['s'])}).x?.recording).toBeUndefined();
    });

    it('are what a state says, also that there is none', () => {
        expect(after({x: call(['s'])}, {type: 'call_state', channelId: 'x', call: call(['t'])}).x?.sessions[0]?.sessionId).toBe('t');
        expect(after({x: call(['s'])}, {type: 'call_state', channelId: 'x', call: undefined})).toEqual({});
    });

    it('ignore events of a call they have not seen', () => {
        const none = {};
        expect(after(none, joined('s', 'a'))).toBe(none);
    });
});

describe('the slice', () => {
    it('goes back to the small view when the call is over', () => {
        const large = reducer(INITIAL, {type: 'parley/mode', mode: 'large'});
        expect(reducer(large, {type: 'parley/own', own: null}).mode).toBe('widget');
    });

    it('asks about no recording of a call that is over', () => {
        const asked = reducer(INITIAL, {type: 'parley/recording', change: {asks: true}});
        expect(asked.recording.asks).toBe(true);
        expect(reducer(asked, {type: 'parley/own', own: null}).recording).toEqual(INITIAL.recording);
    });

    it('keeps its identity when nothing changed', () => {
        expect(reducer(INITIAL, {type: 'parley/event', event: {type: 'alone', channelId: 'x', endsInS: 60}})).toBe(INITIAL);
    });
});

describe('where calls are on', () => {
    it('follows the events of each channel, and the list that is loaded anew', () => {
        const off = reducer(INITIAL, {type: 'parley/event', event: {type: 'switched', channelId: 'x', enabled: false}});
        expect(off.channels).toEqual({x: {enabled: false}});
        const on = reducer(off, {type: 'parley/event', event: {type: 'switched', channelId: 'x', enabled: true}});
        expect(on.channels).toEqual({x: {enabled: true}});
        expect(reducer(on, {type: 'parley/calls', calls: [], channels: {}}).channels).toEqual({});
    });

    it('has what the web app reads in the place of its own plugin', () => {
        const called = reducer(INITIAL, {type: 'parley/event', event: {type: 'call_start', call: call(['s'])}});
        expect(called.sessions).toEqual({x: {s: {session_id: 's', user_id: 's'}}});
        expect(reducer(called, {type: 'parley/event', event: {type: 'call_end', channelId: 'x', reason: ''}}).sessions).toEqual({});
        expect(INITIAL.callsConfig).toEqual(expect.objectContaining({DefaultEnabled: true, EnableRinging: false, EnableSIPOutbound: false}));
    });
});
