// A page-wide message: nothing here, nothing yet, something failed.
import * as React from 'react';

interface Props {
    title: string;
    body: string;
    children?: React.ReactNode;
}

export function Notice({title, body, children}: Props): React.ReactElement {
    return (
        <div className='page-notice'>
            <h1>{title}</h1>
            <p>{body}</p>
            {children}
        </div>
    );
}
