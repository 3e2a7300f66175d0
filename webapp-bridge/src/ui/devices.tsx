// The menu of microphones, speakers and cameras.

import * as React from 'react';

import type {DeviceGroup, DevicePicker} from '../call/device_picker';
import {DEFAULT_DEVICE} from '../call/media';
import * as select from '../state/select';
import {Text, useController, usePlatform, useText} from './context';
import {Control} from './control';
import {Icon} from './icons';
import {focusMenu, useMenu} from './menu';

const useGroups = (picker: DevicePicker): readonly DeviceGroup[] => {
    const [groups, setGroups] = React.useState(picker.groups);
    React.useEffect(() => {
        const stop = picker.changes.on(() => setGroups(picker.groups));
        setGroups(picker.groups);
        void picker.refresh();
        return stop;
    }, [picker]);
    return groups;
};

interface OptionProps {
    label: string;
    checked: boolean;
    onChoose: () => void;
}

const Option = ({label, checked, onChoose}: OptionProps) => (
    <button
        type='button'
        role='menuitemradio'
        className='parley-devices__option'
        aria-checked={checked}
        tabIndex={-1}
        title={label}
        onClick={onChoose}
    >
        <span className='parley-devices__mark'>{checked ? <Icon name='check' size={16}/> : null}</span>
        <span className='parley-devices__label'>{label}</span>
    </button>
);

const Group = ({group, onChoose}: {group: DeviceGroup; onChoose: (id: string) => void}) => {
    const text = useText();
    const {kind, options, chosen, hidden} = group;
    const title = `parley-devices-${kind}`;
    const hint = `parley-devices-${kind}-hint`;
    return (
        <div role='group' className='parley-devices__group' aria-labelledby={title} {...(hidden ? {'aria-describedby': hint} : {})}>
            <div id={title} className='parley-devices__title' role='presentation'><Text id={`devices.${kind}`}/></div>
            {options.map(({id, label}, at) => (
                <Option
                    key={id}
                    label={id === DEFAULT_DEVICE ? text('devices.default') : label || text('devices.unnamed', {number: at})}
                    checked={id === chosen}
                    onChoose={() => onChoose(id)}
                />
            ))}
            {hidden ? <div id={hint} className='parley-devices__hint' role='presentation'><Text id='devices.hidden'/></div> : null}
        </div>
    );
};

interface MenuProps {
    picker: DevicePicker;
    opener: React.RefObject<HTMLElement>;
    onClose: () => void;
}

const DeviceMenu = ({picker, opener, onClose}: MenuProps) => {
    const text = useText();
    const menu = React.useRef<HTMLDivElement>(null);
    const video = usePlatform((state) => select.calls(state).features.video);
    const groups = useGroups(picker);
    useMenu(menu, opener, onClose);
    React.useEffect(() => focusMenu(menu.current), [groups]);
    return (
        <div ref={menu} role='menu' className='parley-devices__menu a11y__popup' aria-label={text('controls.devices')}>
            {groups.filter(({kind}) => video || kind !== 'camera').map((group) => (
                <Group
                    key={group.kind}
                    group={group}
                    onChoose={(id) => {
                        void picker.choose(group.kind, id);
                        opener.current?.focus();
                        onClose();
                    }}
                />
            ))}
        </div>
    );
};

export const DeviceControl = ({reason}: {reason: string | undefined}) => {
    const controller = useController();
    const opener = React.useRef<HTMLButtonElement>(null);
    const [open, setOpen] = React.useState(false);
    const picker = controller.current?.picker;
    return (
        <div className='parley-devices'>
            <Control
                ref={opener}
                id='controls.devices'
                icon='devices'
                menu={open && picker ? 'open' : 'closed'}
                disabled={reason !== undefined}
                reason={reason}
                onClick={() => setOpen(!open)}
            />
            {open && picker ? <DeviceMenu picker={picker} opener={opener} onClose={() => setOpen(false)}/> : null}
        </div>
    );
};
