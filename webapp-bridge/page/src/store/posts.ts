// How posts change: blocks per channel (newest first), threads, edits and removals.
import type {Post, PostList} from '../api/shapes';
import type {PageAction} from './actions';
import {byKey, without} from './entities';
import type {Entities, PostBlock} from './state';

type PostsState = Entities['posts'];

export function posts(state: PostsState, action: PageAction): PostsState {
    switch (action.type) {
    case 'posts_loaded':
        return loaded(state, action.channelId, action.list, action.older);
    case 'thread_loaded':
        return action.list.posts.reduce(noteReply, {
            ...state,
            posts: byKey(state.posts, action.list.posts, (post) => post.id),
        });
    case 'post':
        return action.post.delete_at > 0 ? removed(state, action.post.id) : put(state, action.post);
    case 'post_removed':
        return removed(state, action.postId);
    case 'channel_gone':
        return {...state, postsInChannel: without(state.postsInChannel, action.channelId)};
    default:
        return state;
    }
}

function loaded(state: PostsState, channelId: string, list: PostList, older: boolean): PostsState {
    const before = state.postsInChannel[channelId]?.[0];
    const known = before?.order ?? [];
    const fresh = new Set(list.order);
    const kept = older ? known : known.filter((id) => isLocal(state.posts[id]));
    const order = older ? [...known, ...list.order.filter((id) => !known.includes(id))] : [...kept.filter((id) => !fresh.has(id)), ...list.order];
    const block: PostBlock = {order, recent: true, oldest: !list.hasOlder};
    const next = {
        ...state,
        posts: byKey(state.posts, list.posts, (post) => post.id),
        postsInChannel: {...state.postsInChannel, [channelId]: [sorted(block, {...state.posts, ...byId(list.posts)})]},
    };
    return list.posts.reduce(noteReply, next);
}

/** Ephemeral posts and those on their way exist here only: a reload from the server must not drop them. */
function isLocal(post: Post | undefined): boolean {
    return post !== undefined && (post.type === 'system_ephemeral' || post.id === post.pending_post_id);
}

function byId(list: readonly Post[]): Record<string, Post> {
    return Object.fromEntries(list.map((post) => [post.id, post]));
}

function sorted(block: PostBlock, all: Readonly<Record<string, Post>>): PostBlock {
    const at = (id: string): number => all[id]?.create_at ?? 0;
    return {...block, order: [...block.order].sort((a, b) => at(b) - at(a))};
}

function put(before: PostsState, post: Post): PostsState {
    // The server's copy replaces the one that was shown while it was being sent.
    const pending = post.pending_post_id;
    const state = pending && pending !== post.id && before.posts[pending] ? removed(before, pending) : before;
    const isNew = state.posts[post.id] === undefined;
    const all = {...state.posts, [post.id]: post};
    const block = state.postsInChannel[post.channel_id]?.[0];
    let inChannel = state.postsInChannel;
    if (block && !block.order.includes(post.id)) {
        inChannel = {...inChannel, [post.channel_id]: [sorted({...block, order: [post.id, ...block.order]}, all)]};
    }
    const next = noteReply({...state, posts: all, postsInChannel: inChannel}, post);
    const root = next.posts[post.root_id];
    if (isNew && root && post.type !== 'system_ephemeral' && post.id !== post.pending_post_id) {
        return {...next, posts: {...next.posts, [root.id]: {...root, reply_count: (next.postsInThread[root.id] ?? []).length}}};
    }
    return next;
}

function noteReply(state: PostsState, post: Post): PostsState {
    if (!post.root_id) {
        return state;
    }
    const replies = state.postsInThread[post.root_id] ?? [];
    return replies.includes(post.id) ?
        state :
        {...state, postsInThread: {...state.postsInThread, [post.root_id]: [...replies, post.id]}};
}

function removed(state: PostsState, postId: string): PostsState {
    const post = state.posts[postId];
    if (!post) {
        return state;
    }
    const block = state.postsInChannel[post.channel_id]?.[0];
    const replies = post.root_id ? state.postsInThread[post.root_id] : undefined;
    return {
        posts: without(state.posts, postId),
        postsInChannel: block ?
            {...state.postsInChannel, [post.channel_id]: [{...block, order: block.order.filter((id) => id !== postId)}]} :
            state.postsInChannel,
        postsInThread: replies ?
            {...state.postsInThread, [post.root_id]: replies.filter((id) => id !== postId)} :
            state.postsInThread,
    };
}
