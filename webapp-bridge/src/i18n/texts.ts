// The translation table. Ids are short in the code and prefixed on the outside: all plugins share one
// space of ids. English is the fallback for every language we do not have.

import de from './de.json';
import en from './en.json';

const PREFIX = 'app.parley.calls.';

type FullId = keyof typeof en;

/** A text's id without the prefix. */
export type TextId = FullId extends `app.parley.calls.${infer Rest}` ? Rest : never;

const fullId = (id: TextId): FullId => `${PREFIX}${id}`;

/** What react-intl wants. */
export const descriptor = (id: TextId): {id: string; defaultMessage: string} =>
    ({id: fullId(id), defaultMessage: en[fullId(id)]});

export const isTextId = (id: string): id is TextId => Object.hasOwn(en, PREFIX + id);

/** The table for the web app's language, e.g. `de` or `pt-BR`. */
export const translations = (locale: string): Record<string, string> => (locale.split('-')[0] === 'de' ? de : en);
