// This tab's call: a panel in the corner, a bar, or the whole page. One tree for all three, so that the
// focus and the pictures stay when the size changes.

import * as React from 'react';

import * as select from '../state/select';
import type {OwnCall, ViewMode} from '../state/slice';
import {Text, useController, useNow, usePlatform, useText} from './context';
import {clock} from './clock';
import {Controls} from './controls';
import {Icon} from './icons';
import type {IconName} from './icons';
import {useModal} from './modal';
import {People} from './people';
import {RecordingBadge, RecordingBanner, RecordingLine} from './recording';
import {Stage, hasPictures} from './stage';
import type {TextId} from '../i18n/texts';

/** In the page's corner, in the larger view's own window, or in a window that holds nothing else. */
export type Place = 'page' | 'popout' | 'alone';

const HeaderButton = ({id, icon, onClick}: {id: TextId; icon: IconName; onClick: () => void}) => {
    const label = useText()(id);
    return (
        <button type='button' className='parley-call__mode' aria-label={label} title={label} onClick={onClick}>
            <Icon name={icon} size={18}/>
        </button>
    );
};

const HeaderButtons = ({mode, place}: {mode: ViewMode; place: Place}) => {
    const controller = useController();
    const popout = usePlatform((state) => select.calls(state).popout);
    const show = (next: ViewMode) => () => controller.show(next);
    if (popout) {
        return (
            <>
                {place === 'popout' ? null : <HeaderButton id='popout.focus' icon='popout' onClick={() => controller.popout.focus()}/>}
                <HeaderButton id='popout.back' icon='popin' onClick={() => controller.popout.close()}/>
            </>
        );
    }
    const large = mode === 'large';
    return (
        <>
            {large || place === 'alone'
                ? <HeaderButton id='popout.open' icon='popout' onClick={() => controller.popOut()}/>
                : null}
            {mode === 'minimised'
                ? <HeaderButton id='widget.restore' icon='restore' onClick={show('widget')}/>
                : <HeaderButton id='widget.minimise' icon='minimise' onClick={show('minimised')}/>}
            {large ? <HeaderButton id='widget.reduce' icon='reduce' onClick={show('widget')}/> : null}
            {!large && place === 'page' ? <HeaderButton id='widget.enlarge' icon='enlarge' onClick={show('large')}/> : null}
        </>
    );
};

const Header = ({own, mode, place, startAt}: {own: OwnCall; mode: ViewMode; place: Place; startAt: number}) => {
    const now = useNow(1_000);
    const name = usePlatform((state) => select.channelName(state, own.channelId));
    const direct = usePlatform((state) => select.channel(state, own.channelId)?.type === 'D');
    return (
        <header className='parley-call__header'>
            <h2 className='parley-call__title' title={name}>
                {direct ? <Text id='widget.title_direct' values={{name}}/> : <Text id='widget.title' values={{channel: name}}/>}
            </h2>
            {own.phase === 'connected' ? <span className='parley-call__clock' aria-hidden='true'>{clock(now - startAt)}</span> : null}
            {mode === 'large' ? <RecordingBadge channelId={own.channelId}/> : null}
            <HeaderButtons mode={mode} place={place}/>
        </header>
    );
};

const Status = ({own}: {own: OwnCall}) => {
    const controller = useController();
    return (
        <>
            <div role='status' className='parley-call__status'>
                {own.phase === 'connecting' ? <Text id='widget.connecting'/> : null}
                {own.phase === 'reconnecting' ? <Text id='widget.reconnecting'/> : null}
            </div>
            {own.devices ? null : <p className='parley-call__hint' role='note'><Text id='widget.insecure'/></p>}
            {own.soundBlocked
                ? (
                    <p className='parley-call__hint'>
                        <Text id='widget.sound_blocked'/>{' '}
                        <button type='button' className='btn btn-primary btn-sm parley-button parley-button--primary' onClick={() => controller.current?.allowSound()}>
                            <Text id='widget.allow_sound'/>
                        </button>
                    </p>
                )
                : null}
        </>
    );
};

/**
 * What was pressed to come into the call is gone then, and the focus with it: it goes on in the call. Who
 * writes keeps writing; a page that was loaded anew has its own place for the focus.
 */
const useArrival = (section: React.RefObject<HTMLElement>, arrives: boolean): void => {
    const first = React.useRef(arrives);
    React.useEffect(() => {
        if (!first.current) {
            return undefined;
        }
        // After the other parts of the page have followed.
        const frame = requestAnimationFrame(() => {
            if (document.activeElement === null || document.activeElement === document.body) {
                section.current?.focus();
            }
        });
        return () => cancelAnimationFrame(frame);
    }, [section]);
};

/** Where one goes on after a call: to start or join one, else the channel. The ids are the web app's. */
const AFTER_CALL = ['button.parley-header', '#channelHeaderDropdownButton', '#post_textbox'];

/** What had the focus is gone with the call: it goes on at the place from which calls are started. */
const useDeparture = (section: React.RefObject<HTMLElement>): void => {
    React.useLayoutEffect(() => {
        const element = section.current;
        return () => {
            if (!element?.contains(document.activeElement)) {
                return;
            }
            // The other parts of the page follow first: the header has its button again then.
            requestAnimationFrame(() => {
                if (document.activeElement === null || document.activeElement === document.body) {
                    AFTER_CALL.map((place) => document.querySelector<HTMLElement>(place)).find((place) => place !== null)?.focus();
                }
            });
        };
    }, [section]);
};

const useMode = (place: Place): ViewMode => {
    const {mode, popout} = usePlatform(select.calls);
    if (popout) {
        return place === 'popout' ? 'large' : 'minimised';
    }
    return place === 'alone' && mode === 'large' ? 'widget' : mode;
};

export const Widget = ({own, place}: {own: OwnCall; place: Place}) => {
    const controller = useController();
    const text = useText();
    const mode = useMode(place);
    const call = usePlatform((state) => select.callIn(state, own.channelId));
    const poppedOut = usePlatform((state) => select.calls(state).popout);
    const section = React.useRef<HTMLElement>(null);
    const large = mode === 'large';
    const faces = large && call !== undefined && !hasPictures(call, own, mode);
    useModal(large, section, () => {
        if (place === 'page') {
            controller.show('widget');
        }
    });
    useArrival(section, own.phase === 'connecting');
    useDeparture(section);
    return (
        <section
            ref={section}
            role={large && place === 'page' ? 'dialog' : undefined}
            aria-modal={large && place === 'page' ? true : undefined}
            tabIndex={-1}
            className={`parley-call parley-call--${mode}${faces ? ' parley-call--faces' : ''} a11y__region`}
            aria-label={text('widget.label')}
            data-a11y-sort-order='9'
            data-phase={own.phase}
            data-session={own.session}
        >
            <Header own={own} mode={mode} place={place} startAt={call?.startAt ?? own.joinedAt}/>
            <div className='parley-call__top'>
                {large ? null : <RecordingLine channelId={own.channelId}/>}
                <Status own={own}/>
                <RecordingBanner own={own} aloud={place === 'popout' || !poppedOut}/>
            </div>
            {call ? <Stage call={call} own={own} mode={mode}/> : null}
            {call && mode !== 'minimised' ? <People call={call} own={own} faces={faces}/> : null}
            <Controls own={own} mode={mode}/>
        </section>
    );
};
