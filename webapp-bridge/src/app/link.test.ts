// @vitest-environment happy-dom
import {beforeEach, describe, expect, it} from 'vitest';

import {parseLink, takeLink} from './link';

const ID = 'c'.repeat(26);

describe('a followed link', () => {
    it('names the channel by its id', () => {
        expect(parseLink(`https://chat.example/team/channels/${ID}?join_call=true`)).toEqual({channelId: ID});
        expect(parseLink(`https://chat.example/sub/team/channels/${ID}/?a=b&join_call=true`)).toEqual({channelId: ID});
    });

    it('leaves the channel to the page when the address has a name', () => {
        expect(parseLink('https://chat.example/team/messages/@bob?join_call=true')).toEqual({channelId: undefined});
    });

    it.each([
        `https://chat.example/team/channels/${ID}`,
        `https://chat.example/team/channels/${ID}?join_call=false`,
        'nonsense',
    ])('is not %s', (address) => {
        expect(parseLink(address)).toBeUndefined();
    });
});

describe('taking it', () => {
    beforeEach(() => {
        window.sessionStorage.clear();
        window.location.href = `https://chat.example/team/channels/${ID}?join_call=true&x=1`;
    });

    it('takes the parameter out of the address, so that a reload does not ask again', () => {
        expect(takeLink()).toEqual({channelId: ID});
        expect(window.location.href).toBe(`https://chat.example/team/channels/${ID}?x=1`);
        expect(takeLink()).toBeUndefined();
    });
});
