import {describe, expect, it} from 'vitest';

import type {CallInfo} from '../protocol/events';
import type {RecordingInfo} from '../protocol/recording';
import {RecordingWatch} from './recording_watch';

const own = {channelId: 'x', phase: 'connected'} as const;

const call = (recording?: Partial<RecordingInfo>): CallInfo => ({
    id: 'call', channelId: 'x', startAt: 1, title: '', threadId: '', postId: 'p', ownerId: 'a', hostId: 'a', screenSession: '', sessions: [],
    ...(recording ? {recording: {initAt: 5, startAt: 10, endAt: 0, trouble: '', ...recording}} : {}),
});

describe('a recording', () => {
    it('is told once when it starts, and once when it stops', () => {
        const watch = new RecordingWatch();
        expect(watch.look(own, call())).toBeUndefined();
        expect(watch.look(own, call({}))).toEqual({type: 'started', text: ''});
        expect(watch.look(own, call({}))).toBeUndefined();
        expect(watch.look(own, call({endAt: 20}))).toEqual({type: 'stopped', text: ''});
        expect(watch.look(own, call({endAt: 20}))).toBeUndefined();
    });

    it('is not told while it is only asked for', () => {
        const watch = new RecordingWatch();
        expect(watch.look(own, call({startAt: 0}))).toBeUndefined();
        expect(watch.look(own, call({}))).toEqual({type: 'started', text: ''});
    });

    it('is told to who joins late, when they are in; one that is over is not', () => {
        const late = new RecordingWatch();
        expect(late.look({...own, phase: 'connecting'}, call({}))).toBeUndefined();
        expect(late.look(own, call({}))).toEqual({type: 'started', text: ''});
        expect(new RecordingWatch().look(own, call({endAt: 20}))).toBeUndefined();
    });

    it('is told to who reloads the page', () => {
        expect(new RecordingWatch().look({...own, phase: 'reconnecting'}, call({}))).toEqual({type: 'started', text: ''});
    });

    it('is told for each new one, also when the end of the one before was missed', () => {
        const watch = new RecordingWatch();
        watch.look(own, call({}));
        expect(watch.look(own, call({startAt: 30}))).toEqual({type: 'started', text: ''});
        watch.look(own, call({startAt: 30, endAt: 40}));
        expect(watch.look(own, call({startAt: 50}))).toEqual({type: 'started', text: ''});
    });

    it('is told to who comes back, or goes to another call', () => {
        const watch = new RecordingWatch();
        watch.look(own, call({}));
        expect(watch.look(null, call({}))).toBeUndefined();
        expect(watch.look(own, call({}))).toEqual({type: 'started', text: ''});
        expect(watch.look({...own, channelId: 'y'}, call({}))).toEqual({type: 'started', text: ''});
    });

    it('is not told anew after an interruption', () => {
        const watch = new RecordingWatch();
        watch.look(own, call({}));
        expect(watch.look({...own, phase: 'reconnecting'}, call({}))).toBeUndefined();
        expect(watch.look(own, undefined)).toBeUndefined();
        expect(watch.look(own, call({}))).toBeUndefined();
    });

    it('tells what is wrong with it, when that changes and why it ended', () => {
        const watch = new RecordingWatch();
        expect(watch.look(own, call({trouble: 'slow disk'}))).toEqual({type: 'started', text: 'slow disk'});
        expect(watch.look(own, call({trouble: 'slow disk'}))).toBeUndefined();
        expect(watch.look(own, call({trouble: 'sound only'}))).toEqual({type: 'trouble', text: 'sound only'});
        expect(watch.look(own, call())).toEqual({type: 'stopped', text: ''});
        watch.look(own, call({}));
        expect(watch.look(own, call({endAt: 20, trouble: 'disk full'}))).toEqual({type: 'stopped', text: 'disk full'});
    });
});
