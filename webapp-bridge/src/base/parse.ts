// Reading `unknown` at the door: every reader gives the value in the wished type, or undefined.

export type Fields = Readonly<Record<string, unknown>>;

export const asFields = (value: unknown): Fields | undefined =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
        ? (value as Fields)
        : undefined;

export const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export const asNonEmpty = (value: unknown): string | undefined =>
    typeof value === 'string' && value !== '' ? value : undefined;

export const asNumber = (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isFinite(value) ? value : undefined;

export const asFlag = (value: unknown): boolean => value === true;

export const asList = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);

/** Parses JSON text; anything else is undefined. */
export const fromJson = (text: unknown): unknown => {
    if (typeof text !== 'string') {
        return undefined;
    }
    try {
        return JSON.parse(text) as unknown;
    } catch {
        return undefined;
    }
};

/** Keeps the items that parse. */
export const parseEach = <T>(value: unknown, parse: (item: unknown) => T | undefined): T[] => {
    const out: T[] = [];
    for (const item of asList(value) ?? []) {
        const parsed = parse(item);
        if (parsed !== undefined) {
            out.push(parsed);
        }
    }
    return out;
};
