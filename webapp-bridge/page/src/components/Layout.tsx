// The signed-in page: sidebar, channel, thread, and the places of plugins around them.
import * as React from 'react';

import {channelName, currentChannel} from '../store/select';
import {Banners} from './Banners';
import {ChannelHeader} from './ChannelHeader';
import {Composer} from './Composer';
import {usePageState, useText} from './context';
import {Notice} from './Notice';
import {PluginPlace} from './PluginPlace';
import {PostList} from './PostList';
import {Sidebar} from './Sidebar';
import {SidePanel} from './ThreadPanel';

export function Layout({center}: {center: React.ReactNode}): React.ReactElement {
    const [sidebarOpen, setSidebarOpen] = React.useState(false);
    const sideOpen = usePageState((state) => state.views.threadRootId !== '' || state.views.panelId !== '');
    return (
        <div className={`page-app${sideOpen ? ' page-app--side' : ''}`}>
            <Banners/>
            <Sidebar open={sidebarOpen} onClose={() => setSidebarOpen(false)}/>
            {sidebarOpen && <div className='page-app__shade' onClick={() => setSidebarOpen(false)}/>}
            {center ?? <Center onOpenSidebar={() => setSidebarOpen(true)}/>}
            <SidePanel/>
            <PluginPlace place='Root'/>
        </div>
    );
}

function Center({onOpenSidebar}: {onOpenSidebar: () => void}): React.ReactElement {
    const text = useText();
    const channel = usePageState(currentChannel);
    const missing = usePageState((state) => state.views.missing);
    const name = usePageState((state) => channelName(state, channel));
    if (missing || !channel) {
        return (
            <main className='page-center'>
                {missing && <Notice title={text('page.channel.missing.title')} body={text('page.channel.missing.body')}/>}
            </main>
        );
    }
    return (
        <main className='page-center a11y__region' data-a11y-sort-order='3' aria-label={name} id='channel_view'>
            <ChannelHeader channel={channel} onOpenSidebar={onOpenSidebar}/>
            <PostList key={channel.id} channel={channel}/>
            {channel.delete_at > 0 ?
                <p className='page-center__archived'>{text('page.channel.archived')}</p> :
                <Composer
                    key={`composer_${channel.id}`}
                    channelId={channel.id}
                    rootId=''
                    placeholder={text('page.composer.hint', {name})}
                    boxId='post_textbox'
                />}
        </main>
    );
}
