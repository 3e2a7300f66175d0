// Every view of the bridge with made-up people, for looking at: `?view=…&theme=…` chooses. Not part of
// the bundle.

import * as React from 'react';
import {createRoot} from 'react-dom/client';
import {IntlProvider} from 'react-intl';
import {Provider} from 'react-redux';
import {combineReducers, legacy_createStore as createStore} from 'redux';

import type {Controller} from '../app/controller';
import {CALL_POST_TYPE, PLUGIN_ID} from '../base/ids';
import type {Channel, Post, User} from '../base/platform';
import {Emitter} from '../base/emitter';
import {Board} from '../call/board';
import type {DeviceGroup} from '../call/device_picker';
import type {DeviceKind} from '../call/media';
import type {CallInfo} from '../protocol/events';
import {translations} from '../i18n/texts';
import {INITIAL, reducer} from '../state/slice';
import type {CallsState, OwnCall} from '../state/slice';
import {Badge} from '../ui/badge';
import {CallPost} from '../ui/call_post';
import {withController} from '../ui/context';
import {HeaderButton} from '../ui/header_button';
import {Root} from '../ui/root';
import css from '../ui/styles.css?inline';

const params = new URLSearchParams(window.location.search);
const view = params.get('view') ?? 'audio';
const locale = params.get('locale') ?? 'en';
const dark = params.get('theme') === 'dark';

const NAMES = ['alice', 'bob', 'carla with a very long name indeed', 'dimitri', 'erin', 'farid', 'gwen', 'hugo', 'ines', 'jonas'];
const CHANNEL = 'town';
const minute = 60_000;
const now = Date.now();

const users: User[] = NAMES.map((username, index) => ({id: `u${index}`, username}));

const board = new Board();

const picture = (index: number, width: number, height: number): MediaStreamTrack => {
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const paint = canvas.getContext('2d');
    const draw = (): void => {
        if (paint) {
            paint.fillStyle = `hsl(${index * 67} 45% 40%)`;
            paint.fillRect(0, 0, width, height);
            paint.fillStyle = '#fff';
            paint.font = `${height / 4}px sans-serif`;
            paint.fillText(`${NAMES[index] ?? ''} ${Math.floor(performance.now() / 100)}`, width / 20, height / 2);
        }
    };
    draw();
    setInterval(draw, 100);
    const track = canvas.captureStream(10).getVideoTracks()[0];
    if (!track) {
        throw new Error('no picture');
    }
    return track;
};

const people = Number(params.get('people') ?? (view === 'audio' ? 3 : 4));
const cameras = Number(params.get('cameras') ?? 0);
const screen = params.get('screen') === '1';

const rec = params.get('rec');

const call: CallInfo = {
    ...(rec === null || rec === 'over' ? {} : {recording: {initAt: now - 75_000, startAt: now - 75_000, endAt: 0, trouble: ''}}),
    id: 'call', channelId: CHANNEL, startAt: now - 83_000, title: '', threadId: 'post', postId: 'post',
    ownerId: 'u1', hostId: params.get('host') ?? 'u0', screenSession: screen ? 's1' : '',
    sessions: users.slice(0, people).map((user, index) => ({
        sessionId: `s${index}`, userId: user.id, unmuted: index % 2 === 0, raisedHand: 0, video: index < cameras,
    })),
};

const own: OwnCall = {
    channelId: CHANNEL, joinedAt: now - 83_000,
    phase: (params.get('phase') as OwnCall['phase'] | null) ?? 'connected',
    session: 's0',
    sending: {microphone: 'on', camera: cameras > 0 ? 'on' : 'off', screen: 'off'},
    speaking: ['s0', 's2'], soundBlocked: params.get('blocked') === '1', devices: params.get('insecure') !== '1',
};

for (let index = 0; index < cameras; index += 1) {
    board.handleTrack(`v${index}`, picture(index, 640, 360));
}
board.handleTrack('screen', picture(1, 1600, 900));
board.setOwn('s0', 'video', cameras > 0 ? picture(0, 640, 360) : null);
board.handleSlots([
    ...(screen ? [{mid: 'screen', kind: 'screen' as const, session: 's1', publication: '', csrc: 1}] : []),
    ...Array.from({length: cameras}, (_, index) => ({mid: `v${index}`, kind: 'video' as const, session: `s${index}`, publication: '', csrc: 2})).slice(1),
]);

const state: CallsState = {
    ...INITIAL,
    calls: view === 'idle' ? {} : {[CHANNEL]: call},
    own: ['idle', 'outside', 'join'].includes(view) ? null : own,
    features: {...INITIAL.features, recording: rec !== null, recordingMinutes: 60},
    recording: {
        asks: rec === 'asks',
        note: rec === 'trouble'
            ? {serial: 1, kind: 'trouble', text: 'The disk is nearly full: only sound is recorded from now on.'}
            : rec === 'over' ? {serial: 1, kind: 'over', text: ''} : null,
        wish: null,
    },
    mode: view === 'large' ? 'large' : view === 'minimised' ? 'minimised' : 'widget',
    prompt: view === 'join' ? {type: 'join', channelId: CHANNEL} : view === 'end' ? {type: 'end', channelId: CHANNEL} : null,
    notice: view === 'error'
        ? {serial: 1, tone: 'error', message: 'notice.microphone'}
        : view === 'info' ? {serial: 1, tone: 'info', message: 'notice.link_copied'} : null,
};

const channel: Channel = {id: CHANNEL, team_id: 't', type: 'O', name: 'town', display_name: 'Town Square', delete_at: 0};

const store = createStore(combineReducers({
    entities: () => ({
        users: {currentUserId: 'u0', profiles: Object.fromEntries(users.map((user) => [user.id, user]))},
        channels: {currentChannelId: CHANNEL, channels: {[CHANNEL]: channel}},
        general: {config: {}},
    }),
    [`plugins-${PLUGIN_ID}`]: (slice: CallsState = state, action: never) => reducer(slice, action),
}));

const devices = (kind: DeviceKind, names: string[]): DeviceGroup =>
    ({kind, options: ['', ...names].map((name) => ({id: name, label: name})), chosen: '', hidden: names.length === 0});

const picker = {
    changes: new Emitter<void>(),
    groups: [
        devices('microphone', ['Headset', 'Built-in microphone with a very long name']),
        devices('speaker', ['Headset']),
        devices('camera', []),
    ],
    refresh: () => Promise.resolve(),
    choose: () => Promise.resolve(),
};

const controller = {
    current: {board, picker, setView: () => undefined, toggleMicrophone: () => undefined},
    show: (mode: CallsState['mode']) => store.dispatch({type: 'parley/mode', mode}),
    ask: (prompt: CallsState['prompt']) => store.dispatch({type: 'parley/prompt', prompt}),
    dismiss: () => store.dispatch({type: 'parley/notice', notice: null}),
    join: () => undefined,
    recording: {
        toggle: () => Promise.resolve(),
        stay: () => store.dispatch({type: 'parley/recording', change: {asks: false}}),
        dismissNote: () => store.dispatch({type: 'parley/recording', change: {note: null}}),
    },
    leave: () => store.dispatch({type: 'parley/own', own: null}),
} as unknown as Controller;

const post = (id: string, props: Record<string, unknown>): Post =>
    ({id, channel_id: CHANNEL, user_id: 'u1', create_at: now - 83_000, message: 'bob started a call', props: {type: CALL_POST_TYPE, ...props}});

const Button = withController(controller, HeaderButton);
const ChannelBadge = withController(controller, Badge);
const PostBody = withController(controller, CallPost);
const Everything = withController(controller, Root);

const Story = () => (
    <Provider store={store}>
        <IntlProvider locale={locale} messages={translations(locale)}>
            <div style={{display: 'flex', justifyContent: 'space-between', padding: 16, borderBottom: '1px solid #8884'}}>
                <b>Town Square <ChannelBadge channel={channel}/></b>
                <Button/>
            </div>
            <div style={{padding: '16px 16px 16px 340px'}}>
                <PostBody post={post('old', {start_at: now - 90 * minute, end_at: now - 28 * minute, participants: ['u0', 'u1', 'u3']})}/>
                <PostBody post={post('titled', {start_at: now - 20 * minute, end_at: now - 19.5 * minute, title: 'Weekly', participants: []})}/>
                {view === 'idle' ? null : <PostBody post={post('post', {start_at: now - 83_000})}/>}
            </div>
            <Everything/>
        </IntlProvider>
    </Provider>
);

const theme = dark
    ? {bg: '#1f1f24', fg: '#e3e4e8', rgb: '227, 228, 232', accent: '#5d89ea'}
    : {bg: '#ffffff', fg: '#3f4350', rgb: '63, 67, 80', accent: '#1c58d9'};
const style = document.createElement('style');
style.textContent = `body{margin:0;font-family:"Open Sans",sans-serif;font-size:14px;
    --center-channel-bg:${theme.bg};--center-channel-color:${theme.fg};--center-channel-color-rgb:${theme.rgb};
    --button-bg:${theme.accent};--button-color:#fff;--online-indicator:#3db887;--error-text:#d24b4e;
    background:${theme.bg};color:${theme.fg}}${css}`;
document.head.append(style);
const place = document.createElement('div');
document.body.append(place);
createRoot(place).render(<Story/>);
