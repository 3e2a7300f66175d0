// Shows what plugins put into a place; a plugin's mistake takes down its own part only.
import * as React from 'react';
import {useStore} from 'react-redux';

import type {Place} from '../plugins/registry';
import type {PluginComponent} from '../store/state';
import {ThemeContext, usePageState, useServices} from './context';

const NONE: readonly PluginComponent[] = [];

interface BoundaryProps {
    pluginId: string;
    children?: React.ReactNode;
}

export class PluginBoundary extends React.Component<BoundaryProps, {failed: boolean}> {
    override state = {failed: false};

    static getDerivedStateFromError(): {failed: boolean} {
        return {failed: true};
    }

    override componentDidCatch(error: unknown): void {
        console.error(`A component of plugin ${this.props.pluginId} failed`, error);
    }

    override render(): React.ReactNode {
        return this.state.failed ? null : this.props.children;
    }
}

export function usePlace(place: Place): readonly PluginComponent[] {
    return usePageState((state) => state.plugins.components[place] ?? NONE);
}

/** React values in registrations may be elements or components. */
export function renderValue(value: unknown, props: Record<string, unknown> = {}): React.ReactNode {
    if (React.isValidElement(value) || typeof value === 'string') {
        return value;
    }
    return value ? React.createElement(value as React.ComponentType<Record<string, unknown>>, props) : null;
}

export function PluginPlace({place, extra}: {place: Place; extra?: Record<string, unknown>}): React.ReactElement {
    const entries = usePlace(place);
    return (
        <>
            {entries.map((entry) => <PluginPart key={entry.id} entry={entry} extra={extra ?? {}}/>)}
        </>
    );
}

export function PluginPart({entry, extra}: {entry: PluginComponent; extra: Record<string, unknown>}): React.ReactElement {
    const theme = React.useContext(ThemeContext);
    const {socketClient} = useServices();
    const store = useStore();
    const props = {...extra, theme, webSocketClient: socketClient, store};
    return (
        <PluginBoundary pluginId={entry.pluginId}>
            {renderValue(entry.component, props)}
        </PluginBoundary>
    );
}
