// Waiting with a reason: what was waited for stands in the error, with the last thing that was seen.

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a look costs on a quiet machine. */
const LOOK_MS = 50;
/** Of the looks that a quiet machine grants within the time, this share has to be taken ... */
const LOOKS_SHARE = 0.5;
/** ... for which there are so many times of it at most. */
const PATIENCE = 3;

/**
 * Asks until the answer is not `undefined` or `false`; returns it. The time is a quiet machine's: on one that
 * is short of processors everything takes longer, the looks too, and then their number counts.
 */
export async function until<T>(
    what: string,
    ask: () => Promise<T | false | undefined> | T | false | undefined,
    options: {within?: number; every?: number; seen?: () => unknown} = {},
): Promise<T> {
    const {within = 20_000, every = 100} = options;
    const start = performance.now();
    // A look takes its time on a quiet machine, too.
    const enough = LOOKS_SHARE * within / (every + LOOK_MS);
    for (let looks = 1; ; looks += 1) {
        const answer = await ask();
        if (answer !== undefined && answer !== false) {
            return answer;
        }
        const passed = performance.now() - start;
        if (passed > within && looks >= enough || passed > within * PATIENCE) {
            const seen = options.seen ? `; last seen: ${JSON.stringify(await options.seen())}` : '';
            throw new Error(`not within ${Math.round(passed)} ms, looked at ${looks} times: ${what}${seen}`);
        }
        await sleep(every);
    }
}

/** How long something took, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await work();
    return Math.round(performance.now() - start);
}
