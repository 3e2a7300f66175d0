// A post's files: recordings are played in place, everything can be downloaded.
import * as React from 'react';
import {useIntl} from 'react-intl';

import type {Post} from '../api/shapes';
import {attachments, cueText, type FileInfo, type Player} from '../app/attachments';
import {useText} from './context';

const address = (file: FileInfo): string => `${window.basename ?? ''}/api/v4/files/${file.id}`;

function useSize(): (bytes: number) => string {
    const intl = useIntl();
    return (bytes) => {
        const [value, unit] = bytes < 1e6 ? [bytes / 1e3, 'kilobyte'] as const : [bytes / 1e6, 'megabyte'] as const;
        return intl.formatNumber(value, {style: 'unit', unit, maximumFractionDigits: value < 10 ? 1 : 0});
    };
}

function Download({file}: {file: FileInfo}): React.ReactElement {
    const text = useText();
    const size = useSize();
    return (
        <a
            className='post-file__download'
            href={`${address(file)}?download=1`}
            download={file.name}
            aria-label={text('page.file.download_name', {name: file.name})}
            title={file.name}
        >
            <i className='icon icon-download-outline' aria-hidden='true'/>
            <span>{text('page.file.download')}</span>
            <span className='post-file__size'>{size(file.size)}</span>
        </a>
    );
}

/** Who speaks at this moment of what is played, read from its track. */
function useSpeakers(media: React.RefObject<HTMLMediaElement>, wanted: boolean): string {
    const [names, setNames] = React.useState('');
    React.useEffect(() => {
        const track = media.current?.textTracks[0];
        if (!wanted || !track) {
            return undefined;
        }
        track.mode = 'hidden';
        const read = (): void => {
            const cues = [...track.activeCues ?? []] as VTTCue[];
            setNames([...new Set(cues.map((cue) => cueText(cue.text)))].filter(Boolean).join(', '));
        };
        track.addEventListener('cuechange', read);
        return () => track.removeEventListener('cuechange', read);
    }, [media, wanted]);
    return names;
}

/** The names' times, from this part's beginning. */
function useOffset(track: React.RefObject<HTMLTrackElement>, from: number): void {
    React.useEffect(() => {
        const element = track.current;
        if (!element || from === 0) {
            return undefined;
        }
        const shift = (): void => {
            for (const cue of [...element.track.cues ?? []]) {
                if (cue.endTime <= from) {
                    element.track.removeCue(cue);
                } else {
                    cue.startTime = Math.max(0, cue.startTime - from);
                    cue.endTime -= from;
                }
            }
        };
        element.addEventListener('load', shift);
        return () => element.removeEventListener('load', shift);
    }, [track, from]);
}

function Part({player, title}: {player: Player; title: string}): React.ReactElement {
    const text = useText();
    const {file, speakers} = player;
    // Servers tell sound and picture apart by the file's ending, which both have in common.
    const [silent, setSilent] = React.useState(false);
    const [failed, setFailed] = React.useState(false);
    const isAudio = player.kind === 'audio' || silent;
    const media = React.useRef<HTMLVideoElement>(null);
    const track = React.useRef<HTMLTrackElement>(null);
    useOffset(track, player.from);
    const names = useSpeakers(media, isAudio && speakers !== undefined);
    return (
        <figure className={isAudio ? 'post-file post-file--audio' : 'post-file'}>
            <video
                ref={media}
                controls={true}
                preload='metadata'
                playsInline={true}
                aria-label={title}
                src={address(file)}
                onLoadedMetadata={(event) => setSilent(event.currentTarget.videoWidth === 0)}
                onError={() => setFailed(true)}
            >
                {speakers && <track ref={track} kind='captions' label={text('page.file.speakers')} src={address(speakers)} default={player.kind === 'video'}/>}
            </video>
            {failed && <p className='post-file__note' role='status'>{text('page.file.unplayable')}</p>}
            {isAudio && speakers && <p className='post-file__speakers'>{names}</p>}
            <figcaption>
                <span className='post-file__title' title={file.name}>{title}</span>
                <Download file={file}/>
            </figcaption>
        </figure>
    );
}

export function Attachments({post}: {post: Post}): React.ReactElement | null {
    const text = useText();
    const {players, others} = React.useMemo(() => attachments(post), [post]);
    if (players.length + others.length === 0) {
        return null;
    }
    return (
        <div className='post-files'>
            {players.map((player, at) => (
                <Part
                    key={player.file.id}
                    player={player}
                    title={players.length === 1 ? player.file.name : text('page.file.part', {number: at + 1, count: players.length})}
                />
            ))}
            {others.map((file) => (
                <div key={file.id} className='post-file post-file--other'>
                    <span className='post-file__title' title={file.name}>{file.name}</span>
                    <Download file={file}/>
                </div>
            ))}
        </div>
    );
}
