// Waiting with a reason: what was waited for stands in the error, with the last thing that was seen.

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is not `undefined` or `false`; returns it. */
export async function until<T>(
    what: string,
    ask: () => Promise<T | false | undefined> | T | false | undefined,
    options: {within?: number; every?: number; seen?: () => unknown} = {},
): Promise<T> {
    const {within = 20_000, every = 100} = options;
    const start = performance.now();
    for (;;) {
        const answer = await ask();
        if (answer !== undefined && answer !== false) {
            return answer;
        }
        if (performance.now() - start > within) {
            const seen = options.seen ? `; last seen: ${JSON.stringify(await options.seen())}` : '';
            throw new Error(`not within ${within} ms: ${what}${seen}`);
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
