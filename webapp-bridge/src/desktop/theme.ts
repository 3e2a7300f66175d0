// The page's colours for a window that has no theme of its own.

const NAMES = [
    '--center-channel-bg', '--center-channel-color', '--center-channel-color-rgb', '--button-bg', '--button-color',
    '--online-indicator', '--error-text', '--link-color',
];

export interface Colours {
    theme: Record<string, string>;
    dark: boolean;
}

const isDark = (rgb: string): boolean => {
    const [red = 0, green = 0, blue = 0] = rgb.split(',').map(Number);
    // Bright letters stand on something dark.
    return 0.299 * red + 0.587 * green + 0.114 * blue > 127;
};

/** As they are now. */
export const readColours = (): Colours => {
    const style = getComputedStyle(document.body);
    const theme: Record<string, string> = {};
    for (const name of NAMES) {
        const value = style.getPropertyValue(name).trim();
        if (value !== '') {
            theme[name] = value;
        }
    }
    return {theme, dark: isDark(theme['--center-channel-color-rgb'] ?? '0, 0, 0')};
};

const LIGHT = {
    '--center-channel-bg': '#fff', '--center-channel-color': '#3f4350', '--center-channel-color-rgb': '63, 67, 80', '--button-bg': '#1c58d9',
};

const DARK: typeof LIGHT = {
    '--center-channel-bg': '#191b1f', '--center-channel-color': '#e3e4e8', '--center-channel-color-rgb': '227, 228, 232', '--button-bg': '#4a7ce8',
};

/** Those of the page that opened the window; without any the system's choice, as long as the window lives. */
export const takeColours = (given: Colours | undefined): void => {
    if (given && Object.keys(given.theme).length > 0) {
        apply(given);
        return;
    }
    const query = window.matchMedia('(prefers-color-scheme: dark)');
    const follow = (): void => apply({dark: query.matches, theme: query.matches ? DARK : LIGHT});
    query.addEventListener('change', follow);
    follow();
};

const apply = ({theme, dark}: Colours): void => {
    for (const [name, value] of Object.entries(theme)) {
        document.body.style.setProperty(name, value);
    }
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
};
