// Entry of the plugin bundle: registers the plugin with the web app.
import * as React from 'react';

class Plugin {
    initialize(registry: {registerGlobalComponent(component: React.ComponentType): string}): void {
        registry.registerGlobalComponent(() => <></>);
    }
}

declare global {
    interface Window {
        registerPlugin(id: string, plugin: unknown): void;
    }
}

window.registerPlugin('app.parley.calls', new Plugin());
