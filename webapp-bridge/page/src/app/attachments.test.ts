import {describe, expect, it} from 'vitest';

import {makePost, someId} from '../testing';
import {attachments, cueText} from './attachments';

const file = (name: string, mime: string, more: Record<string, unknown> = {}) =>
    ({id: someId(name.replace(/\W/g, '')), name, size: 5, mime_type: mime, extension: name.split('.').pop(), ...more});

const of = (...files: unknown[]) => attachments(makePost('post', {metadata: {files}}));
const brief = ({players, others}: ReturnType<typeof of>) => ({
    players: players.map(({file: {name}, kind, speakers}) => [name, kind, speakers?.name]),
    others: others.map(({name}) => name),
});

describe('the files of a post', () => {
    it('are played with the names of who speaks, part by part', () => {
        expect(brief(of(
            file('recording-1.webm', 'video/webm'), file('recording-1.vtt', 'text/vtt'),
            file('recording-2.webm', 'audio/webm'), file('recording-2.vtt', 'text/vtt; charset=utf-8'),
        ))).toEqual({
            players: [['recording-1.webm', 'video', 'recording-1.vtt'], ['recording-2.webm', 'audio', 'recording-2.vtt']],
            others: [],
        });
    });

    it('find the only names there are, and no other part\'s', () => {
        expect(brief(of(file('call.webm', 'video/webm'), file('names.vtt', '')))).toEqual({players: [['call.webm', 'video', 'names.vtt']], others: []});
        expect(brief(of(file('a.webm', 'video/webm'), file('b.webm', 'video/webm'), file('b.vtt', 'text/vtt'), file('c.vtt', 'text/vtt')))).toEqual({
            players: [['a.webm', 'video', undefined], ['b.webm', 'video', 'b.vtt']],
            others: ['c.vtt'],
        });
    });

    it('share names whose times go on from part to part, if the post says when each begins', () => {
        const [one, two, names] = [file('recording.webm', 'video/webm'), file('recording-2.webm', 'video/webm'), file('speakers.vtt', 'text/vtt')];
        const parts = (starts: unknown) => attachments(makePost('post', {metadata: {files: [one, two, names]}, props: {parley: {starts_at_ms: starts}}}));
        expect(parts({[one.id]: 0, [two.id]: 61_500}).players.map(({speakers, from}) => [speakers?.name, from])).toEqual([['speakers.vtt', 0], ['speakers.vtt', 61.5]]);
        expect(parts({}).players.map(({from}) => from)).toEqual([0, 0]);
        expect(brief(parts(undefined)).others, 'nobody knows').toEqual(['speakers.vtt']);
    });

    it('are only offered when they cannot be played', () => {
        expect(brief(of(file('notes.pdf', 'application/pdf'), file('page.html', 'text/html')))).toEqual({players: [], others: ['notes.pdf', 'page.html']});
    });

    it('are what the server names so, and not more than a page can show', () => {
        expect(of(null, 'x', [], {name: 'a.webm', mime_type: 'video/webm'}, file('a.webm', 'video/webm', {id: '../../secret'}))).toEqual({players: [], others: []});
        expect(attachments(makePost('post', {metadata: {files: 'x'}}))).toEqual({players: [], others: []});
        expect(of(...Array.from({length: 60}, (_, at) => file(`f${at}.webm`, 'video/webm'))).players.length).toBe(50);
    });
});

it('a cue is read without its marks', () => {
    expect(cueText('<v Alice Adler>Alice Adler</v>')).toBe('Alice Adler');
    expect(cueText('<v.loud Alice Adler></v><v Bob>')).toBe('Alice Adler, Bob');
    expect(cueText('Alice, Bob')).toBe('Alice, Bob');
});
