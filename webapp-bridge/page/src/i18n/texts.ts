// Picks the table of a language; unknown languages fall back to English silently.
import {de} from './de';
import {en, type TextId} from './en';

export const LOCALES = ['en', 'de'] as const;
export type Locale = (typeof LOCALES)[number];

const tables: Readonly<Record<Locale, Readonly<Record<TextId, string>>>> = {en, de};

export function resolveLocale(wanted: string): Locale {
    const short = wanted.toLowerCase().split('-')[0] ?? '';
    return LOCALES.find((locale) => locale === short) ?? 'en';
}

export function pageTexts(locale: string): Readonly<Record<TextId, string>> {
    return tables[resolveLocale(locale)];
}
