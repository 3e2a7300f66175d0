// How the call's window and the desktop app's main one name what is told between them.

/** Why a call ended or did not begin. */
export const CLIENT_ERROR = 'client-error';
/** The same, when nothing went wrong: its host ended it. */
export const CLIENT_INFO = 'client-info';
