// "This tab asked for a call in channel X": after `/call start` only the tab that typed it joins.

/** How long the wish holds. */
export const INTENT_MS = 10_000;

/** Channels remembered at a time. */
const INTENTS_MAX = 16;

export class StartIntents {
    private until = new Map<string, number>();

    remember(channelId: string, now: number): void {
        for (const [channel, end] of this.until) {
            if (end <= now || this.until.size >= INTENTS_MAX) {
                this.until.delete(channel);
            }
        }
        this.until.set(channelId, now + INTENT_MS);
    }

    /** Whether the wish still waits for its call. */
    waits(channelId: string, now: number): boolean {
        return now < (this.until.get(channelId) ?? 0);
    }

    /** Whether this call start is the one asked for; answers true once. */
    take(start: {channelId: string; ownerId: string}, me: string, now: number): boolean {
        const end = this.until.get(start.channelId);
        if (end === undefined || start.ownerId !== me) {
            return false;
        }
        this.until.delete(start.channelId);
        return now < end;
    }
}
