// Which screen or window to share: in the desktop app, which lists them but has no picker of its own.

import * as React from 'react';

import {desktopApi, sharesSound} from '../desktop/api';
import type {DesktopSource} from '../desktop/api';
import {Text, useController, useText} from './context';

const THUMBNAIL = {width: 400, height: 400};

/** Undefined while they are looked for. */
const useSources = (): readonly DesktopSource[] | undefined => {
    const [sources, setSources] = React.useState<readonly DesktopSource[]>();
    React.useEffect(() => {
        let gone = false;
        const asked = desktopApi()?.getDesktopSources?.({types: ['screen', 'window'], thumbnailSize: THUMBNAIL}) ?? Promise.resolve([]);
        asked.catch((error: unknown) => {
            console.warn('parley: the screens could not be listed', error);
            return [];
        }).then((found) => {
            if (!gone) {
                setSources(found);
            }
        }).catch(() => undefined);
        return () => {
            gone = true;
        };
    }, []);
    return sources;
};

export const SourcePicker = () => {
    const controller = useController();
    const text = useText();
    const sources = useSources();
    const [chosen, setChosen] = React.useState('');
    const [sound, setSound] = React.useState(false);
    const dialog = React.useRef<HTMLDialogElement>(null);
    React.useLayoutEffect(() => {
        const element = dialog.current;
        element?.showModal();
        return () => element?.close();
    }, []);
    const id = chosen || sources?.[0]?.id;
    const answer = (share: boolean): void => {
        controller.ask(null);
        if (share && id !== undefined) {
            controller.screen.choose(id, sound);
        }
    };
    return (
        <dialog
            ref={dialog}
            className='parley-dialog parley-sources a11y__modal'
            aria-labelledby='parley-sources-title'
            onCancel={(event) => {
                event.preventDefault();
                answer(false);
            }}
        >
            <h2 id='parley-sources-title'><Text id='source.title'/></h2>
            {sources === undefined ? <p role='status'><Text id='source.loading'/></p> : null}
            {sources?.length === 0 ? <p role='alert'><Text id='source.none'/></p> : null}
            {sources && sources.length > 0
                ? (
                    <fieldset className='parley-sources__list' aria-label={text('source.sources')}>
                        {sources.map((source) => (
                            <label key={source.id} className='parley-source'>
                                <input type='radio' name='parley-source' checked={source.id === id} onChange={() => setChosen(source.id)}/>
                                <img src={source.thumbnailURL} alt=''/>
                                <span className='parley-source__name'>{source.name}</span>
                            </label>
                        ))}
                    </fieldset>
                )
                : null}
            {sources && sources.length > 0 && sharesSound()
                ? (
                    <label className='parley-sources__sound'>
                        <input type='checkbox' checked={sound} onChange={(event) => setSound(event.target.checked)}/>
                        <Text id='source.sound'/>
                    </label>
                )
                : null}
            <div className='parley-dialog__buttons'>
                <button type='button' className='btn btn-tertiary parley-button' onClick={() => answer(false)}>
                    <Text id='ask.cancel'/>
                </button>
                <button type='button' className='btn btn-primary parley-button parley-button--primary' disabled={id === undefined} onClick={() => answer(true)}>
                    <Text id='source.share'/>
                </button>
            </div>
        </dialog>
    );
};
