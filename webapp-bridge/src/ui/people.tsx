// Who is in the call, who speaks, who is muted.

import * as React from 'react';

import type {CallInfo, SessionInfo} from '../protocol/events';
import * as select from '../state/select';
import type {OwnCall} from '../state/slice';
import {Avatar} from './avatar';
import {Text, useName, usePlatform, useText} from './context';
import {Icon} from './icons';

interface PersonProps {
    session: SessionInfo;
    call: CallInfo;
    own: OwnCall;
    /** Of the face, in pixels. */
    size: number;
}

const Person = ({session, call, own, size}: PersonProps) => {
    const text = useText();
    const nameOf = useName();
    const name = nameOf(usePlatform((state) => select.userName(state, session.userId)));
    const mine = session.sessionId === own.session;
    // What we send is known here before the server has said so.
    const unmuted = mine ? own.sending.microphone === 'on' : session.unmuted;
    const speaking = unmuted && own.speaking.includes(session.sessionId);
    const sharing = mine ? own.sending.screen === 'on' : call.screenSession === session.sessionId;
    const away = !mine && session.away === true;
    const camera = mine ? own.sending.camera === 'on' : session.video;
    return (
        <li className={away ? 'parley-person parley-person--away' : 'parley-person'} data-session={session.sessionId} data-speaking={speaking}>
            <Avatar userId={session.userId} size={size} speaking={speaking}/>
            <span className='parley-person__who'>
                <span className='parley-person__name' title={name}>{name}</span>
                {mine ? <span className='parley-person__you'>{' '}<Text id='person.you'/></span> : null}
            </span>
            {call.hostId === session.userId
                ? <span role='img' className='parley-person__host' aria-label={text('person.host')} title={text('person.host')}><Icon name='host' size={14}/></span>
                : null}
            <span className='parley-person__states'>
                {away
                    ? <span role='img' className='parley-person__away' aria-label={text('person.away')} title={text('person.away')}><Icon name='away' size={16}/></span>
                    : null}
                {speaking ? <span className='parley-sr'><Text id='person.speaking'/></span> : null}
                {sharing
                    ? <span role='img' aria-label={text('person.sharing')} title={text('person.sharing')}><Icon name='screen' size={16}/></span>
                    : null}
                {camera
                    ? <span role='img' aria-label={text('person.camera')} title={text('person.camera')}><Icon name='camera' size={16}/></span>
                    : null}
                <span
                    role='img'
                    className={unmuted ? 'parley-person__mic parley-person__mic--on' : 'parley-person__mic'}
                    aria-label={text(unmuted ? 'person.unmuted' : 'person.muted')}
                    title={text(unmuted ? 'person.unmuted' : 'person.muted')}
                >
                    <Icon name={unmuted ? 'mic' : 'micOff'} size={16}/>
                </span>
            </span>
        </li>
    );
};

/** `faces`: nobody's picture is shown and there is room, so the people take its place. */
export const People = ({call, own, faces}: {call: CallInfo; own: OwnCall; faces: boolean}) => {
    const text = useText();
    return (
        <div className='parley-call__people'>
            <ul className='parley-people' aria-label={text('widget.participants')}>
                {call.sessions.map((session) => (
                    <Person key={session.sessionId} session={session} call={call} own={own} size={faces ? 72 : 28}/>
                ))}
            </ul>
            {call.sessions.length <= 1 && own.phase === 'connected'
                ? <p className='parley-call__hint'><Text id='widget.alone_here'/></p>
                : null}
        </div>
    );
};
