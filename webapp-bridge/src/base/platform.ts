// The parts of the web app's registry and store that we use (written here: its packages are not bundled).

import type * as React from 'react';

export interface Channel {
    id: string;
    team_id: string;
    type: 'O' | 'P' | 'D' | 'G';
    name: string;
    display_name: string;
    delete_at: number;
}

export interface User {
    id: string;
    username: string;
    nickname?: string;
    first_name?: string;
    last_name?: string;
    roles?: string;
    last_picture_update?: number;
}

export interface Post {
    id: string;
    channel_id: string;
    user_id: string;
    create_at: number;
    message: string;
    props?: Record<string, unknown>;
}

/** The store's state as far as we read it; everything may be missing while the page starts. */
export interface PlatformState {
    entities?: {
        users?: {
            currentUserId?: string;
            profiles?: Record<string, User | undefined>;
            profilesInChannel?: Record<string, ReadonlySet<string> | undefined>;
        };
        channels?: {
            currentChannelId?: string;
            channels?: Record<string, Channel | undefined>;
            /** Own roles in each channel. */
            roles?: Record<string, ReadonlySet<string> | undefined>;
            myMembers?: Record<string, {scheme_admin?: boolean} | undefined>;
        };
        teams?: {currentTeamId?: string; teams?: Record<string, {name: string} | undefined>};
        general?: {config?: Record<string, string | undefined>};
        preferences?: {myPreferences?: Record<string, {value?: string} | undefined>};
    };
    [slice: string]: unknown;
}

export interface Store {
    getState(): PlatformState;
    dispatch(action: {type: string}): unknown;
    subscribe(listener: () => void): () => void;
}

export interface SlashArgs {
    channel_id: string;
    team_id?: string;
    root_id?: string;
}

export type SlashResult = {message: string; args: SlashArgs} | {error: {message: string}} | Record<string, never> | null;

/** See mattermost-webapp plugins/registry; optional ones are missing in older web apps. */
export interface Registry {
    registerReducer(reducer: unknown): string;
    registerCallButtonAction?(
        button: React.ReactNode,
        dropdownButton: React.ReactNode,
        action: (channel?: Channel) => void,
        icon?: React.ReactNode,
        dropdownText?: React.ReactNode,
    ): string;
    registerPostTypeComponent(type: string, component: React.ComponentType<{post: Post}>): string;
    registerSidebarChannelLinkLabelComponent?(component: React.ComponentType<{channel: Channel}>): string;
    registerGlobalComponent?(component: React.ComponentType): string;
    registerRootComponent(component: React.ComponentType): string;
    registerChannelHeaderMenuAction(
        text: React.ReactNode,
        action: (channelId: string) => void,
        shouldRender?: (state: PlatformState) => boolean,
    ): string;
    registerSlashCommandWillBePostedHook(hook: (message: string, args: SlashArgs) => SlashResult): string;
    registerWebSocketEventHandler(event: string, handler: (frame: unknown) => void): void;
    registerReconnectHandler(handler: () => void): void;
    registerNeedsTeamRoute?(route: string, component: React.ComponentType): string;
    registerTranslations(translations: (locale: string) => Record<string, string>): void;
}
