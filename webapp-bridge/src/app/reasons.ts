// Which text explains why a call ended or was refused (row C8).

import type {EndReason} from '../call/client_types';
import {isTextId} from '../i18n/texts';
import type {TextId} from '../i18n/texts';

export interface Explanation {
    tone: 'error' | 'info';
    message: TextId;
    values?: Record<string, string>;
}

const error = (message: TextId, values?: Record<string, string>): Explanation =>
    ({tone: 'error', message, ...(values ? {values} : {})});

const info = (message: TextId): Explanation => ({tone: 'info', message});

const ENDED: Readonly<Record<string, TextId>> = {
    alone: 'notice.ended_alone',
    nobody_joined: 'notice.ended_nobody',
    shutdown: 'notice.ended_shutdown',
};

const REMOVED: Readonly<Record<string, TextId>> = {
    removed: 'notice.removed_by_host',
    left_channel: 'notice.removed_left_channel',
    deactivated: 'notice.deactivated',
    signed_out: 'notice.removed_signed_out',
    archived: 'notice.archived',
    timeout: 'notice.timed_out',
    no_media: 'notice.no_media',
    error: 'notice.removed_error',
};

/** Undefined when the user left by a wish of his own. */
export const explain = (reason: EndReason, wasConnected: boolean): Explanation | undefined => {
    switch (reason.type) {
        case 'left':
            return undefined;
        case 'connection':
            return error(wasConnected ? 'notice.lost' : 'notice.connecting');
        case 'call_ended':
            return info(ENDED[reason.reason] ?? 'notice.ended');
        case 'removed':
            return error(REMOVED[reason.reason] ?? 'notice.removed');
        case 'refused': {
            const id = `notice.${reason.code}`;
            if (isTextId(id)) {
                return error(id);
            }
            return reason.text === '' ? error('notice.unavailable') : error('notice.refused', {text: reason.text});
        }
    }
};
