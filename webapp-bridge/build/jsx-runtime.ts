// A stand-in for `react/jsx-runtime` over the web app's own React: elements made by a bundled
// runtime of another React version make the web app throw.
import * as React from 'react';

type Props = Record<string, unknown> & {children?: unknown};

const create = (type: React.ElementType, props: Props, key?: React.Key): React.ReactElement => {
    const {children, ...rest} = props;
    if (key !== undefined) {
        rest.key = key;
    }
    if (children === undefined) {
        return React.createElement(type, rest);
    }
    const list = Array.isArray(children) ? children : [children];
    return React.createElement(type, rest, ...(list as React.ReactNode[]));
};

export const jsx = create;
export const jsxs = create;
export const jsxDEV = create;
export const Fragment = React.Fragment;
