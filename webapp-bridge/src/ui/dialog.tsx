// Questions: join a followed link's call, switch calls, end for all. The browser's own modal dialog keeps
// the focus inside, answers Escape and gives the focus back.

import * as React from 'react';

import * as select from '../state/select';
import type {Prompt} from '../state/slice';
import {useController, usePlatform, useText} from './context';

interface Question {
    title: string;
    text: string;
    yes: string;
    no: string;
    danger: boolean;
    act(): void;
}

type Asked = Exclude<Prompt, {type: 'source'}>;

const useQuestion = (prompt: Asked): Question => {
    const text = useText();
    const controller = useController();
    const to = usePlatform((state) => select.channelName(state, prompt.channelId));
    const from = usePlatform((state) => select.channelName(state, select.ownChannelId(state)));
    const running = usePlatform((state) => select.callIn(state, prompt.channelId) !== undefined);
    switch (prompt.type) {
        case 'join':
            return {
                title: text('ask.join_title'),
                text: running ? text('ask.join_running', {channel: to}) : text('ask.join_idle', {channel: to}),
                yes: text('header.join'),
                no: text('ask.not_now'),
                danger: false,
                act: () => controller.join({channelId: prompt.channelId, muted: true}),
            };
        case 'switch':
            return {
                title: text('ask.switch_title'),
                text: text(running ? 'ask.switch_text' : 'ask.switch_start', {from, to}),
                yes: text('ask.switch'),
                no: text('ask.cancel'),
                danger: false,
                act: () => controller.switchTo({
                    channelId: prompt.channelId,
                    ...(prompt.title ? {title: prompt.title} : {}),
                }),
            };
        case 'end':
            return {
                title: text('ask.end_title'),
                text: text('ask.end_text'),
                yes: text('ask.end'),
                no: text('ask.cancel'),
                danger: true,
                act: () => void controller.end(prompt.channelId),
            };
    }
};

export const Dialog = ({prompt}: {prompt: Asked}) => {
    const controller = useController();
    const question = useQuestion(prompt);
    const dialog = React.useRef<HTMLDialogElement>(null);
    const yes = React.useRef<HTMLButtonElement>(null);
    const no = React.useRef<HTMLButtonElement>(null);
    const danger = question.danger;
    React.useLayoutEffect(() => {
        const element = dialog.current;
        element?.showModal();
        // What cannot be undone is not what Enter does first.
        (danger ? no : yes).current?.focus();
        return () => element?.close();
    }, [danger]);
    const answer = (act: boolean): void => {
        controller.ask(null);
        if (act) {
            question.act();
        }
    };
    return (
        <dialog
            ref={dialog}
            className='parley-dialog a11y__modal'
            aria-labelledby='parley-dialog-title'
            aria-describedby='parley-dialog-text'
            onCancel={(event) => {
                event.preventDefault();
                answer(false);
            }}
        >
            <h2 id='parley-dialog-title'>{question.title}</h2>
            <p id='parley-dialog-text'>{question.text}</p>
            <div className='parley-dialog__buttons'>
                <button ref={no} type='button' className='btn btn-tertiary parley-button' onClick={() => answer(false)}>
                    {question.no}
                </button>
                <button
                    ref={yes}
                    type='button'
                    className={danger ? 'btn btn-danger parley-button parley-button--danger' : 'btn btn-primary parley-button parley-button--primary'}
                    onClick={() => answer(true)}
                >
                    {question.yes}
                </button>
            </div>
        </dialog>
    );
};
