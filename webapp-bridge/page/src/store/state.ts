// The state's shape. `entities`, `plugins` and `websocket` are what plugins read, so they follow
// Mattermost's web app; `views` is the page's own.
import type * as React from 'react';

import type {Channel, ChannelMember, Manifest, Post, Preference, Team, TeamMember, User} from '../api/shapes';

export type ById<T> = Readonly<Record<string, T>>;

export interface PostBlock {
    /** Newest first. */
    order: string[];
    recent: boolean;
    oldest: boolean;
}

/** Anything a plugin put into a place of the page. */
export interface PluginComponent {
    id: string;
    pluginId: string;
    component?: React.ElementType | undefined;
    [field: string]: unknown;
}

export interface Entities {
    users: {
        currentUserId: string;
        profiles: ById<User>;
        statuses: ById<string>;
        profilesInChannel: ById<ReadonlySet<string>>;
    };
    channels: {
        currentChannelId: string;
        channels: ById<Channel>;
        myMembers: ById<ChannelMember>;
        roles: ById<ReadonlySet<string>>;
        membersInChannel: ById<ById<ChannelMember>>;
        channelsInTeam: ById<ReadonlySet<string>>;
    };
    teams: {
        currentTeamId: string;
        teams: ById<Team>;
        myMembers: ById<TeamMember>;
    };
    general: {
        config: Readonly<Record<string, string>>;
        license: Readonly<Record<string, string>>;
        serverVersion: string;
    };
    preferences: {myPreferences: ById<Preference>};
    posts: {
        posts: ById<Post>;
        postsInChannel: ById<readonly PostBlock[]>;
        postsInThread: ById<readonly string[]>;
    };
    threads: {threads: ById<unknown>};
    roles: {roles: ById<unknown>};
}

export interface PluginsState {
    plugins: ById<Manifest>;
    components: Readonly<Record<string, readonly PluginComponent[]>>;
    postTypes: ById<PluginComponent>;
    userSettings: ById<unknown>;
}

export interface Views {
    /** `''` when no thread is open. */
    threadRootId: string;
    /** A plugin's panel in the right-hand side, by component id. */
    panelId: string;
    locale: string;
    themeChoice: ThemeChoice;
    phase: Phase;
    /** The address names a channel that is not there, or not for this person. */
    missing: boolean;
    /** What screen readers are told next. */
    announcement: string;
}

export type Phase = 'loading' | 'login' | 'ready' | 'no_team' | 'failed';

export type ThemeChoice = 'system' | 'light' | 'dark';

export interface PageState {
    entities: Entities;
    plugins: PluginsState;
    websocket: {connected: boolean; connectionId: string};
    views: Views;
}
