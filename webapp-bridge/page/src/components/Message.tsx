// A post's text.
import * as React from 'react';

import {onThisHost} from '../app/routes';
import {formatMessage, type Block, type Inline} from '../text/format';
import {usePageState} from './context';

function Link({href, text}: {href: string; text: string}): React.ReactElement {
    const siteUrl = usePageState((state) => state.entities.general.config.SiteURL ?? '');
    const here = window.location.origin + (window.basename ?? '');
    return <a href={onThisHost(href, siteUrl, here)} rel='noreferrer' target={href.startsWith('/') ? undefined : '_blank'}>{text}</a>;
}

function Part({part}: {part: Inline}): React.ReactElement {
    switch (part.kind) {
    case 'code':
        return <code>{part.text}</code>;
    case 'strong':
        return <strong>{part.text}</strong>;
    case 'em':
        return <em>{part.text}</em>;
    case 'link':
        return <Link href={part.href} text={part.text}/>;
    case 'text':
        return <>{part.text}</>;
    }
}

const parts = (list: readonly Inline[]): React.ReactNode => list.map((part, at) => <Part key={at} part={part}/>);

function TextBlock({block}: {block: Block}): React.ReactElement {
    switch (block.kind) {
    case 'code':
        return <pre tabIndex={0}><code>{block.text}</code></pre>;
    case 'list':
        return <ul>{block.items.map((item, at) => <li key={at}>{parts(item)}</li>)}</ul>;
    case 'text':
        return <p>{parts(block.parts)}</p>;
    }
}

export function Message({text}: {text: string}): React.ReactElement {
    const blocks = React.useMemo(() => formatMessage(text), [text]);
    return (
        <div className='post-message__text'>
            {blocks.map((block, at) => <TextBlock key={at} block={block}/>)}
        </div>
    );
}
