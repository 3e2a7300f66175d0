// The posts of a channel: starts at the end and stays there unless the reader scrolled up.
import * as React from 'react';
import {useIntl} from 'react-intl';

import type {Channel, Post} from '../api/shapes';
import {channelName, channelPosts, sameList} from '../store/select';
import {usePageState, useServices, useText} from './context';
import {PluginPlace} from './PluginPlace';
import {PostItem} from './PostItem';

const SAME_AUTHOR_MAX_MS = 5 * 60_000;
const AT_END_PX = 60;

export function isCompact(post: Post, before: Post | undefined): boolean {
    return before !== undefined && before.user_id === post.user_id && before.type === '' && post.type === '' &&
        post.create_at - before.create_at < SAME_AUTHOR_MAX_MS;
}

/** Keeps the end in view when something is added there. */
export function useStickToEnd(changed: unknown, place: string): React.RefObject<HTMLDivElement> {
    const box = React.useRef<HTMLDivElement>(null);
    const atEnd = React.useRef(true);
    React.useLayoutEffect(() => {
        atEnd.current = true;
    }, [place]);
    React.useLayoutEffect(() => {
        if (box.current && atEnd.current) {
            box.current.scrollTop = box.current.scrollHeight;
        }
    }, [changed, place]);
    React.useEffect(() => {
        const node = box.current;
        if (!node) {
            return undefined;
        }
        const onScroll = (): void => {
            atEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight < AT_END_PX;
        };
        const stick = new ResizeObserver(() => {
            if (atEnd.current) {
                node.scrollTop = node.scrollHeight;
            }
        });
        node.addEventListener('scroll', onScroll, {passive: true});
        stick.observe(node);
        if (node.firstElementChild) {
            stick.observe(node.firstElementChild);
        }
        return () => {
            node.removeEventListener('scroll', onScroll);
            stick.disconnect();
        };
    }, []);
    return box;
}

export function PostList({channel}: {channel: Channel}): React.ReactElement {
    const text = useText();
    const intl = useIntl();
    const {page} = useServices();
    const name = usePageState((state) => channelName(state, channel));
    const block = usePageState((state) => state.entities.posts.postsInChannel[channel.id]?.[0]);
    const posts = usePageState((state) => channelPosts(state.entities.posts, channel.id), sameList);
    const box = useStickToEnd(posts, channel.id);
    const day = (post: Post): string => intl.formatDate(post.create_at, {weekday: 'long', day: 'numeric', month: 'long'});
    return (
        <div className='page-posts' ref={box}>
            <div className='page-posts__inner'>
                <PluginPlace place='ChannelToast'/>
                {block && !block.oldest &&
                    <button
                        type='button'
                        className='btn btn-tertiary btn-sm page-posts__older'
                        onClick={() => {
                            page.loadOlder(channel.id).catch((error: unknown) => console.warn('Older messages did not load', error));
                        }}
                    >
                        {text('page.channel.older')}
                    </button>}
                {block?.oldest && <p className='page-posts__start'>{text('page.channel.empty', {name})}</p>}
                <ol className='page-posts__list' aria-label={text('page.post.list', {name})}>
                    {posts.map((post, index) => {
                        const before = posts[index - 1];
                        const newDay = before === undefined || day(before) !== day(post);
                        return (
                            <React.Fragment key={post.id}>
                                {newDay && <li className='page-posts__day' role='presentation'><span>{day(post)}</span></li>}
                                <PostItem post={post} compact={!newDay && isCompact(post, before)} inThread={false}/>
                            </React.Fragment>
                        );
                    })}
                </ol>
            </div>
        </div>
    );
}
