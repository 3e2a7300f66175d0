// The left side: team, channels, direct messages, the person's own menu.
import * as React from 'react';

import type {Channel} from '../api/shapes';
import {channelPath, directPath, groupPath} from '../app/routes';
import {channelName, currentTeam, directPartnerId, isUnread, sameList, sidebarChannels} from '../store/select';
import {Avatar} from './Avatar';
import {usePageState, useServices, useText} from './context';
import {NewDirect} from './NewDirect';
import {PluginPlace} from './PluginPlace';
import {UserMenu} from './UserMenu';

interface Props {
    open: boolean;
    onClose: () => void;
}

export function Sidebar({open, onClose}: Props): React.ReactElement {
    const text = useText();
    const team = usePageState(currentTeam);
    const teams = usePageState((whole) => whole.entities.teams.teams);
    const {goTo} = useServices();
    const [choosing, setChoosing] = React.useState(false);
    const channels = usePageState((state) => sidebarChannels(state).channels, sameList);
    const direct = usePageState((state) => sidebarChannels(state).direct, sameList);
    const all = Object.values(teams).filter((entry) => entry.delete_at === 0);
    return (
        <nav className={`page-sidebar a11y__region${open ? ' page-sidebar--open' : ''}`} data-a11y-sort-order='1' aria-label={text('page.sidebar.label')} id='SidebarContainer'>
            <div className='page-sidebar__head'>
                {all.length > 1 && team ?
                    <select aria-label={text('page.team')} value={team.name} onChange={(event) => goTo(`/${event.target.value}`)}>
                        {all.map((entry) => <option key={entry.id} value={entry.name}>{entry.display_name}</option>)}
                    </select> :
                    <strong>{team?.display_name}</strong>}
            </div>
            <div className='page-sidebar__lists' onClick={onClose}>
                <h2 id='sidebar_channels'>{text('page.sidebar.channels')}</h2>
                <ul aria-labelledby='sidebar_channels'>
                    {channels.map((channel) => <Row key={channel.id} channel={channel}/>)}
                </ul>
                <h2 id='sidebar_direct'>{text('page.sidebar.direct')}</h2>
                <button
                    type='button'
                    className='btn-icon page-sidebar__add'
                    aria-label={text('page.sidebar.new_direct')}
                    title={text('page.sidebar.new_direct')}
                    aria-expanded={choosing}
                    onClick={(event) => {
                        event.stopPropagation();
                        setChoosing(!choosing);
                    }}
                >
                    <i className='icon icon-plus' aria-hidden='true'/>
                </button>
                {choosing && <NewDirect onClose={() => setChoosing(false)}/>}
                <ul aria-labelledby='sidebar_direct'>
                    {direct.map((channel) => <Row key={channel.id} channel={channel}/>)}
                </ul>
            </div>
            <UserMenu/>
        </nav>
    );
}

function useChannelPath(channel: Channel): string {
    return usePageState((state) => {
        const team = currentTeam(state)?.name ?? '';
        if (channel.type === 'D') {
            const partner = state.entities.users.profiles[directPartnerId(channel, state.entities.users.currentUserId)];
            return partner ? directPath(team, partner.username) : '';
        }
        return channel.type === 'G' ? groupPath(team, channel.name) : channelPath(team, channel.name);
    });
}

function Row({channel}: {channel: Channel}): React.ReactElement {
    const text = useText();
    const {goTo} = useServices();
    const path = useChannelPath(channel);
    const name = usePageState((state) => channelName(state, channel));
    const unread = usePageState((state) => isUnread(state, channel));
    const current = usePageState((state) => state.entities.channels.currentChannelId === channel.id);
    const basename = window.basename ?? '';
    return (
        <li className={`page-row${current ? ' page-row--current' : ''}${unread && !current ? ' page-row--unread' : ''}`}>
            <a
                id={`sidebarItem_${channel.name}`}
                href={`${basename}${path}`}
                aria-current={current ? 'page' : undefined}
                onClick={(event) => {
                    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
                        event.preventDefault();
                        goTo(path);
                    }
                }}
            >
                <RowIcon channel={channel}/>
                <span className='page-row__name'>{name}</span>
                {unread && !current && <span className='page-hidden'>{text('page.sidebar.unread')}</span>}
            </a>
            <PluginPlace place='SidebarChannelLinkLabel' extra={{channel}}/>
        </li>
    );
}

function RowIcon({channel}: {channel: Channel}): React.ReactElement {
    const partner = usePageState((state) =>
        state.entities.users.profiles[directPartnerId(channel, state.entities.users.currentUserId)]);
    if (channel.type === 'D') {
        return <Avatar user={partner} size='sm' withStatus={true}/>;
    }
    const icon = {O: 'icon-globe', P: 'icon-lock-outline', G: 'icon-account-multiple-outline'}[channel.type];
    return <i className={`icon ${icon}`} aria-hidden='true'/>;
}
