// The place for calls in the channel header. One registrant's button stands in a clickable box, as
// in Mattermost's web app (the button has no handler of its own); several share a menu.
import * as React from 'react';

import type {Channel} from '../api/shapes';
import {guard} from '../plugins/handlers';
import type {PluginComponent} from '../store/state';
import {usePageState, useText} from './context';
import {Menu} from './Menu';
import {PluginBoundary, renderValue, usePlace} from './PluginPlace';

export function CallButtons({channel}: {channel: Channel}): React.ReactElement | null {
    const entries = usePlace('CallButton');
    const member = usePageState((state) => state.entities.channels.myMembers[channel.id]);
    const text = useText();
    const [open, setOpen] = React.useState(false);
    const run = (entry: PluginComponent): void => guard(entry.pluginId, 'the call button', () =>
        (entry.action as (channel: Channel, member: unknown) => void)(channel, member));
    const [only, second] = entries;
    if (!only || !member) {
        return null;
    }
    if (!second) {
        return (
            <PluginBoundary pluginId={only.pluginId}>
                <div className='page-header__call' onClick={() => run(only)} onTouchEnd={() => run(only)}>
                    {renderValue(only.button)}
                </div>
            </PluginBoundary>
        );
    }
    return (
        <div className='page-header__menu'>
            <button type='button' className='btn btn-tertiary btn-sm' aria-haspopup='menu' aria-expanded={open} onClick={() => setOpen(!open)}>
                <i className='icon icon-phone' aria-hidden='true'/>
                {text('page.header.call')}
            </button>
            {open &&
                <Menu
                    label={text('page.header.call')}
                    onClose={() => setOpen(false)}
                    items={entries.map((entry) => ({id: entry.id, content: renderValue(entry.dropdownButton), run: () => run(entry)}))}
                />}
        </div>
    );
}
