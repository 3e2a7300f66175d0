// A post's text.
import * as React from 'react';

import {formatMessage, type Inline} from '../text/format';

function Part({part}: {part: Inline}): React.ReactElement {
    switch (part.kind) {
    case 'code':
        return <code>{part.text}</code>;
    case 'strong':
        return <strong>{part.text}</strong>;
    case 'em':
        return <em>{part.text}</em>;
    case 'link':
        return <a href={part.href} rel='noreferrer' target={part.href.startsWith('/') ? undefined : '_blank'}>{part.text}</a>;
    case 'text':
        return <>{part.text}</>;
    }
}

export function Message({text}: {text: string}): React.ReactElement {
    const blocks = React.useMemo(() => formatMessage(text), [text]);
    return (
        <div className='post-message__text'>
            {blocks.map((block, index) => (block.kind === 'code' ?
                <pre key={index} tabIndex={0}><code>{block.text}</code></pre> :
                <p key={index}>{block.parts.map((part, at) => <Part key={at} part={part}/>)}</p>))}
        </div>
    );
}
