// The right-hand side: a thread, or a plugin's panel.
import * as React from 'react';

import {channelName, sameList, threadPosts} from '../store/select';
import {Composer} from './Composer';
import {usePageState, useServices, useText} from './context';
import {PluginPart, renderValue, usePlace} from './PluginPlace';
import {isCompact, useStickToEnd} from './PostList';
import {PostItem} from './PostItem';
import {useDispatchPage} from './useDispatchPage';

export function SidePanel(): React.ReactElement | null {
    const rootId = usePageState((state) => state.views.threadRootId);
    const panelId = usePageState((state) => state.views.panelId);
    const panel = usePlace('RightHandSidebarComponent').find((entry) => entry.id === panelId);
    if (rootId) {
        return <Thread key={rootId} rootId={rootId}/>;
    }
    return panel ? <Frame title={renderValue(panel.title)}><PluginPart entry={panel} extra={{}}/></Frame> : null;
}

interface FrameProps {
    title: React.ReactNode;
    subtitle?: string;
    children: React.ReactNode;
}

function Frame({title, subtitle, children}: FrameProps): React.ReactElement {
    const text = useText();
    const dispatch = useDispatchPage();
    const heading = React.useId();
    return (
        <aside
            id='sidebar-right'
            className='page-side a11y__region'
            data-a11y-sort-order='4'
            aria-labelledby={heading}
            onKeyDown={(event) => {
                if (event.key === 'Escape') {
                    dispatch({type: 'side_closed'});
                }
            }}
        >
            <div id='rhsContainer' className='page-side__inner'>
                <header className='page-side__head'>
                    <h2 id={heading}>{title}</h2>
                    <span className='page-side__sub'>{subtitle}</span>
                    <button
                        type='button'
                        className='btn-icon'
                        aria-label={text('page.thread.close')}
                        title={text('page.thread.close')}
                        onClick={() => dispatch({type: 'side_closed'})}
                    >
                        <i className='icon icon-close' aria-hidden='true'/>
                    </button>
                </header>
                {children}
            </div>
        </aside>
    );
}

function Thread({rootId}: {rootId: string}): React.ReactElement {
    const text = useText();
    const {page} = useServices();
    const posts = usePageState((state) => threadPosts(state.entities.posts, rootId), sameList);
    const current = usePageState((state) => state.entities.channels.currentChannelId);
    const channelId = posts[0]?.channel_id ?? current;
    const channel = usePageState((whole) => whole.entities.channels.channels[channelId]);
    const name = usePageState((whole) => channelName(whole, channel));
    const box = useStickToEnd(posts, rootId);
    React.useEffect(() => page.markViewed(channelId), [page, channelId]);
    return (
        <Frame title={text('page.thread.title')} subtitle={name}>
            <div className='page-posts' ref={box}>
                <ol className='page-posts__list page-posts__inner' aria-label={text('page.thread.title')}>
                    {posts.map((post, index) => (
                        <PostItem key={post.id} post={post} compact={isCompact(post, posts[index - 1])} inThread={true}/>
                    ))}
                </ol>
            </div>
            <Composer channelId={channelId} rootId={rootId} placeholder={text('page.composer.reply')} boxId='reply_textbox'/>
        </Frame>
    );
}
