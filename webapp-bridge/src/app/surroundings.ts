// What a call may be wished for with, and what is different outside of an ordinary page of the web app.

import type {Explanation} from './reasons';

export interface JoinWish {
    channelId: string;
    title?: string;
    threadId?: string;
    /** Muted in direct channels too, where one otherwise talks at once: the way of a followed link. */
    muted?: boolean;
}

/** Calls in a window that the shell opens, in the place of this page's widget. */
export interface CallWindow {
    join(wish: JoinWish): void;
    leave(): void;
    share(sourceId: string, withSound: boolean): void;
}

/** What is different outside of an ordinary page. */
export interface Surroundings {
    /** Asks which screen to share, where the browser does not; `ScreenShare.choose` takes the answer. */
    askForScreen?: () => void;
    /** Nothing but the call's own connection brings events. */
    alone?: boolean;
    /** The call is over; without an explanation the user left. */
    onEnd?: (explanation: Explanation | undefined) => void;
}
