// Faults at random moments: what a seed stands for, and the account of the runs.
import {appendFileSync} from 'node:fs';

/** When the part dies: while it is recorded, or when the recording was stopped and is finished, copied and posted. */
export type Phase = 'recording' | 'publishing';

export interface Plan {
    seed: number;
    phase: Phase;
    /** From the announcement, or from the stop. */
    killAfterMs: number;
}

export interface Account {
    kind: string;
    seed: number;
    phase: Phase;
    killAfterMs: number;
    /** Longest stretch that the file lacks of what was sent, in ms. */
    lackingMs: number;
    /** Longest stretch without media in the file, in ms: with the time that no media server was there. */
    gapMs: number;
    /** How far the file's timeline is from the clock on the wall, in ms. */
    timelineMs: number;
    /** From the stop to the post, in ms. */
    postedMs: number;
    failure?: string;
}

/** Three for each kind of fault: both phases occur. */
const SEEDS_IN_CI = [1, 2, 3];

/** mulberry32: small, and the same everywhere. */
function dice(seed: number): () => number {
    // Neighbours are to have nothing in common.
    let state = Math.imul(seed, 0x9e3779b1) >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

export function planOf(seed: number): Plan {
    const next = dice(seed);
    const phase: Phase = next() < 0.6 ? 'recording' : 'publishing';
    const within = phase === 'recording' ? [1_000, 5_000] : [0, 2_000];
    return {seed, phase, killAfterMs: Math.round(within[0]! + next() * (within[1]! - within[0]!))};
}

/** Those of `PARLEY_CHAOS_SEED` on, `PARLEY_CHAOS_RUNS` of them; else CI's. */
export function plans(kind: string): Plan[] {
    const {PARLEY_CHAOS_KIND: only, PARLEY_CHAOS_SEED: seed, PARLEY_CHAOS_RUNS: runs} = process.env;
    if (only && only !== kind) {
        return [];
    }
    if (!seed && !runs) {
        return SEEDS_IN_CI.map(planOf);
    }
    const first = Number(seed || SEEDS_IN_CI[0]);
    return Array.from({length: Number(runs || 1)}, (_, index) => planOf(first + index));
}

/** For people on the screen, and for `cargo xtask chaos` in the file that it names. */
export function report(account: Account): void {
    console.info(`${account.kind}, seed ${account.seed}: ${account.phase} + ${account.killAfterMs} ms, lacks ${account.lackingMs} ms, ` +
        `gap ${account.gapMs} ms, timeline off by ${account.timelineMs} ms, posted after ${account.postedMs} ms` +
        (account.failure ? `: FAILED: ${account.failure.split('\n')[0]}` : ''));
    if (process.env.PARLEY_CHAOS_OUT) {
        appendFileSync(process.env.PARLEY_CHAOS_OUT, `${JSON.stringify(account)}\n`);
    }
}
