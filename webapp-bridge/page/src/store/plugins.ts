// What plugins put into the page.
import type {PageAction} from './actions';
import {without} from './entities';
import type {PluginComponent, PluginsState} from './state';

export const emptyPlugins: PluginsState = {plugins: {}, components: {}, postTypes: {}, userSettings: {}};

export function plugins(state: PluginsState, action: PageAction): PluginsState {
    switch (action.type) {
    case 'plugin_loaded':
        return {...state, plugins: {...state.plugins, [action.manifest.id]: action.manifest}};
    case 'plugin_component': {
        const place = state.components[action.place] ?? [];
        return {...state, components: {...state.components, [action.place]: [...place, action.entry]}};
    }
    case 'plugin_post_type':
        return {...state, postTypes: {...state.postTypes, [action.postType]: action.entry}};
    case 'plugin_user_settings':
        return {...state, userSettings: {...state.userSettings, [action.pluginId]: action.settings}};
    case 'plugin_component_removed':
        return keepEntries(state, (entry) => entry.id !== action.id);
    case 'plugin_removed': {
        const rest = keepEntries(state, (entry) => entry.pluginId !== action.pluginId);
        return {
            ...rest,
            plugins: without(rest.plugins, action.pluginId),
            userSettings: without(rest.userSettings, action.pluginId),
        };
    }
    default:
        return state;
    }
}

function keepEntries(state: PluginsState, keep: (entry: PluginComponent) => boolean): PluginsState {
    return {
        ...state,
        components: Object.fromEntries(
            Object.entries(state.components).map(([place, entries]) => [place, entries.filter(keep)]),
        ),
        postTypes: Object.fromEntries(Object.entries(state.postTypes).filter(([, entry]) => keep(entry))),
    };
}
