// Colours as Mattermost's web app provides them: a theme object, and body-level variables with `-rgb` twins.

export interface Theme {
    type: string;
    sidebarBg: string;
    sidebarText: string;
    sidebarUnreadText: string;
    sidebarTextHoverBg: string;
    sidebarTextActiveBorder: string;
    sidebarTextActiveColor: string;
    sidebarHeaderBg: string;
    sidebarHeaderTextColor: string;
    sidebarTeamBarBg: string;
    onlineIndicator: string;
    awayIndicator: string;
    dndIndicator: string;
    mentionBg: string;
    mentionColor: string;
    centerChannelBg: string;
    centerChannelColor: string;
    newMessageSeparator: string;
    linkColor: string;
    buttonBg: string;
    buttonColor: string;
    errorTextColor: string;
    mentionHighlightBg: string;
    mentionHighlightLink: string;
}

export const LIGHT: Theme = {
    type: 'Denim',
    sidebarBg: '#1e325c',
    sidebarText: '#ffffff',
    sidebarUnreadText: '#ffffff',
    sidebarTextHoverBg: '#28427b',
    sidebarTextActiveBorder: '#5d89ea',
    sidebarTextActiveColor: '#ffffff',
    sidebarHeaderBg: '#192a4d',
    sidebarHeaderTextColor: '#ffffff',
    sidebarTeamBarBg: '#162545',
    onlineIndicator: '#3db887',
    awayIndicator: '#ffbc1f',
    dndIndicator: '#d24b4e',
    mentionBg: '#ffffff',
    mentionColor: '#1e325c',
    centerChannelBg: '#ffffff',
    centerChannelColor: '#3f4350',
    newMessageSeparator: '#cc8f00',
    linkColor: '#386fe5',
    buttonBg: '#1c58d9',
    buttonColor: '#ffffff',
    errorTextColor: '#d24b4e',
    mentionHighlightBg: '#ffd470',
    mentionHighlightLink: '#1b1d22',
};

export const DARK: Theme = {
    ...LIGHT,
    type: 'Onyx',
    sidebarBg: '#202228',
    sidebarTextHoverBg: '#2b2e35',
    sidebarTextActiveBorder: '#4a7ce8',
    sidebarHeaderBg: '#24272d',
    sidebarTeamBarBg: '#292c33',
    mentionColor: '#202228',
    centerChannelBg: '#191b1f',
    centerChannelColor: '#e3e4e8',
    newMessageSeparator: '#1adbdb',
    linkColor: '#5d89ea',
    buttonBg: '#4a7ce8',
    errorTextColor: '#da6c6e',
    mentionHighlightBg: '#0d6e6e',
    mentionHighlightLink: '#a4f4f4',
};

const NAMES: Readonly<Record<Exclude<keyof Theme, 'type'>, string>> = {
    sidebarBg: '--sidebar-bg',
    sidebarText: '--sidebar-text',
    sidebarUnreadText: '--sidebar-unread-text',
    sidebarTextHoverBg: '--sidebar-text-hover-bg',
    sidebarTextActiveBorder: '--sidebar-text-active-border',
    sidebarTextActiveColor: '--sidebar-text-active-color',
    sidebarHeaderBg: '--sidebar-header-bg',
    sidebarHeaderTextColor: '--sidebar-header-text-color',
    sidebarTeamBarBg: '--sidebar-teambar-bg',
    onlineIndicator: '--online-indicator',
    awayIndicator: '--away-indicator',
    dndIndicator: '--dnd-indicator',
    mentionBg: '--mention-bg',
    mentionColor: '--mention-color',
    centerChannelBg: '--center-channel-bg',
    centerChannelColor: '--center-channel-color',
    newMessageSeparator: '--new-message-separator',
    linkColor: '--link-color',
    buttonBg: '--button-bg',
    buttonColor: '--button-color',
    errorTextColor: '--error-text',
    mentionHighlightBg: '--mention-highlight-bg',
    mentionHighlightLink: '--mention-highlight-link',
};

/** `#1e325c` as `30, 50, 92`. */
export function rgbTriple(hex: string): string {
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(', ');
}

export function themeVariables(theme: Theme): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [key, name] of Object.entries(NAMES) as [Exclude<keyof Theme, 'type'>, string][]) {
        out[name] = theme[key];
        out[key === 'errorTextColor' ? '--error-text-color-rgb' : `${name}-rgb`] = rgbTriple(theme[key]);
    }
    return out;
}

export function applyTheme(theme: Theme, document: Document): void {
    for (const [name, value] of Object.entries(themeVariables(theme))) {
        document.body.style.setProperty(name, value);
    }
    document.documentElement.style.colorScheme = theme.type === DARK.type ? 'dark' : 'light';
}
