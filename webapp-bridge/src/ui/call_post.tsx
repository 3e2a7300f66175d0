// The post that stands for a call: while it runs with its people and a way in, afterwards with what it was.

import * as React from 'react';

import {asFields, asNonEmpty, asNumber, asText, parseEach} from '../base/parse';
import type {Post} from '../base/platform';
import type {CallInfo} from '../protocol/events';
import * as select from '../state/select';
import {Avatar} from './avatar';
import {Text, useController, useDuration, useName, useNow, usePlatform, useText} from './context';
import {Icon} from './icons';
import {RecordingBadge} from './recording';

/** Faces shown in the post; the rest is a number. */
const FACES_MAX = 5;

const Faces = ({users}: {users: string[]}) => (
    <span className='parley-post__faces' aria-hidden='true'>
        {users.slice(0, FACES_MAX).map((id) => <Avatar key={id} userId={id} size={24}/>)}
        {users.length > FACES_MAX ? <span className='parley-post__more'>+{users.length - FACES_MAX}</span> : null}
    </span>
);

const People = ({users}: {users: string[]}) => {
    const nameOf = useName();
    const names = usePlatform((state) => users.map((id) => select.userName(state, id) ?? '').join('\n'));
    return (
        <span>
            <Text id='post.people' values={{count: users.length}}/>
            {users.length > 0
                ? <span className='parley-sr'>{': '}{names.split('\n').map((name) => nameOf(name || undefined)).join(', ')}</span>
                : null}
        </span>
    );
};

/** Who is in it; before anybody is, who started it, unless the title says that already. */
const Present = ({users, starter}: {users: string[]; starter: string | undefined}) => {
    if (users.length > 0) {
        return <People users={users}/>;
    }
    return starter === undefined ? null : <span><Text id='post.started' values={{name: starter}}/></span>;
};

const Running = ({post, call, starter}: {post: Post; call: CallInfo | undefined; starter: string | undefined}) => {
    const controller = useController();
    const text = useText();
    const duration = useDuration();
    const now = useNow(1_000);
    const here = usePlatform((state) => select.ownChannelId(state) === post.channel_id);
    const startAt = asNumber(post.props?.start_at) ?? post.create_at;
    const users = [...new Set(call?.sessions.map((session) => session.userId) ?? [])];
    return (
        <>
            <div className='parley-post__row'>
                <span>{text('post.since', {duration: duration(now - startAt)})}</span>
                <RecordingBadge channelId={post.channel_id}/>
                <Present users={users} starter={starter}/>
                <Faces users={users}/>
            </div>
            {here
                ? <span className='parley-post__here'><Text id='post.you_are_in'/></span>
                : (
                    <button
                        type='button'
                        className='btn btn-primary btn-sm parley-button parley-button--primary'
                        onClick={() => controller.join({channelId: post.channel_id})}
                    >
                        <Icon name='phone' size={16}/>
                        <Text id='header.join'/>
                    </button>
                )}
        </>
    );
};

export const CallPost = ({post}: {post: Post}) => {
    const text = useText();
    const duration = useDuration();
    const nameOf = useName();
    const call = usePlatform((state) => select.callIn(state, post.channel_id));
    const starter = nameOf(usePlatform((state) => select.userName(state, post.user_id)));
    const startAt = asNumber(post.props?.start_at) ?? post.create_at;
    const endAt = asNumber(post.props?.end_at) ?? 0;
    const title = asText(post.props?.title) ?? '';
    const ended = endAt > 0;
    const recordings = Object.keys(asFields(post.props?.recordings) ?? {}).length;
    const thisCall = call?.postId === post.id ? call : undefined;
    return (
        <div className={ended ? 'parley-post parley-post--ended' : 'parley-post'}>
            <span className='parley-post__icon'><Icon name={ended ? 'leave' : 'phone'}/></span>
            <div className='parley-post__body'>
                <div className='parley-post__title'>
                    {title === '' ? (ended ? text('post.ended') : text('post.started', {name: starter})) : title}
                </div>
                {ended
                    ? (
                        <div className='parley-post__row'>
                            {title === '' ? null : <span><Text id='post.ended'/></span>}
                            <span>{text('post.lasted', {duration: duration(endAt - startAt)})}</span>
                            <People users={parseEach(post.props?.participants, asNonEmpty)}/>
                            {recordings > 0 ? <span>{text('post.recordings', {count: recordings})}</span> : null}
                        </div>
                    )
                    : <Running post={post} call={thisCall} starter={title === '' ? undefined : starter}/>}
            </div>
        </div>
    );
};
