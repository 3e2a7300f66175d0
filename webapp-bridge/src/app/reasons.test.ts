import {describe, expect, it} from 'vitest';

import {explain} from './reasons';

describe('why a call ended', () => {
    it.each([
        [{type: 'left'} as const, true, undefined],
        [{type: 'connection'} as const, false, 'notice.connecting'],
        [{type: 'connection'} as const, true, 'notice.lost'],
        [{type: 'call_ended', reason: 'alone'} as const, true, 'notice.ended_alone'],
        [{type: 'call_ended', reason: 'new one'} as const, true, 'notice.ended'],
        [{type: 'removed', reason: 'timeout'} as const, true, 'notice.timed_out'],
        [{type: 'removed', reason: 'removed'} as const, true, 'notice.removed_by_host'],
        [{type: 'removed', reason: 'left_channel'} as const, true, 'notice.removed_left_channel'],
        [{type: 'removed', reason: 'deactivated'} as const, true, 'notice.deactivated'],
        [{type: 'removed', reason: 'signed_out'} as const, true, 'notice.removed_signed_out'],
        [{type: 'removed', reason: 'archived'} as const, true, 'notice.archived'],
        [{type: 'removed', reason: 'no_media'} as const, true, 'notice.no_media'],
        [{type: 'removed', reason: 'error'} as const, true, 'notice.removed_error'],
        [{type: 'removed', reason: ''} as const, true, 'notice.removed'],
        [{type: 'removed', reason: 'new one'} as const, true, 'notice.removed'],
        [{type: 'refused', code: 'channel_off', text: 'x'} as const, false, 'notice.channel_off'],
        [{type: 'refused', code: 'full', text: 'x'} as const, false, 'notice.full'],
        [{type: 'refused', code: 'unavailable', text: ''} as const, false, 'notice.unavailable'],
    ])('%o', (reason, connected, message) => {
        expect(explain(reason, connected)?.message).toBe(message);
    });

    it('shows the server\'s words for a code of a newer server', () => {
        expect(explain({type: 'refused', code: 'moon_phase', text: 'Not today.'}, false))
            .toEqual({tone: 'error', message: 'notice.refused', values: {text: 'Not today.'}});
    });
});
