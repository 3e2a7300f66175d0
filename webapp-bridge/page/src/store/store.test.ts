import {describe, expect, it} from 'vitest';

import {makeChannel, makeMember, makePost, makeUser, someId} from '../testing';
import {channelName, displayName, isUnread, sidebarChannels, threadPosts} from './select';
import {createPageStore} from './store';

const square = someId('square');
const loaded = (order: string[], hasOlder = false) => ({
    type: 'posts_loaded' as const,
    channelId: square,
    older: false,
    list: {order: order.map(someId), posts: order.map((name, index) => makePost(name, {create_at: 1000 - index})), hasOlder},
});

describe('the store', () => {
    it('replaces the post that was shown while being sent', () => {
        const {store} = createPageStore();
        store.dispatch(loaded(['old']));
        store.dispatch({type: 'post', fresh: false, post: makePost('x', {id: 'alice:5', pending_post_id: 'alice:5', create_at: 2000})});
        store.dispatch({type: 'post', fresh: true, post: makePost('real', {pending_post_id: 'alice:5', create_at: 2001})});
        const {posts, postsInChannel} = store.getState().entities.posts;
        expect(postsInChannel[square]?.[0]?.order).toEqual([someId('real'), someId('old')]);
        expect(posts['alice:5']).toBeUndefined();
    });

    it('keeps what only this person sees when the channel is loaded again', () => {
        const {store} = createPageStore();
        store.dispatch(loaded(['a', 'b']));
        store.dispatch({type: 'post', fresh: false, post: makePost('note', {type: 'system_ephemeral', create_at: 5000})});
        store.dispatch(loaded(['c', 'a']));
        expect(store.getState().entities.posts.postsInChannel[square]?.[0]?.order).toEqual(['note', 'c', 'a'].map(someId));
    });

    it('adds older posts at the end and knows the beginning', () => {
        const {store} = createPageStore();
        store.dispatch(loaded(['a'], true));
        expect(store.getState().entities.posts.postsInChannel[square]?.[0]?.oldest).toBe(false);
        const older = loaded(['b']);
        older.list.posts[0]!.create_at = 1;
        store.dispatch({...older, older: true});
        expect(store.getState().entities.posts.postsInChannel[square]?.[0]).toMatchObject({order: ['a', 'b'].map(someId), oldest: true});
    });

    it('counts replies at their root', () => {
        const {store} = createPageStore();
        store.dispatch(loaded(['root']));
        store.dispatch({type: 'post', fresh: true, post: makePost('reply', {root_id: someId('root'), create_at: 3000})});
        expect(store.getState().entities.posts.posts[someId('root')]?.reply_count).toBe(1);
        expect(threadPosts(store.getState().entities.posts, someId('root')).map((post) => post.id)).toEqual([someId('root'), someId('reply')]);
    });

    it('does not lose one\'s own details to the view that others get', () => {
        const {store} = createPageStore();
        store.dispatch({type: 'me', user: makeUser('alice', {email: 'a@example.org'})});
        store.dispatch({type: 'users', users: [makeUser('alice')]});
        expect(store.getState().entities.users.profiles[someId('alice')]?.email).toBe('a@example.org');
    });

    it('gives plugins a slice and takes it back', () => {
        const {store, setPluginReducer, removePluginReducer} = createPageStore();
        const slice = (): unknown => (store.getState() as unknown as Record<string, unknown>)['plugins-x'];
        setPluginReducer('x', (state: number | undefined, action) => (action.type === 'add' ? (state ?? 0) + 1 : state ?? 0));
        expect(slice()).toBe(0);
        store.dispatch({type: 'add'} as never);
        expect(slice()).toBe(1);
        store.dispatch({type: 'locale', locale: 'de'});
        expect(slice()).toBe(1);
        removePluginReducer('x');
        store.dispatch({type: 'locale', locale: 'en'});
        expect(slice()).toBeUndefined();
    });

    it('runs thunks that plugins dispatch', () => {
        const {store} = createPageStore();
        const locale = store.dispatch(((dispatch: (action: object) => void, getState: typeof store.getState) => {
            dispatch({type: 'locale', locale: 'de'});
            return getState().views.locale;
        }) as never) as unknown;
        expect(locale).toBe('de');
    });

    it('forgets the person at sign-out, not the plugins', () => {
        const {store} = createPageStore();
        store.dispatch({type: 'me', user: makeUser('alice')});
        store.dispatch({type: 'plugin_component', place: 'Root', entry: {id: '1', pluginId: 'p'}});
        store.dispatch({type: 'signed_out'});
        expect(store.getState().entities.users.currentUserId).toBe('');
        expect(store.getState().plugins.components.Root).toHaveLength(1);
    });

    it('takes everything of a removed plugin out', () => {
        const {store} = createPageStore();
        store.dispatch({type: 'plugin_component', place: 'Root', entry: {id: '1', pluginId: 'p'}});
        store.dispatch({type: 'plugin_component', place: 'Root', entry: {id: '2', pluginId: 'q'}});
        store.dispatch({type: 'plugin_post_type', postType: 'custom_p', entry: {id: '3', pluginId: 'p'}});
        store.dispatch({type: 'plugin_removed', pluginId: 'p'});
        expect(store.getState().plugins.components.Root?.map((entry) => entry.id)).toEqual(['2']);
        expect(store.getState().plugins.postTypes).toEqual({});
    });
});

describe('questions to the state', () => {
    it('names people as the setting says', () => {
        const {store} = createPageStore();
        const user = makeUser('bob', {first_name: 'Bob', last_name: 'Baker', nickname: 'Bobby'});
        const named = (format: string): string => {
            store.dispatch({type: 'config', config: {TeammateNameDisplay: format}, license: {}});
            return displayName(store.getState(), user);
        };
        expect(named('username')).toBe('bob');
        expect(named('full_name')).toBe('Bob Baker');
        expect(named('nickname_full_name')).toBe('Bobby');
    });

    it('names a group message after the others', () => {
        const {store} = createPageStore();
        store.dispatch({type: 'me', user: makeUser('bob')});
        const group = makeChannel('gm', {type: 'G', team_id: '', name: 'hash', display_name: 'alice, bob, carol'});
        expect(channelName(store.getState(), group)).toBe('alice, carol');
        const named = (name: string) => makeUser(name, {first_name: name.toUpperCase()});
        store.dispatch({type: 'users_in_channel', channelId: group.id, users: ['carol', 'bob', 'alice'].map(named)});
        expect(channelName(store.getState(), group)).toBe('ALICE, CAROL');
    });

    it('names a direct channel after the other person, and lists it apart', () => {
        const {store} = createPageStore();
        store.dispatch({type: 'me', user: makeUser('alice')});
        store.dispatch({type: 'users', users: [makeUser('bob')]});
        store.dispatch({type: 'current_team', teamId: someId('team')});
        const direct = makeChannel('dm', {type: 'D', team_id: '', name: `${someId('alice')}__${someId('bob')}`});
        const other = makeChannel('elsewhere', {team_id: someId('team2')});
        const channels = [makeChannel('square', {total_msg_count: 2}), direct, other];
        store.dispatch({type: 'channels', channels, members: channels.map((channel) => makeMember(channel.id, someId('alice')))});
        const state = store.getState();
        expect(channelName(state, direct)).toBe('bob');
        const lists = sidebarChannels(state);
        expect(lists.channels.map((channel) => channel.name)).toEqual(['square']);
        expect(lists.direct).toEqual([direct]);
        expect(isUnread(state, channels[0]!)).toBe(true);
        store.dispatch({type: 'channel_viewed', channelId: square, now: 1});
        expect(isUnread(store.getState(), channels[0]!)).toBe(false);
    });
});
