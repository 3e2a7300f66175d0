// A call that is recorded: the host's button, what everybody sees of it, and the question whether to stay.

import * as React from 'react';

import {isStarting} from '../protocol/recording';
import * as select from '../state/select';
import type {OwnCall, RecordingNote} from '../state/slice';
import {clock} from './clock';
import {Text, useController, useNow, usePlatform, useText} from './context';
import {Control} from './control';
import {Icon} from './icons';

/** "up to 60 min"; empty where there is no limit. */
const useLimit = (): string => {
    const text = useText();
    const minutes = usePlatform((state) => select.calls(state).features.recordingMinutes);
    return minutes > 0 ? text('recording.limit', {minutes}) : '';
};

/** For the host and for admins. */
export const RecordControl = ({own}: {own: OwnCall}) => {
    const controller = useController();
    const text = useText();
    const limit = useLimit();
    const shown = usePlatform((state) => select.mayRecord(state, own.channelId));
    const running = usePlatform((state) => select.recordingIn(state, own.channelId) !== undefined);
    const starting = usePlatform((state) => isStarting(select.callIn(state, own.channelId)?.recording));
    const wish = usePlatform((state) => select.calls(state).recording.wish);
    if (!shown) {
        return null;
    }
    const busy = wish ?? (starting ? 'start' : null);
    const id = running ? 'controls.stop_recording' : 'controls.record';
    const label = text(id);
    return (
        <Control
            id={id}
            icon={running ? 'recordStop' : 'record'}
            {...(running ? {tone: 'recording' as const} : {})}
            disabled={busy !== null || own.phase !== 'connected'}
            reason={busy ? text(`recording.${busy}`) : undefined}
            hint={running || limit === '' ? label : `${label} (${limit})`}
            onClick={() => void controller.recording.toggle()}
        />
    );
};

/** That the channel's call is recorded, and for how long it has been. */
export const RecordingBadge = ({channelId}: {channelId: string}) => {
    const text = useText();
    const now = useNow(1_000);
    const limit = useLimit();
    const startAt = usePlatform((state) => select.recordingIn(state, channelId)?.startAt);
    if (startAt === undefined) {
        return null;
    }
    const label = text('recording.label');
    return (
        <span className='parley-rec' role='img' aria-label={label} title={limit === '' ? label : `${label} (${limit})`}>
            <span className='parley-dot'/>
            <span className='parley-rec__text'><Text id='recording.badge'/></span>
            <span className='parley-rec__clock'>{clock(now - startAt)}</span>
        </span>
    );
};

/** The badge where it has a line of its own, and room for the limit. */
export const RecordingLine = ({channelId}: {channelId: string}) => {
    const limit = useLimit();
    const shown = usePlatform((state) => select.recordingIn(state, channelId) !== undefined);
    return shown
        ? <p className='parley-rec-line'><RecordingBadge channelId={channelId}/>{limit === '' ? null : <span>{limit}</span>}</p>
        : null;
};

/** What was pressed is gone then: the focus goes on in the call. */
const keepFocus = (button: HTMLElement): void => button.closest<HTMLElement>('.parley-call')?.focus();

const Question = ({own}: {own: OwnCall}) => {
    const controller = useController();
    const host = usePlatform((state) => select.isHost(state, own.channelId));
    const stay = (event: React.MouseEvent<HTMLElement>): void => {
        keepFocus(event.currentTarget);
        controller.recording.stay();
    };
    return (
        <div className='parley-recording__buttons'>
            {host
                ? null
                : (
                    <button type='button' className='btn btn-tertiary btn-sm parley-button' onClick={() => controller.leave()}>
                        <Text id='recording.leave'/>
                    </button>
                )}
            <button type='button' className='btn btn-primary btn-sm parley-button parley-button--primary' onClick={stay}>
                <Text id={host ? 'recording.ok' : 'recording.stay'}/>
            </button>
        </div>
    );
};

const NoteText = ({note}: {note: RecordingNote}) => {
    if (note.kind === 'over') {
        return note.text === '' ? <Text id='recording.over'/> : <Text id='recording.over_trouble' values={{text: note.text}}/>;
    }
    return <Text id='notice.text' values={{text: note.text}}/>;
};

/** `aloud`: here, of the two windows that may show it, it is spoken. */
export const RecordingBanner = ({own, aloud}: {own: OwnCall; aloud: boolean}) => {
    const controller = useController();
    const text = useText();
    const {asks, note} = usePlatform((state) => select.calls(state).recording);
    const host = usePlatform((state) => select.isHost(state, own.channelId));
    const dismiss = (event: React.MouseEvent<HTMLElement>): void => {
        keepFocus(event.currentTarget);
        controller.recording.dismissNote();
    };
    const alert = aloud ? {role: 'alert'} : {};
    return (
        <>
            <div className={asks ? 'parley-recording' : undefined}>
                <p className='parley-recording__text' {...alert}>
                    {asks ? <Text id={host ? 'recording.host' : 'recording.consent'}/> : null}
                </p>
                {asks ? <Question own={own}/> : null}
            </div>
            <div className={note ? `parley-recording parley-recording--${note.kind}` : undefined}>
                <p className='parley-recording__text' {...alert}>
                    {note ? <span key={note.serial}><NoteText note={note}/></span> : null}
                </p>
                {note
                    ? (
                        <button type='button' className='parley-notice__close' aria-label={text('notice.dismiss')} onClick={dismiss}>
                            <Icon name='close' size={16}/>
                        </button>
                    )
                    : null}
            </div>
        </>
    );
};
