// What components share: the controller, the store's slice and the texts.

import * as React from 'react';
import {FormattedMessage, useIntl} from 'react-intl';
import {useSelector} from 'react-redux';

import type {Controller} from '../app/controller';
import type {PlatformState} from '../base/platform';
import {descriptor} from '../i18n/texts';
import type {TextId} from '../i18n/texts';

const ControllerContext = React.createContext<Controller | null>(null);

export const ControllerProvider = ({controller, children}: {controller: Controller; children: React.ReactNode}) => (
    <ControllerContext.Provider value={controller}>{children}</ControllerContext.Provider>
);

/** Gives a registered component its controller. */
export const withController = <P extends object>(
    controller: Controller,
    Component: React.ComponentType<P>,
): React.ComponentType<P> => {
    const Provided = (props: P) => (
        <ControllerContext.Provider value={controller}>
            <Component {...props}/>
        </ControllerContext.Provider>
    );
    return Provided;
};

export const useController = (): Controller => {
    const controller = React.useContext(ControllerContext);
    if (!controller) {
        throw new Error('a component of Parley was rendered without its controller');
    }
    return controller;
};

export const usePlatform = <T,>(selector: (state: PlatformState) => T): T => useSelector(selector);

type Values = Record<string, string | number>;

/** A text for an attribute. */
export const useText = (): ((id: TextId, values?: Values) => string) => {
    const intl = useIntl();
    return (id, values) => intl.formatMessage(descriptor(id), values);
};

/** A text in markup. */
export const Text = ({id, values}: {id: TextId; values?: Values}) => (
    <FormattedMessage {...descriptor(id)} {...(values ? {values} : {})}/>
);

/** The time, at this period. */
export const useNow = (periodMs: number): number => {
    const [now, setNow] = React.useState(() => Date.now());
    React.useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), periodMs);
        return () => clearInterval(timer);
    }, [periodMs]);
    return now;
};

/** A duration in words, for posts. */
export const useDuration = (): ((ms: number) => string) => {
    const text = useText();
    return (ms) => {
        const seconds = Math.max(0, Math.floor(ms / 1000));
        const minutes = Math.floor(seconds / 60);
        if (minutes >= 60) {
            return text('duration.hours', {hours: Math.floor(minutes / 60), minutes: minutes % 60});
        }
        return minutes > 0 ? text('duration.minutes', {minutes}) : text('duration.seconds', {seconds});
    };
};

/** A person's name, with a stand-in while it is not known. */
export const useName = (): ((known: string | undefined) => string) => {
    const text = useText();
    return (known) => known ?? text('somebody');
};
