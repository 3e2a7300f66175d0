import {describe, expect, it} from 'vitest';

import {formatInline, formatMessage, plainText} from './format';

describe('post text', () => {
    it('finds links, code and emphasis', () => {
        expect(formatInline('a `b*c*` **d** [e](https://x.example/y) _f_')).toEqual([
            {kind: 'text', text: 'a '},
            {kind: 'code', text: 'b*c*'},
            {kind: 'text', text: ' '},
            {kind: 'strong', text: 'd'},
            {kind: 'text', text: ' '},
            {kind: 'link', text: 'e', href: 'https://x.example/y'},
            {kind: 'text', text: ' '},
            {kind: 'em', text: 'f'},
        ]);
    });

    it('leaves the end of the sentence out of an address', () => {
        expect(formatInline('See https://x.example/a_b_c. Bye')).toEqual([
            {kind: 'text', text: 'See '},
            {kind: 'link', text: 'https://x.example/a_b_c', href: 'https://x.example/a_b_c'},
            {kind: 'text', text: '. Bye'},
        ]);
    });

    it('makes no links of other schemes', () => {
        expect(formatInline('[x](javascript:alert(1))')).toEqual([{kind: 'text', text: '[x](javascript:alert(1))'}]);
    });

    it('keeps fenced text as it is', () => {
        expect(formatMessage('Stats:\n```json\n{"a": "**b**"}\n```\ndone')).toEqual([
            {kind: 'text', parts: [{kind: 'text', text: 'Stats:'}]},
            {kind: 'code', text: '{"a": "**b**"}'},
            {kind: 'text', parts: [{kind: 'text', text: 'done'}]},
        ]);
    });

    it('makes a list of lines that start with a mark', () => {
        expect(formatMessage('Calls\n* one\n* `two`\nend')).toEqual([
            {kind: 'text', parts: [{kind: 'text', text: 'Calls'}]},
            {kind: 'list', items: [[{kind: 'text', text: 'one'}], [{kind: 'code', text: 'two'}]]},
            {kind: 'text', parts: [{kind: 'text', text: 'end'}]},
        ]);
    });

    it('leaves snake_case names alone', () => {
        expect(formatInline('a_b_c and 2*3*4')).toEqual([{kind: 'text', text: 'a_b_c and 2*3*4'}]);
    });

    it('is read aloud without its marks', () => {
        expect(plainText('The **draft** is `ready`: [here](https://x.example/y), _really_\n* one\n* two\n```sh\nls *\n```'))
            .toBe('The draft is ready: here, really\none\ntwo\nls *');
    });
});
