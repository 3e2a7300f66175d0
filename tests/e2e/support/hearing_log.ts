// What a page hears, all the time: when somebody was last heard before a fault, and first after it.
import type {Person} from './person';

const EVERY_MS = 50;
const TOLERANCE_HZ = 12;
/** Shorter silences are the instrument's, or a mark that just begins. */
const SILENCE_MIN_MS = 250;

interface Moment {
    /** Unix ms. */
    at: number;
    peaks: number[];
}

declare global {
    interface Window {
        hearingLog?: Moment[];
    }
}

/** From now on until the page closes. */
export function keepHearing(person: Person): Promise<void> {
    return person.page.evaluate((every) => {
        const log: Moment[] = [];
        window.hearingLog = log;
        const listen = async (): Promise<void> => {
            const peaks = (await window.instruments.hear()).map((heard) => heard.peak);
            log.push({at: Date.now(), peaks});
            log.splice(0, log.length - 3_000);
            setTimeout(() => void listen(), every);
        };
        void listen();
    }, EVERY_MS);
}

/** Whether one of these tones was heard since `since` (Unix ms), however shortly. */
export function wasHeard(person: Person, tones: number[], since: number): Promise<boolean> {
    return person.page.evaluate(([wanted, from, tolerance]) => (window.hearingLog ?? []).some(({at, peaks}) =>
        at >= from && peaks.some((peak) => wanted.some((tone) => Math.abs(peak - tone) <= tolerance))),
    [tones, since, TOLERANCE_HZ] as const);
}

/** The longest time since `since` (Unix ms) that none of these tones was heard, in ms; 0 = always heard. */
export async function longestSilence(person: Person, tones: number[], since: number): Promise<number> {
    const log = await person.page.evaluate((from) => (window.hearingLog ?? []).filter((moment) => moment.at >= from), since);
    let [longest, last] = [0, log[0]?.at ?? since];
    for (const {at, peaks} of log) {
        if (peaks.some((peak) => tones.some((tone) => Math.abs(peak - tone) <= TOLERANCE_HZ))) {
            longest = Math.max(longest, at - last);
            last = at;
        }
    }
    longest = Math.max(longest, (log.at(-1)?.at ?? since) - last);
    return longest < SILENCE_MIN_MS ? 0 : longest;
}
