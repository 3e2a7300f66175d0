// Loads and unloads plugins as Mattermost's web app does: manifests from the server, one classic
// script each, `initialize(registry, store)`, and everything of a plugin gone when it is disabled.
import type {Manifest} from '../api/shapes';
import {guard} from './handlers';
import type {PluginRegistry} from './registry';

interface PluginInstance {
    initialize?: (registry: PluginRegistry, store: unknown) => unknown;
    uninitialize?: () => void;
}

export interface LoaderParts {
    fetchManifests: () => Promise<Manifest[]>;
    /** Puts a script into the document; resolves when it ran. */
    runScript: (elementId: string, address: string) => Promise<void>;
    removeScript: (elementId: string) => void;
    newRegistry: (pluginId: string) => PluginRegistry;
    store: unknown;
    basename: string;
    onLoaded: (manifest: Manifest) => void;
    /** Everything that the page keeps for the plugin has to go. */
    onRemoving: (pluginId: string) => void;
    onRemoved: (pluginId: string) => void;
}

/** `/static/<id>/<file>`, as manifests say it, is served below `/static/plugins`. */
export function bundleAddress(bundlePath: string, basename: string): string {
    const path = bundlePath.replace(/^\/static\/(?!plugins\/)/, '/static/plugins/');
    return `${basename}${path}`;
}

export class PluginLoader {
    private readonly instances = new Map<string, PluginInstance>();
    private readonly loaded = new Map<string, Manifest>();
    private queue: Promise<void> = Promise.resolve();

    constructor(private readonly parts: LoaderParts) {}

    /** What a bundle calls (`window.registerPlugin`). */
    register = (id: string, instance: PluginInstance): void => {
        const older = this.instances.get(id);
        if (older) {
            guard(id, 'uninitialize', () => older.uninitialize?.());
        }
        this.instances.set(id, instance);
    };

    /** Makes the loaded plugins those that the server has; the same version is left alone. */
    sync(): Promise<void> {
        return this.inTurn(async () => {
            const wanted = await this.parts.fetchManifests();
            const ids = new Set(wanted.map((manifest) => manifest.id));
            for (const id of [...this.loaded.keys()]) {
                if (!ids.has(id)) {
                    this.removeNow(id);
                }
            }
            await Promise.all(wanted.map((manifest) => this.loadNow(manifest)));
        });
    }

    load(manifest: Manifest): Promise<void> {
        return this.inTurn(() => this.loadNow(manifest));
    }

    remove(id: string): Promise<void> {
        return this.inTurn(() => {
            this.removeNow(id);
            return Promise.resolve();
        });
    }

    /** One change at a time: enabling and disabling in quick succession must not cross. */
    private inTurn(work: () => Promise<void>): Promise<void> {
        this.queue = this.queue.then(work).catch((error: unknown) => {
            console.error('Loading plugins failed', error);
        });
        return this.queue;
    }

    private async loadNow(manifest: Manifest): Promise<void> {
        const before = this.loaded.get(manifest.id);
        if (before && before.version === manifest.version) {
            // The version decides, not the file: loading anew would end the call that the plugin carries.
            return;
        }
        if (before) {
            this.removeNow(manifest.id);
        }
        try {
            await this.parts.runScript(elementId(manifest.id), bundleAddress(manifest.webapp.bundle_path, this.parts.basename));
        } catch (error) {
            console.error(`The script of plugin ${manifest.id} did not load`, error);
            this.parts.removeScript(elementId(manifest.id));
            return;
        }
        const instance = this.instances.get(manifest.id);
        if (!instance) {
            console.error(`The script of plugin ${manifest.id} registered nothing`);
            return;
        }
        this.loaded.set(manifest.id, manifest);
        this.parts.onLoaded(manifest);
        const registry = this.parts.newRegistry(manifest.id);
        guard(manifest.id, 'initialize', () => {
            void instance.initialize?.(registry, this.parts.store);
        });
    }

    private removeNow(id: string): void {
        this.loaded.delete(id);
        this.parts.onRemoving(id);
        const instance = this.instances.get(id);
        this.instances.delete(id);
        if (instance) {
            guard(id, 'uninitialize', () => instance.uninitialize?.());
        }
        this.parts.onRemoved(id);
        this.parts.removeScript(elementId(id));
    }
}

const elementId = (pluginId: string): string => `plugin_${pluginId}`;
