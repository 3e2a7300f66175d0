// One post: who, when, what; a plugin's own body for its post types.
import * as React from 'react';
import {FormattedTime, useIntl} from 'react-intl';

import type {Post} from '../api/shapes';
import {displayName} from '../store/select';
import {Attachments} from './Attachments';
import {Avatar} from './Avatar';
import {usePageState, useServices, useText} from './context';
import {Message} from './Message';
import {PluginPart} from './PluginPlace';
import {Profile} from './Profile';

interface Props {
    post: Post;
    /** Follows one of the same author closely: no name or picture again. */
    compact: boolean;
    inThread: boolean;
}

function Body({post, inThread}: {post: Post; inThread: boolean}): React.ReactElement {
    const type = typeof post.props.type === 'string' && post.props.type.startsWith('custom_') ? post.props.type : post.type;
    const own = usePageState((state) => state.plugins.postTypes[type]);
    return own ?
        <PluginPart entry={own} extra={{post, compactDisplay: false, isRHS: inThread}}/> :
        <Message text={post.message}/>;
}

/** Rendered anew when its post changes, not with every event of the page. */
export const PostItem = React.memo(function PostItem({post, compact, inThread}: Props): React.ReactElement {
    const text = useText();
    const intl = useIntl();
    const {page} = useServices();
    const user = usePageState((state) => state.entities.users.profiles[post.user_id]);
    const name = usePageState((state) => displayName(state, user)) || text('page.post.deleted_user');
    const [profileOpen, setProfileOpen] = React.useState(false);
    const ephemeral = post.type === 'system_ephemeral';
    const fromSystem = post.type.startsWith('system_');
    const pending = post.id === post.pending_post_id;
    const openThread = (): void => {
        page.openThread(post.root_id || post.id).catch((error: unknown) => console.warn('The thread did not load', error));
    };
    const classes = ['post'];
    if (compact) {
        classes.push('post--compact');
    }
    if (fromSystem) {
        classes.push('post--system');
    }
    if (pending) {
        classes.push('post--pending');
    }
    return (
        <li className={classes.join(' ')} id={inThread ? undefined : `post_${post.id}`} data-post-id={post.id}>
            <div className='post__img'>{!compact && (fromSystem ? <span className='post__system' aria-hidden='true'/> : <Avatar user={user}/>)}</div>
            <div className='post__content'>
                {!compact &&
                    <div className='post__header'>
                        {fromSystem ?
                            <span className='post__author'>{text('page.post.system')}</span> :
                            <button type='button' className='user-popover' aria-expanded={profileOpen} onClick={() => setProfileOpen(!profileOpen)}>
                                {name}
                            </button>}
                        <time dateTime={new Date(post.create_at).toISOString()} title={intl.formatDate(post.create_at, {dateStyle: 'full', timeStyle: 'short'})}>
                            <FormattedTime value={post.create_at}/>
                        </time>
                        {ephemeral && <span className='post__note'>{text('page.post.only_you')}</span>}
                        {pending && <span className='post__note'>{text('page.post.sending')}</span>}
                        {profileOpen && user && <Profile user={user} onClose={() => setProfileOpen(false)}/>}
                    </div>}
                <div className='post__body'>
                    <Body post={post} inThread={inThread}/>
                    <Attachments post={post}/>
                    {post.edit_at > 0 && <span className='post__note'>{text('page.post.edited')}</span>}
                </div>
                {!inThread && post.reply_count > 0 &&
                    <button type='button' className='post__replies' onClick={openThread}>
                        <i className='icon icon-reply-outline' aria-hidden='true'/>
                        {text('page.post.replies', {count: post.reply_count})}
                    </button>}
            </div>
            {!inThread && !ephemeral && !pending &&
                <div className='post__actions'>
                    <button type='button' className='btn-icon' title={text('page.post.reply')} aria-label={text('page.post.reply')} onClick={openThread}>
                        <i className='icon icon-reply-outline' aria-hidden='true'/>
                    </button>
                </div>}
        </li>
    );
});
