// The plugin as the web app sees it: registers everything, and takes everything back.

import * as React from 'react';

import {CALL_POST_TYPE, PLUGIN_ID, WEB_APPS_OWN_ID, WIRE_PREFIX, isId} from '../base/ids';
import {asFields, asNonEmpty} from '../base/parse';
import type {Channel, Registry, SlashArgs, SlashResult, Store} from '../base/platform';
import {Scope} from '../base/scope';
import {translations} from '../i18n/texts';
import {CALL_EVENTS, parseEvent} from '../protocol/events';
import {readFrame} from '../protocol/frames';
import {desktopApi, opensCallWindows} from '../desktop/api';
import {MainView} from '../desktop/main_view';
import {Expanded} from '../popout/expanded';
import {EXPANDED_ROUTE} from '../popout/opener';
import * as select from '../state/select';
import {reducer} from '../state/slice';
import {Badge} from '../ui/badge';
import {CallPost} from '../ui/call_post';
import {Text, withController} from '../ui/context';
import {HeaderButton, HeaderMenuEntry} from '../ui/header_button';
import {Icon} from '../ui/icons';
import {Root} from '../ui/root';
import css from '../ui/styles.css?inline';
import {Controller} from './controller';
import {takeLink} from './link';

/** The header's action may come twice, from click and touchend. */
const DOUBLE_CALL_MS = 500;

export class Plugin {
    private readonly scope = new Scope();
    private lastAction = 0;

    initialize(registry: Registry, store: Store): void {
        registry.registerReducer(reducer);
        registry.registerTranslations(translations);
        this.addStyles();
        const controller = this.makeController(store);
        this.scope.add(() => controller.close());
        this.registerComponents(registry, controller, store);
        this.registerEvents(registry, controller);
        registry.registerSlashCommandWillBePostedHook((message, args) => this.handleSlash(controller, store, message, args));
        this.followProfiles(controller);
        controller.start();
        this.askForLink(controller, store);
    }

    uninitialize(): void {
        this.scope.close();
    }

    /** In the desktop app nobody else asks for the screen, and in the place of its own plugin it has windows for calls. */
    private makeController(store: Store): Controller {
        const desktop = desktopApi();
        if (!desktop) {
            return new Controller(store);
        }
        const controller: Controller = new Controller(store, {
            ...(desktop.getDesktopSources
                ? {askForScreen: () => controller.ask({type: 'source', channelId: select.ownChannelId(store.getState())})}
                : {}),
        });
        if (opensCallWindows(desktop)) {
            const view = new MainView(desktop, controller, store);
            this.scope.add(() => view.close());
            controller.useWindow(view);
        }
        return controller;
    }

    private addStyles(): void {
        const style = document.createElement('style');
        style.dataset.plugin = 'parley';
        style.textContent = css;
        document.head.append(style);
        this.scope.add(() => style.remove());
    }

    private registerComponents(registry: Registry, controller: Controller, store: Store): void {
        const Button = withController(controller, HeaderButton);
        const Entry = withController(controller, HeaderMenuEntry);
        registry.registerCallButtonAction?.(<Button/>, <Entry/>, (channel?: Channel) => {
            const now = Date.now();
            const channelId = channel?.id ?? select.currentChannelId(store.getState());
            if (channelId === '' || now - this.lastAction < DOUBLE_CALL_MS) {
                return;
            }
            this.lastAction = now;
            controller.join({channelId});
        }, <Icon name='phone' size={16}/>, <Text id='header.start'/>);
        registry.registerPostTypeComponent(CALL_POST_TYPE, withController(controller, CallPost));
        registry.registerSidebarChannelLinkLabelComponent?.(withController(controller, Badge));
        registry.registerNeedsTeamRoute?.(EXPANDED_ROUTE, Expanded);
        const GlobalRoot = withController(controller, Root);
        if (registry.registerGlobalComponent) {
            registry.registerGlobalComponent(GlobalRoot);
        } else {
            registry.registerRootComponent(GlobalRoot);
        }
        registry.registerChannelHeaderMenuAction(<Text id='menu.copy_link'/>, (channelId) => void controller.copyLink(channelId));
        for (const enable of [true, false]) {
            registry.registerChannelHeaderMenuAction(
                <Text id={enable ? 'menu.enable' : 'menu.disable'}/>,
                (channelId) => void controller.switchChannel(channelId, enable),
                (state) => {
                    const channelId = select.currentChannelId(state);
                    return select.maySwitch(state, channelId) && select.isSwitchedOn(state, channelId) !== enable;
                },
            );
        }
    }

    /** In the place of its own plugin, the web app's call button in people's profiles asks for a call this way. */
    private followProfiles(controller: Controller): void {
        if (PLUGIN_ID !== WEB_APPS_OWN_ID) {
            return;
        }
        this.scope.listen(window, 'message', (event) => {
            const message = event as MessageEvent<unknown>;
            const fields = asFields(message.data);
            const channelId = asNonEmpty(fields?.channelID);
            const own = message.origin === window.location.origin && message.source === window;
            if (own && fields?.type === 'connectCall' && channelId !== undefined && isId(channelId)) {
                controller.join({channelId});
            }
        });
    }

    private registerEvents(registry: Registry, controller: Controller): void {
        for (const name of CALL_EVENTS) {
            registry.registerWebSocketEventHandler(WIRE_PREFIX + name, (value) => {
                const frame = readFrame(value);
                const event = frame.type === 'event' ? parseEvent(name, frame.data, frame.broadcast) : undefined;
                if (event) {
                    controller.handleEvent(event);
                }
            });
        }
        registry.registerReconnectHandler(() => void controller.refresh());
    }

    /** `/call start` runs on the server; join and leave are done here when this tab can. */
    private handleSlash(controller: Controller, store: Store, message: string, args: SlashArgs): SlashResult {
        const [command, action] = message.trim().split(/\s+/);
        if (command !== '/call') {
            return null;
        }
        const state = store.getState();
        const channelId = args.channel_id;
        switch (action) {
            case 'start':
                controller.rememberStart(channelId);
                return {message, args};
            case 'join':
                // Without a running call, or in it already, the server has the better answer.
                if (!select.callIn(state, channelId) || select.ownChannelId(state) === channelId) {
                    return {message, args};
                }
                controller.join({channelId});
                return {};
            case 'leave':
                if (select.ownChannelId(state) !== channelId) {
                    return {message, args};
                }
                controller.leave();
                return {};
            default:
                return null;
        }
    }

    /** A followed link: asks, once the page knows the channel. Never joins by itself. */
    private askForLink(controller: Controller, store: Store): void {
        const link = takeLink();
        if (!link) {
            return;
        }
        const ask = (): boolean => {
            const state = store.getState();
            const channelId = link.channelId ?? select.currentChannelId(state);
            if (channelId === '' || !select.channel(state, channelId)) {
                return false;
            }
            if (select.ownChannelId(state) !== channelId) {
                controller.ask({type: 'join', channelId});
            }
            return true;
        };
        if (!ask()) {
            const stop = this.scope.add(store.subscribe(() => {
                if (ask()) {
                    stop();
                }
            }));
        }
    }
}
