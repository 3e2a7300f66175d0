// How patient a call is, in milliseconds.

/** From the wish to join until media flows. */
export const CONNECT_PATIENCE_MS = 20_000;
/** How long a lost connection is tried to be brought back. */
export const RECONNECT_PATIENCE_MS = 60_000;
/** A `join` without an answer is sent again after this. */
export const JOIN_RETRY_MS = 3_000;
/** Wait after `unavailable` while the media server restarts. */
export const UNAVAILABLE_RETRY_MS = 300;
/** How long a clearer reason for an end may take to arrive. */
export const REASON_GRACE_MS = 500;
/** The same move is told again within this. */
export const MOVED_TWICE_MS = 1_000;
/** How long leaving waits for the last report. */
export const LAST_REPORT_MS = 300;
/** After a message was dropped since there were too many, until everything is said again. */
export const DROPPED_RETRY_MS = 1_500;
