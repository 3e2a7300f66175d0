// The pictures: a shared screen, cameras, our own. Places exist for everybody who has a camera on; the
// server is told which are shown and how large, and fills them.

import * as React from 'react';

import type {Board, Picture} from '../call/board';
import {VIEW_CAMERAS_MAX} from '../protocol/channel';
import type {CallInfo} from '../protocol/events';
import * as select from '../state/select';
import type {OwnCall, ViewMode} from '../state/slice';
import {Avatar} from './avatar';
import {useController, useName, usePlatform, useText} from './context';

/** Cameras in the small widget. */
const WIDGET_CAMERAS_MAX = 4;

interface Place {
    session: string;
    userId: string;
    kind: Picture['kind'];
    own: boolean;
}

const usePictures = (board: Board | undefined): readonly Picture[] => {
    const [pictures, setPictures] = React.useState<readonly Picture[]>(board?.pictures ?? []);
    React.useEffect(() => {
        setPictures(board?.pictures ?? []);
        return board?.changes.on(() => setPictures(board.pictures));
    }, [board]);
    return pictures;
};

const Video = ({track, mirrored}: {track: MediaStreamTrack; mirrored: boolean}) => {
    const video = React.useRef<HTMLVideoElement>(null);
    React.useEffect(() => {
        const element = video.current;
        if (!element) {
            return undefined;
        }
        element.srcObject = new MediaStream([track]);
        // A muted video may always play; a rejection only means that it was replaced meanwhile.
        element.play().catch(() => undefined);
        return () => {
            element.srcObject = null;
        };
    }, [track]);
    return <video ref={video} className={mirrored ? 'parley-mirrored' : undefined} autoPlay={true} playsInline={true} muted={true}/>;
};

interface TileProps {
    place: Place;
    picture: Picture | undefined;
    speaking: boolean;
    onSize: (session: string, kind: Picture['kind'], height: number) => void;
}

/** Its accessible name, and the few words shown in it. */
const useTileTexts = (place: Place): {label: string; caption: string} => {
    const text = useText();
    const nameOf = useName();
    const name = nameOf(usePlatform((state) => select.userName(state, place.userId)));
    if (place.kind === 'screen') {
        const label = place.own ? text('picture.own_screen') : text('picture.screen', {name});
        return {label, caption: label};
    }
    return place.own
        ? {label: text('picture.own_camera'), caption: text('picture.you')}
        : {label: text('picture.camera', {name}), caption: name};
};

const Tile = ({place, picture, speaking, onSize}: TileProps) => {
    const figure = React.useRef<HTMLElement>(null);
    const {label, caption} = useTileTexts(place);
    const {session, kind} = place;
    React.useEffect(() => {
        const element = figure.current;
        if (!element || place.own) {
            return undefined;
        }
        const observer = new ResizeObserver(() => onSize(session, kind, element.clientHeight * window.devicePixelRatio));
        observer.observe(element);
        return () => {
            observer.disconnect();
            onSize(session, kind, 0);
        };
    }, [session, kind, place.own, onSize]);
    const classes = ['parley-tile', `parley-tile--${kind}`, place.own ? 'parley-tile--own' : '', speaking ? 'parley-tile--speaking' : ''];
    return (
        <figure ref={figure} className={classes.filter((name) => name !== '').join(' ')} aria-label={label} data-session={session} data-kind={kind}>
            {picture
                ? <Video track={picture.track} mirrored={place.own && kind === 'video'}/>
                : <Avatar userId={place.userId} size={48}/>}
            <figcaption aria-hidden='true'>{caption}</figcaption>
        </figure>
    );
};

const places = (call: CallInfo, own: OwnCall, mode: ViewMode): {screen: Place | undefined; cameras: Place[]} => {
    const userOf = (session: string): string => call.sessions.find((item) => item.sessionId === session)?.userId ?? '';
    // What we send is known here before the server has said so, and while it cannot.
    const others = call.screenSession === own.session ? '' : call.screenSession;
    const sharer = own.sending.screen === 'on' ? own.session : others;
    const screen: Place | undefined = sharer === ''
        ? undefined
        : {session: sharer, userId: userOf(sharer), kind: 'screen', own: sharer === own.session};
    const cameras = call.sessions
        .filter((session) => (session.sessionId === own.session ? own.sending.camera === 'on' : session.video))
        .map((session): Place => ({
            session: session.sessionId,
            userId: session.userId,
            kind: 'video',
            own: session.sessionId === own.session,
        }))
        // Our own picture last: it is the one we need least.
        .sort((a, b) => Number(a.own) - Number(b.own));
    const most = mode === 'large' ? VIEW_CAMERAS_MAX + 1 : WIDGET_CAMERAS_MAX;
    return {screen, cameras: cameras.slice(0, most)};
};

/** Whether there is anybody's picture to show. */
export const hasPictures = (call: CallInfo, own: OwnCall, mode: ViewMode): boolean => {
    const {screen, cameras} = places(call, own, mode);
    return mode !== 'minimised' && (screen !== undefined || cameras.length > 0);
};

/** Collects what the tiles show and tells the server once per change. */
const useView = (): TileProps['onSize'] => {
    const controller = useController();
    const sizes = React.useRef(new Map<string, number>());
    const timer = React.useRef<ReturnType<typeof setTimeout>>();
    React.useEffect(() => () => clearTimeout(timer.current), []);
    return React.useCallback((session, kind, height) => {
        const key = `${kind} ${session}`;
        if (height > 0) {
            sizes.current.set(key, height);
        } else {
            sizes.current.delete(key);
        }
        clearTimeout(timer.current);
        timer.current = setTimeout(() => {
            const cameras = [...sizes.current]
                .filter(([name]) => name.startsWith('video '))
                .map(([name, size]) => ({session: name.slice('video '.length), height: Math.round(size)}));
            const screen = [...sizes.current.keys()].some((name) => name.startsWith('screen '));
            controller.current?.setView({screen, cameras: cameras.slice(0, VIEW_CAMERAS_MAX)});
        }, 100);
    }, [controller]);
};

export const Stage = ({call, own, mode}: {call: CallInfo; own: OwnCall; mode: ViewMode}) => {
    const controller = useController();
    const pictures = usePictures(controller.current?.board);
    const onSize = useView();
    const {screen, cameras} = places(call, own, mode);
    const find = (place: Place): Picture | undefined =>
        pictures.find((picture) => picture.kind === place.kind && picture.own === place.own &&
            (place.own || picture.session === place.session));
    if (!hasPictures(call, own, mode)) {
        return null;
    }
    return (
        <div className={screen ? 'parley-stage parley-stage--screen' : 'parley-stage'}>
            {screen ? <Tile key='screen' place={screen} picture={find(screen)} speaking={false} onSize={onSize}/> : null}
            {cameras.length > 0
                ? (
                    <div className='parley-grid' data-count={cameras.length}>
                        {cameras.map((place) => (
                            <Tile
                                key={place.session}
                                place={place}
                                picture={find(place)}
                                speaking={own.speaking.includes(place.session)}
                                onSize={onSize}
                            />
                        ))}
                    </div>
                )
                : null}
        </div>
    );
};
