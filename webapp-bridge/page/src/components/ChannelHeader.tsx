// The header of a channel: its name with the menu, call button and other plugins' buttons.
import * as React from 'react';
import {useStore} from 'react-redux';

import type {Channel} from '../api/shapes';
import {channelName} from '../store/select';
import type {PageState} from '../store/state';
import {guard} from '../plugins/handlers';
import {CallButtons} from './CallButtons';
import {usePageState, useServices, useText} from './context';
import {Menu} from './Menu';
import {PluginBoundary, renderValue, usePlace} from './PluginPlace';

interface Props {
    channel: Channel;
    onOpenSidebar: () => void;
}

export function ChannelHeader({channel, onOpenSidebar}: Props): React.ReactElement {
    const text = useText();
    const name = usePageState((state) => channelName(state, channel));
    const members = usePageState((state) => state.entities.users.profilesInChannel[channel.id]?.size ?? 0);
    return (
        <header className='page-header a11y__region' data-a11y-sort-order='2' id='channel-header'>
            <button type='button' className='btn-icon page-header__toggle' aria-label={text('page.sidebar.open')} onClick={onOpenSidebar}>
                <i className='icon icon-menu' aria-hidden='true'/>
            </button>
            <div className='page-header__title'>
                <ChannelMenu channel={channel} name={name}/>
                <span className='page-header__info'>
                    {channel.type !== 'D' && members > 0 &&
                        <span title={text('page.channel.members', {count: members})}>
                            <i className='icon icon-account-outline' aria-hidden='true'/>
                            <span aria-label={text('page.channel.members', {count: members})}>{members}</span>
                        </span>}
                    <span className='page-header__topic'>{channel.header}</span>
                </span>
            </div>
            <CallButtons channel={channel}/>
            <HeaderButtons channel={channel}/>
        </header>
    );
}

function ChannelMenu({channel, name}: {channel: Channel; name: string}): React.ReactElement {
    const entries = usePlace('ChannelHeader');
    const text = useText();
    const store = useStore<PageState>();
    const [open, setOpen] = React.useState(false);
    const shown = entries.filter((entry) => {
        try {
            return typeof entry.shouldRender !== 'function' || Boolean((entry.shouldRender as (state: unknown) => unknown)(store.getState()));
        } catch {
            return false;
        }
    });
    if (shown.length === 0) {
        return <h1 className='page-header__name'>{name}</h1>;
    }
    return (
        <div className='page-header__menu'>
            <h1 className='page-header__name'>
                <button
                    type='button'
                    id='channelHeaderDropdownButton'
                    className='style--none'
                    aria-haspopup='menu'
                    aria-expanded={open}
                    aria-describedby='channelHeaderMenuHint'
                    onClick={() => setOpen(!open)}
                >
                    {name}
                    <i className='icon icon-chevron-down' aria-hidden='true'/>
                </button>
            </h1>
            <span hidden={true} id='channelHeaderMenuHint'>{text('page.channel.menu')}</span>
            {open &&
                <Menu
                    label={text('page.channel.menu')}
                    onClose={() => setOpen(false)}
                    items={shown.map((entry) => ({
                        id: entry.id,
                        content: renderValue(entry.text),
                        run: () => guard(entry.pluginId, 'a menu entry', () => (entry.action as (channelId: string) => void)(channel.id)),
                    }))}
                />}
        </div>
    );
}

function HeaderButtons({channel}: {channel: Channel}): React.ReactElement {
    const entries = usePlace('ChannelHeaderButton');
    const bar = usePlace('AppBar');
    const member = usePageState((state) => state.entities.channels.myMembers[channel.id]);
    const {goTo} = useServices();
    return (
        <>
            {[...entries, ...bar].map((entry) => {
                const tip = typeof entry.tooltipText === 'string' ? entry.tooltipText : undefined;
                return (
                    <PluginBoundary key={entry.id} pluginId={entry.pluginId}>
                        <button
                            type='button'
                            className='btn-icon channel-header__icon'
                            title={tip}
                            aria-label={tip}
                            onClick={() => guard(entry.pluginId, 'a header button', () =>
                                (entry.action as (channel: Channel, member: unknown, goTo: unknown) => void)(channel, member, goTo))}
                        >
                            {typeof entry.iconUrl === 'string' ? <img alt='' src={entry.iconUrl} width={20} height={20}/> : renderValue(entry.icon)}
                        </button>
                    </PluginBoundary>
                );
            })}
        </>
    );
}
