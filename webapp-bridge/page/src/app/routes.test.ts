import {describe, expect, it} from 'vitest';

import {onThisHost, parseRoute, safeRedirect, safeTarget, withoutBase} from './routes';

describe('addresses', () => {
    it.each([
        ['/', '', {kind: 'home'}],
        ['/demo/channels/town-square', '?join_call=true', {kind: 'channel', team: 'demo', channel: 'town-square'}],
        ['/demo/messages/@bob', '', {kind: 'direct', team: 'demo', user: 'bob'}],
        ['/demo/messages/abc', '', {kind: 'group', team: 'demo', channel: 'abc'}],
        ['/demo', '', {kind: 'team', team: 'demo'}],
        ['/demo/channels/%zz', '', {kind: 'channel', team: 'demo', channel: '%zz'}],
        ['/plug/x/y', '', {kind: 'plugin', path: '/x/y'}],
        ['/login', '?redirect_to=%2Fdemo%2Fchannels%2Fa', {kind: 'login', redirectTo: '/demo/channels/a'}],
    ])('%s%s', (path, search, route) => {
        expect(parseRoute(path, search)).toEqual(route);
    });

    it.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '/\t/evil.example', ''])(
        'never redirects to %j after signing in',
        (target) => {
            expect(safeRedirect(target)).toBe('');
        },
    );

    it('takes absolute addresses of its own site only', () => {
        expect(safeTarget('https://a.example/x?y=1', 'https://a.example')).toBe('/x?y=1');
        expect(safeTarget('https://a.example.evil/x', 'https://a.example')).toBe('');
        expect(safeTarget('https://a.example//evil.example', 'https://a.example')).toBe('');
    });

    it('knows its sub-path', () => {
        expect(withoutBase('/chat/demo', '/chat')).toBe('/demo');
        expect(withoutBase('/chatter/demo', '/chat')).toBe('/chatter/demo');
        expect(withoutBase('/chat', '/chat')).toBe('/');
        expect(withoutBase('/demo', '')).toBe('/demo');
    });

    it('links to this site stay on the name by which the page was loaded', () => {
        const to = (address: string): string => onThisHost(address, 'http://localhost:8065/chat', 'http://127.0.0.1:8065/chat');
        expect(to('http://localhost:8065/chat/plugins/x/join/y')).toBe('http://127.0.0.1:8065/chat/plugins/x/join/y');
        expect(to('http://localhost:8065/chatter')).toBe('http://localhost:8065/chatter');
        expect(to('https://elsewhere.example/')).toBe('https://elsewhere.example/');
        expect(onThisHost('/a', '', 'http://x')).toBe('/a');
    });
});
