import {describe, expect, it, vi} from 'vitest';

import type {EventFrame} from '../socket/frame';
import {createPageStore, type PageStore} from '../store/store';
import {makeChannel, makeMember, makePost, makeUser, someId} from '../testing';
import {handleEvent, type EventSinks} from './events';

function setUp(): {store: PageStore; sinks: EventSinks; emit: (event: string, data: object, broadcast?: Partial<EventFrame['broadcast']>) => void} {
    const {store} = createPageStore();
    store.dispatch({type: 'me', user: makeUser('alice')});
    store.dispatch({type: 'channels', channels: [makeChannel('square')], members: [makeMember(someId('square'), someId('alice'))]});
    store.dispatch({type: 'posts_loaded', channelId: someId('square'), list: {order: [], posts: [], hasOlder: false}, older: false});
    const sinks: EventSinks = {
        dispatch: (action) => store.dispatch(action),
        getState: () => store.getState(),
        reloadChannels: vi.fn(),
        reloadTeams: vi.fn(),
        reloadConfig: vi.fn(),
        channelGone: vi.fn(),
        newPost: vi.fn(),
        usersNeeded: vi.fn(),
        pluginEnabled: vi.fn(),
        pluginDisabled: vi.fn(),
    };
    const emit = (event: string, data: object, broadcast: Partial<EventFrame['broadcast']> = {}): void => handleEvent({
        event,
        data: data as Record<string, unknown>,
        broadcast: {omit_users: [], user_id: '', channel_id: '', team_id: '', connection_id: '', ...broadcast},
        seq: 1,
    }, sinks);
    return {store, sinks, emit};
}

describe('platform events', () => {
    it('shows a new post once, and counts it as unread', () => {
        const {store, sinks, emit} = setUp();
        const post = makePost('one', {user_id: someId('bob')});
        emit('posted', {post: JSON.stringify(post)});
        emit('posted', {post: JSON.stringify(post)});
        expect(store.getState().entities.posts.postsInChannel[someId('square')]?.[0]?.order).toEqual([post.id]);
        expect(store.getState().entities.channels.channels[someId('square')]?.total_msg_count).toBe(1);
        expect(sinks.newPost).toHaveBeenCalledTimes(1);
    });

    it('fetches the channels when a post comes from one that is not known', () => {
        const {sinks, emit} = setUp();
        emit('posted', {post: JSON.stringify(makePost('x', {channel_id: someId('new')}))});
        expect(sinks.reloadChannels).toHaveBeenCalled();
    });

    it('follows edits and removals', () => {
        const {store, emit} = setUp();
        const post = makePost('one');
        emit('posted', {post: JSON.stringify(post)});
        emit('post_edited', {post: JSON.stringify({...post, message: 'Call ended', props: {end_at: 5}})});
        expect(store.getState().entities.posts.posts[post.id]?.props).toEqual({end_at: 5});
        emit('post_deleted', {post: JSON.stringify(post)});
        expect(store.getState().entities.posts.posts[post.id]).toBeUndefined();
    });

    it('leaves a channel when the server says so', () => {
        const {sinks, emit} = setUp();
        emit('user_removed', {channel_id: someId('square'), remover_id: someId('bob')}, {user_id: someId('alice')});
        expect(sinks.channelGone).toHaveBeenCalledWith(someId('square'));
    });

    it('loads and removes plugins', () => {
        const {sinks, emit} = setUp();
        emit('plugin_enabled', {manifest: {id: 'p', version: '1', webapp: {bundle_path: '/static/p/main.js'}}});
        emit('plugin_enabled', {manifest: {id: 'server-only', version: '1'}});
        emit('plugin_disabled', {manifest: {id: 'p'}});
        expect(sinks.pluginEnabled).toHaveBeenCalledTimes(1);
        expect(sinks.pluginDisabled).toHaveBeenCalledWith('p');
    });

    it('throws on a broken frame, so that the caller can log it', () => {
        const {emit} = setUp();
        expect(() => emit('posted', {post: '{'})).toThrow();
        expect(() => emit('status_change', {})).toThrow();
    });
});
