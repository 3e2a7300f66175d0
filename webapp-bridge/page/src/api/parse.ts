// Readers for data from outside: every answer and event is `unknown` until one of these took it apart.

export class ParseError extends Error {
    constructor(path: string, wanted: string) {
        super(`${path}: expected ${wanted}`);
        this.name = 'ParseError';
    }
}

export type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown, path: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new ParseError(path, 'an object');
    }
    return value as Fields;
}

export function asList<T>(value: unknown, path: string, item: (value: unknown, path: string) => T): T[] {
    if (value === null || value === undefined) {
        return [];
    }
    if (!Array.isArray(value)) {
        throw new ParseError(path, 'a list');
    }
    return value.map((entry, index) => item(entry, `${path}[${index}]`));
}

export function asText(value: unknown, path: string): string {
    if (typeof value !== 'string') {
        throw new ParseError(path, 'a text');
    }
    return value;
}

/** A field that must be a text. */
export function text(fields: Fields, key: string): string {
    return asText(fields[key], key);
}

/** A field that may be missing: empty then. */
export function textOr(fields: Fields, key: string, fallback = ''): string {
    const value = fields[key];
    return typeof value === 'string' ? value : fallback;
}

export function numberOr(fields: Fields, key: string, fallback = 0): number {
    const value = fields[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}

export function flag(fields: Fields, key: string): boolean {
    return fields[key] === true;
}

/** A map of texts; other values are left out. */
export function textMap(value: unknown): Record<string, string> {
    const out: Record<string, string> = {};
    if (typeof value === 'object' && value !== null) {
        for (const [key, entry] of Object.entries(value)) {
            if (typeof entry === 'string') {
                out[key] = entry;
            }
        }
    }
    return out;
}

export function anyMap(value: unknown): Record<string, unknown> {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? {...value} : {};
}

/** JSON text inside an event, parsed. */
export function jsonField(fields: Fields, key: string): unknown {
    try {
        return JSON.parse(text(fields, key)) as unknown;
    } catch (error) {
        throw error instanceof ParseError ? error : new ParseError(key, 'JSON text');
    }
}
