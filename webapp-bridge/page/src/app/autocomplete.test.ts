import {describe, expect, it} from 'vitest';

import type {Suggestion} from '../api/shapes';
import {Completion} from './autocomplete';

const entry = (complete: string): Suggestion => ({complete, suggestion: '', hint: '', description: ''});
const all = ['call start', 'call stats', 'call link'].map(entry);
const find = (input: string): Promise<Suggestion[]> =>
    Promise.resolve(all.filter((one) => one.complete.startsWith(input.slice(1).trim())));

describe('slash-command completion', () => {
    it('opens for a slash only', async () => {
        const completion = new Completion(find);
        await completion.handleInput('hello /call');
        expect(completion.snapshot().suggestions).toHaveLength(0);
        await completion.handleInput('/call st');
        expect(completion.snapshot().suggestions.map((one) => one.complete)).toEqual(['call start', 'call stats']);
    });

    it('moves round with the arrows and completes with Tab', async () => {
        const completion = new Completion(find);
        await completion.handleInput('/call');
        completion.handleKey('ArrowUp');
        expect(completion.snapshot().selected).toBe(2);
        completion.handleKey('ArrowDown');
        completion.handleKey('ArrowDown');
        expect(completion.handleKey('Tab')).toEqual({kind: 'completed', text: '/call stats '});
        expect(completion.snapshot().suggestions).toHaveLength(0);
    });

    it('completes with Enter what is unfinished, and sends what is complete', async () => {
        const completion = new Completion(find);
        await completion.handleInput('/call sta');
        expect(completion.handleKey('Enter')).toEqual({kind: 'completed', text: '/call start '});
        await completion.handleInput('/call start');
        expect(completion.handleKey('Enter')).toEqual({kind: 'send'});
    });

    it('sends a command with its argument though a suggestion is shown', async () => {
        const completion = new Completion(() => Promise.resolve([entry('call start My title')]));
        await completion.handleInput('/call start My title');
        expect(completion.handleKey('Enter')).toEqual({kind: 'send'});
    });

    it('closes with Escape and lets other keys pass', async () => {
        const completion = new Completion(find);
        await completion.handleInput('/call');
        expect(completion.handleKey('x').kind).toBe('ignored');
        expect(completion.handleKey('Enter', true).kind).toBe('ignored');
        expect(completion.handleKey('Escape').kind).toBe('handled');
        expect(completion.handleKey('Escape').kind).toBe('ignored');
    });

    it('drops an answer that comes after a newer question', async () => {
        const waiting: ((list: Suggestion[]) => void)[] = [];
        const completion = new Completion(() => new Promise((resolve) => waiting.push(resolve)));
        const slow = completion.handleInput('/c');
        const fast = completion.handleInput('/call link');
        waiting[1]?.([entry('call link')]);
        await fast;
        waiting[0]?.(all);
        await slow;
        expect(completion.snapshot().suggestions.map((one) => one.complete)).toEqual(['call link']);
    });

    it('drops an answer that comes after the text was sent', async () => {
        let answer: (list: Suggestion[]) => void = () => undefined;
        const completion = new Completion(() => new Promise((resolve) => {
            answer = resolve;
        }));
        const asked = completion.handleInput('/call');
        completion.close();
        answer(all);
        await asked;
        expect(completion.snapshot().suggestions).toHaveLength(0);
    });

    it('stays silent when the server fails', async () => {
        const completion = new Completion(() => Promise.reject(new Error('no server')));
        await completion.handleInput('/call');
        expect(completion.snapshot().suggestions).toHaveLength(0);
    });
});
