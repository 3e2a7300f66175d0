// A button of a call. Icon-only in the widget (name and tooltip), with text in the larger view.

import * as React from 'react';

import type {TextId} from '../i18n/texts';
import {useText} from './context';
import {Icon} from './icons';
import type {IconName} from './icons';

interface ControlProps {
    id: TextId;
    icon: IconName;
    tone?: 'on' | 'danger' | 'recording';
    disabled?: boolean;
    reason?: string | undefined;
    /** More than the name, where there is no reason. */
    hint?: string;
    /** It opens a menu, which is open or not. */
    menu?: 'open' | 'closed';
    onClick: () => void;
}

export const Control = React.forwardRef<HTMLButtonElement, ControlProps>(
    ({id, icon, tone, disabled = false, reason, hint, menu, onClick}, ref) => {
        const text = useText();
        const label = text(id);
        return (
            <button
                ref={ref}
                type='button'
                className={`parley-control${tone ? ` parley-control--${tone}` : ''}`}
                aria-label={label}
                aria-disabled={disabled}
                {...(menu ? {'aria-haspopup': 'menu' as const, 'aria-expanded': menu === 'open'} : {})}
                {...(reason ? {'aria-description': reason} : {})}
                title={reason ?? hint ?? label}
                onClick={() => {
                    if (!disabled) {
                        onClick();
                    }
                }}
            >
                <Icon name={icon}/>
                <span className='parley-control__text' aria-hidden='true'>{label}</span>
            </button>
        );
    },
);
Control.displayName = 'Control';
