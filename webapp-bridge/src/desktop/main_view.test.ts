// @vitest-environment happy-dom
import {combineReducers, legacy_createStore as createStore} from 'redux';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';

import {Controller} from '../app/controller';
import {PLUGIN_ID} from '../base/ids';
import type {Store} from '../base/platform';
import * as select from '../state/select';
import {reducer} from '../state/slice';
import type {DesktopApi} from './api';
import {MainView, OPENING_MS} from './main_view';
import {takePermit} from './permit';

const CHANNEL = 'c'.repeat(26);
const OTHER = 'd'.repeat(26);

type Listener = (...args: unknown[]) => void;

let listeners: Record<string, Listener>;
let opened: {resolve: (joined: {callID: string; sessionID: string}) => void; reject: (error: unknown) => void; call: unknown}[];
let shell: DesktopApi;
const leaveCall = vi.fn();
const shareScreen = vi.fn();
let store: Store;
let controller: Controller;
let view: MainView;

const channels = Object.fromEntries([CHANNEL, OTHER].map((id) =>
    [id, {id, team_id: 't', type: 'O', name: `name-${id[0]!}`, display_name: id, delete_at: 0}]));

const slice = () => select.calls(store.getState());
const event = (name: string, data: Record<string, unknown>) => controller.handleEvent({type: name, ...data} as never);

const make = (): void => {
    store = createStore(combineReducers({
        entities: () => ({
            users: {currentUserId: 'me', profiles: {}},
            channels: {currentChannelId: CHANNEL, channels},
            teams: {currentTeamId: 't', teams: {t: {name: 'team'}}},
        }),
        [`plugins-${PLUGIN_ID}`]: reducer,
    }));
    controller = new Controller(store);
    view = new MainView(shell, controller, store);
    controller.useWindow(view);
};

beforeEach(() => {
    vi.useFakeTimers();
    leaveCall.mockClear();
    window.localStorage.clear();
    window.sessionStorage.clear();
    listeners = {};
    opened = [];
    const on = (name: string) => (listener: never) => {
        listeners[name] = listener;
        return () => void Reflect.deleteProperty(listeners, name);
    };
    shell = {
        joinCall: vi.fn((call) => new Promise<{callID: string; sessionID: string}>((resolve, reject) => opened.push({resolve, reject, call}))),
        leaveCall,
        shareScreen,
        onCallsError: on('error'),
        onOpenScreenShareModal: on('screen'),
        onJoinCallRequest: on('join'),
    };
    make();
});

afterEach(() => {
    view.close();
    controller.close();
    vi.useRealTimers();
});

describe('the desktop app\'s main window', () => {
    it('has the call opened in a window of the app\'s, with a permit for it', async () => {
        controller.join({channelId: CHANNEL, title: 'Weekly', muted: true});
        expect(opened[0]?.call).toEqual({callID: CHANNEL, title: 'Weekly', rootID: '', channelURL: '/team/channels/name-c'});
        expect(takePermit(CHANNEL, Date.now())).toMatchObject({channelId: CHANNEL, muted: true});
        expect(select.ownChannelId(store.getState())).toBe(CHANNEL);
        expect(slice().own, 'no widget in this page').toBeNull();
        opened[0]?.resolve({callID: CHANNEL, sessionID: 's1'});
        await vi.advanceTimersByTimeAsync(0);
        expect(slice().elsewhere).toEqual({channelId: CHANNEL, session: 's1'});
        controller.join({channelId: CHANNEL});
        expect(opened.length, 'once').toBe(1);
    });

    it('knows when that call is over', async () => {
        for (const over of [
            () => event('left', {channelId: CHANNEL, sessionId: 's1', userId: 'me'}),
            () => event('call_end', {channelId: CHANNEL, reason: 'ended'}),
            () => controller.leave(),
            () => listeners.error?.('client-info', CHANNEL, 'The call was ended.'),
            () => store.dispatch({type: 'parley/calls', calls: [], channels: {}} as never),
        ]) {
            controller.join({channelId: CHANNEL});
            opened.at(-1)?.resolve({callID: CHANNEL, sessionID: 's1'});
            await vi.advanceTimersByTimeAsync(0);
            event('left', {channelId: CHANNEL, sessionId: 'another', userId: 'me'});
            event('call_end', {channelId: OTHER, reason: 'ended'});
            expect(slice().elsewhere).not.toBeNull();
            over();
            expect(slice().elsewhere, over.toString()).toBeNull();
        }
        expect(leaveCall).toHaveBeenCalledTimes(1);
    });

    it('asks before it leaves a call for another', async () => {
        controller.join({channelId: CHANNEL});
        opened[0]?.resolve({callID: CHANNEL, sessionID: 's1'});
        await vi.advanceTimersByTimeAsync(0);
        listeners.join?.(OTHER);
        expect(slice().prompt).toEqual({type: 'switch', channelId: OTHER});
        controller.switchTo({channelId: OTHER});
        expect(leaveCall).toHaveBeenCalled();
        expect(opened[1]?.call).toMatchObject({callID: OTHER});
    });

    it('opens no window for what is no channel', () => {
        listeners.join?.('nonsense');
        expect(opened).toEqual([]);
    });

    it('remembers a call over a reload once its window has a session', async () => {
        controller.join({channelId: CHANNEL});
        expect(window.sessionStorage.length, 'the window may never come').toBe(0);
        opened[0]?.resolve({callID: CHANNEL, sessionID: 's1'});
        await vi.advanceTimersByTimeAsync(0);
        expect(window.sessionStorage.length).toBe(1);
    });

    it('does not stay in a call whose window did not come', async () => {
        const warn = vi.spyOn(console, 'warn').mockReturnValue(undefined);
        controller.join({channelId: CHANNEL});
        opened[0]?.reject(new Error('no window'));
        await vi.advanceTimersByTimeAsync(0);
        expect(slice().elsewhere).toBeNull();
        expect(slice().notice?.message).toBe('notice.unavailable');
        controller.join({channelId: CHANNEL});
        await vi.advanceTimersByTimeAsync(OPENING_MS);
        expect(slice().elsewhere).toBeNull();
        warn.mockRestore();
    });

    it('shows what the window tells, and what the system refuses', () => {
        listeners.error?.('client-error', CHANNEL, 'The connection to the call was lost.');
        expect(slice().notice).toMatchObject({tone: 'error', message: 'notice.text', values: {text: 'The connection to the call was lost.'}});
        listeners.error?.('client-info', CHANNEL, 'The call was ended.');
        expect(slice().notice?.tone).toBe('info');
        listeners.error?.('screen-permissions');
        expect(slice().notice?.message).toBe('notice.screen_permission');
    });

    it('lets the screen be chosen here and hands it to the window', () => {
        listeners.screen?.();
        expect(slice().prompt?.type).toBe('source');
        controller.screen.choose('screen:0:0', true);
        expect(shareScreen).toHaveBeenCalledWith('screen:0:0', true);
    });

    it('knows after a reload which call the window has', async () => {
        controller.join({channelId: CHANNEL});
        opened[0]?.resolve({callID: CHANNEL, sessionID: 's1'});
        await vi.advanceTimersByTimeAsync(0);
        view.close();
        make();
        expect(slice().elsewhere).toEqual({channelId: CHANNEL, session: 's1'});
    });
});
