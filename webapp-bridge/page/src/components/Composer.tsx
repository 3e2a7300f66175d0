// The message box: text, slash-command completion, sending.
import * as React from 'react';

import {Completion} from '../app/autocomplete';
import {SendRefused} from '../app/sender';
import {usePageState, useServices, useText} from './context';
import {SuggestionList} from './SuggestionList';

interface Props {
    channelId: string;
    rootId: string;
    placeholder: string;
    boxId: string;
}

/** Why a text was not sent: the server's words, or that it could not be reached. */
type Failure = {kind: 'refused'; text: string} | {kind: 'unreachable'};

export function Composer({channelId, rootId, placeholder, boxId}: Props): React.ReactElement {
    const text = useText();
    const {api, sender} = useServices();
    const [value, setValue] = React.useState('');
    const [failure, setFailure] = React.useState<Failure | null>(null);
    const box = React.useRef<HTMLTextAreaElement>(null);
    const teamId = usePageState((state) => state.entities.channels.channels[channelId]?.team_id || state.entities.teams.currentTeamId);
    const completion = React.useMemo(
        () => new Completion((input) => api.suggestions(input, {channel_id: channelId, team_id: teamId, root_id: rootId})),
        [api, channelId, teamId, rootId],
    );
    const view = React.useSyncExternalStore(completion.subscribe, completion.snapshot);
    const connected = usePageState((state) => state.websocket.connected);
    React.useEffect(() => {
        if (connected) {
            // What was said of the connection is no longer so.
            setFailure((now) => (now?.kind === 'unreachable' ? null : now));
        }
    }, [connected]);
    const refusal = failure === null ? '' : (failure.kind === 'refused' && failure.text) || text('page.composer.refused');
    const listId = `${boxId}_suggestions`;
    const open = view.suggestions.length > 0;

    React.useLayoutEffect(() => {
        const node = box.current;
        if (node) {
            node.style.height = 'auto';
            node.style.height = `${Math.min(node.scrollHeight, 240)}px`;
        }
    }, [value]);

    const change = (next: string): void => {
        setValue(next);
        void completion.handleInput(next);
    };
    const send = (): void => {
        const typed = value;
        if (typed.trim() === '') {
            return;
        }
        completion.close();
        setValue('');
        setFailure(null);
        sender.send(channelId, rootId, typed).catch((error: unknown) => {
            setFailure(error instanceof SendRefused ? {kind: 'refused', text: error.message} : {kind: 'unreachable'});
            setValue((newer) => newer || typed);
        });
    };
    const onKeyDown = (event: React.KeyboardEvent): void => {
        if (event.nativeEvent.isComposing) {
            return;
        }
        const answer = completion.handleKey(event.key, event.shiftKey);
        if (answer.kind === 'completed') {
            change(answer.text);
        } else if (answer.kind === 'send' || (answer.kind === 'ignored' && event.key === 'Enter' && !event.shiftKey)) {
            send();
        } else if (answer.kind === 'ignored') {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    };
    return (
        <form
            className='page-composer'
            id='postCreateFooter'
            onSubmit={(event) => {
                event.preventDefault();
                send();
            }}
        >
            {open &&
                <SuggestionList
                    id={listId}
                    view={view}
                    onTake={(index) => {
                        const answer = completion.take(index);
                        if (answer.kind === 'completed') {
                            change(answer.text);
                        }
                        box.current?.focus();
                    }}
                />}
            <div className='page-composer__box'>
                <textarea
                    ref={box}
                    id={boxId}
                    rows={1}
                    value={value}
                    placeholder={placeholder}
                    aria-label={text('page.composer.label')}
                    aria-autocomplete='list'
                    aria-controls={open ? listId : undefined}
                    aria-activedescendant={open ? `${listId}_${view.selected}` : undefined}
                    aria-invalid={refusal !== '' || undefined}
                    aria-describedby={refusal ? `${boxId}_refusal` : undefined}
                    onChange={(event) => change(event.target.value)}
                    onKeyDown={onKeyDown}
                    onBlur={() => completion.close()}
                />
                <button
                    type='submit'
                    className='btn-icon page-composer__send'
                    data-testid='SendMessageButton'
                    aria-label={text('page.composer.send')}
                    title={text('page.composer.send')}
                    disabled={value.trim() === ''}
                >
                    <i className='icon icon-send' aria-hidden='true'/>
                </button>
            </div>
            <div id={`${boxId}_refusal`} className='page-composer__refusal has-error' role='alert'>{refusal}</div>
        </form>
    );
}
