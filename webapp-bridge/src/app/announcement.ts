// What a screen reader hears of others in this tab's call.

import type {CallEvent} from '../protocol/events';
import * as select from '../state/select';
import type {PlatformState} from '../base/platform';
import type {Notice} from '../state/slice';

/** To be asked before the event is applied. Undefined: nothing new, or not ours. */
export const announcement = (state: PlatformState, event: CallEvent): Pick<Notice, 'message' | 'values'> | undefined => {
    if (event.type !== 'joined' && event.type !== 'left') {
        return undefined;
    }
    const own = select.calls(state).own;
    const known = select.callIn(state, event.channelId)?.sessions
        .some((session) => session.sessionId === event.sessionId) ?? false;
    if (own?.channelId !== event.channelId || own.session === event.sessionId || known === (event.type === 'joined')) {
        return undefined;
    }
    const name = select.userName(state, event.userId);
    return name === undefined ? undefined : {message: `said.${event.type}`, values: {name}};
};
