// What the page remembers in the browser: theme and language. Storage may be forbidden: then nothing is kept.
import type {ThemeChoice} from '../store/state';

const THEME_KEY = 'parley.theme';
const LOCALE_KEY = 'parley.locale';

function read(key: string): string {
    try {
        return window.localStorage.getItem(key) ?? '';
    } catch {
        return '';
    }
}

function write(key: string, value: string): void {
    try {
        window.localStorage.setItem(key, value);
    } catch {
        // Not remembered, that is all.
    }
}

export function rememberedTheme(): ThemeChoice {
    const value = read(THEME_KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
}

export const rememberTheme = (choice: ThemeChoice): void => write(THEME_KEY, choice);
export const rememberedLocale = (): string => read(LOCALE_KEY);
export const rememberLocale = (locale: string): void => write(LOCALE_KEY, locale);
