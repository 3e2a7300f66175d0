// The registry that a plugin's `initialize` gets: Mattermost's functions, as far as this page has the places.
import type {Reducer} from 'redux';

import type {EventFrame} from '../socket/frame';
import type {PageAction} from '../store/actions';
import {namedArguments} from './args';
import type {HookContext, PluginHandlers} from './handlers';

export interface RegistryParts {
    dispatch: (action: PageAction) => void;
    handlers: PluginHandlers;
    setReducer: (pluginId: string, reducer: Reducer) => void;
    translationsChanged: () => void;
    newId: () => string;
}

/** Places of the page; the names are Mattermost's `state.plugins.components` keys. */
export type Place =
    | 'AppBar'
    | 'CallButton'
    | 'ChannelHeader'
    | 'ChannelHeaderButton'
    | 'ChannelToast'
    | 'CustomRouteComponent'
    | 'DesktopNotificationHooks'
    | 'Global'
    | 'NeedsTeamComponent'
    | 'PopoverUserActions'
    | 'PopoverUserAttributes'
    | 'RightHandSidebarComponent'
    | 'Root'
    | 'SidebarChannelLinkLabel';

/** One function each: a plugin that asks for a place we do not have still loads. */
const NOT_SHOWN = [
    'registerAdminConsoleCustomSection',
    'registerAdminConsoleCustomSetting',
    'registerBottomTeamSidebarComponent',
    'registerFileDropdownMenuAction',
    'registerFilePreviewComponent',
    'registerFileUploadMethod',
    'registerFilesWillUploadHook',
    'registerLeftSidebarHeaderComponent',
    'registerLinkTooltipComponent',
    'registerMainMenuAction',
    'registerMessageWillBePostedHook',
    'registerMessageWillFormatHook',
    'registerPostDropdownMenuAction',
    'registerProduct',
    'registerSiteStatisticsHandler',
] as const;

export class PluginRegistry {
    /** What this web app can do, as plugins ask. */
    readonly supports = {globalAppBar: true, globalRhs: true};

    constructor(
        readonly id: string,
        private readonly parts: RegistryParts,
    ) {
        for (const name of NOT_SHOWN) {
            Object.defineProperty(this, name, {value: () => this.parts.newId()});
        }
    }

    private add(place: Place, fields: Record<string, unknown>): string {
        const id = this.parts.newId();
        this.parts.dispatch({type: 'plugin_component', place, entry: {...fields, id, pluginId: this.id}});
        return id;
    }

    registerRootComponent = (...args: unknown[]): string => this.add('Root', namedArguments(['component'], args));

    registerGlobalComponent = (...args: unknown[]): string => this.add('Global', namedArguments(['component'], args));

    registerPopoverUserActionsComponent = (...args: unknown[]): string =>
        this.add('PopoverUserActions', namedArguments(['component'], args));

    registerPopoverUserAttributesComponent = (...args: unknown[]): string =>
        this.add('PopoverUserAttributes', namedArguments(['component'], args));

    registerSidebarChannelLinkLabelComponent = (...args: unknown[]): string =>
        this.add('SidebarChannelLinkLabel', namedArguments(['component'], args));

    registerChannelToastComponent = (...args: unknown[]): string => this.add('ChannelToast', namedArguments(['component'], args));

    registerCallButtonAction = (...args: unknown[]): string =>
        this.add('CallButton', namedArguments(['button', 'dropdownButton', 'action', 'icon', 'dropdownText'], args));

    registerChannelHeaderButtonAction = (...args: unknown[]): string =>
        this.add('ChannelHeaderButton', namedArguments(['icon', 'action', 'dropdownText', 'tooltipText'], args));

    registerChannelHeaderMenuAction = (...args: unknown[]): string =>
        this.add('ChannelHeader', namedArguments(['text', 'action', 'shouldRender'], args));

    registerAppBarComponent = (...args: unknown[]): string | {id: string; rhsComponent: unknown} => {
        const named = namedArguments(['iconUrl', 'action', 'tooltipText', 'supportedProductIds', 'rhsComponent', 'rhsTitle'], args);
        const id = this.add('AppBar', named);
        return named.rhsComponent ? {id, rhsComponent: this.registerRightHandSidebarComponent(named.rhsComponent, named.rhsTitle)} : id;
    };

    registerRightHandSidebarComponent = (...args: unknown[]): Record<string, unknown> => {
        const named = namedArguments(['component', 'title'], args);
        const id = this.add('RightHandSidebarComponent', named);
        const show: PageAction = {type: 'panel_opened', panelId: id};
        const hide: PageAction = {type: 'side_closed'};
        return {
            id,
            showRHSPlugin: show,
            hideRHSPlugin: hide,
            toggleRHSPlugin: (dispatch: (action: PageAction) => void, getState: () => {views: {panelId: string}}) =>
                dispatch(getState().views.panelId === id ? hide : show),
        };
    };

    registerNeedsTeamRoute = (...args: unknown[]): string => {
        const named = namedArguments(['route', 'component'], args);
        return this.add('NeedsTeamComponent', {...named, route: this.routeOf(named.route)});
    };

    registerCustomRoute = (...args: unknown[]): string => {
        const named = namedArguments(['route', 'component'], args);
        return this.add('CustomRouteComponent', {...named, route: this.routeOf(named.route)});
    };

    private routeOf(route: unknown): string {
        return `${this.id}/${(typeof route === 'string' ? route : '').replace(/^\/+/, '')}`;
    }

    registerPostTypeComponent = (...args: unknown[]): string => {
        const {type, component} = namedArguments(['type', 'component'], args);
        const id = this.parts.newId();
        if (typeof type === 'string' && type.startsWith('custom_')) {
            const entry = {id, pluginId: this.id, type, component: component as React.ElementType};
            this.parts.dispatch({type: 'plugin_post_type', postType: type, entry});
        }
        return id;
    };

    unregisterPostTypeComponent = (id: string): void => this.unregisterComponent(id);

    unregisterComponent = (id: string): void => {
        this.parts.handlers.removeHook(id);
        this.parts.dispatch({type: 'plugin_component_removed', id});
    };

    registerSlashCommandWillBePostedHook = (...args: unknown[]): string => {
        const {hook} = namedArguments(['hook'], args);
        const id = this.parts.newId();
        if (typeof hook === 'function') {
            this.parts.handlers.addSlashHook(id, this.id, hook as (message: string, context: HookContext) => unknown);
        }
        return id;
    };

    registerDesktopNotificationHook = (...args: unknown[]): string =>
        this.add('DesktopNotificationHooks', namedArguments(['hook'], args));

    registerWebSocketEventHandler = (...args: unknown[]): void => {
        const {event, handler} = namedArguments(['event', 'handler'], args);
        if (typeof event === 'string' && typeof handler === 'function') {
            this.parts.handlers.setEvent(this.id, event, handler as (frame: EventFrame) => void);
        }
    };

    unregisterWebSocketEventHandler = (...args: unknown[]): void => {
        const {event} = namedArguments(['event'], args);
        if (typeof event === 'string') {
            this.parts.handlers.removeEvent(this.id, event);
        }
    };

    registerReconnectHandler = (...args: unknown[]): void => {
        const {handler} = namedArguments(['handler'], args);
        if (typeof handler === 'function') {
            this.parts.handlers.setReconnect(this.id, handler as () => void);
        }
    };

    unregisterReconnectHandler = (): void => this.parts.handlers.removeReconnect(this.id);

    registerReducer = (...args: unknown[]): void => {
        const {reducer} = namedArguments(['reducer'], args);
        if (typeof reducer === 'function') {
            this.parts.setReducer(this.id, reducer as Reducer);
        }
    };

    registerTranslations = (...args: unknown[]): void => {
        const {getTranslationsForLocale} = namedArguments(['getTranslationsForLocale'], args);
        if (typeof getTranslationsForLocale === 'function') {
            this.parts.handlers.setTranslations(this.id, getTranslationsForLocale as (locale: string) => unknown);
            this.parts.translationsChanged();
        }
    };

    registerUserSettings = (...args: unknown[]): void => {
        const {setting} = namedArguments(['setting'], args);
        this.parts.dispatch({type: 'plugin_user_settings', pluginId: this.id, settings: setting});
    };
}
