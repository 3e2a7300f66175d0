// The little Markdown that posts of this page show: code, emphasis, links, lists, line breaks.
// Pure: text in, pieces out; nothing is ever handed to the browser as HTML.

export type Inline =
    | {kind: 'text'; text: string}
    | {kind: 'code'; text: string}
    | {kind: 'strong'; text: string}
    | {kind: 'em'; text: string}
    | {kind: 'link'; text: string; href: string};

export type Block = {kind: 'code'; text: string} | {kind: 'text'; parts: Inline[]} | {kind: 'list'; items: Inline[][]};

const FENCE = /^```[^\n`]*\n([\s\S]*?)\n?```[ \t]*$/m;
const ITEM = /^[*-] +(.*)$/;
const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+|\/[^\s)]*)\)|(https?:\/\/[^\s<>"]+)|(?<![\w*])[_*]([^_*\n]+)[_*](?![\w*])/g;

export function formatMessage(message: string): Block[] {
    const blocks: Block[] = [];
    let rest = message;
    for (let match = FENCE.exec(rest); match; match = FENCE.exec(rest)) {
        pushText(blocks, rest.slice(0, match.index));
        blocks.push({kind: 'code', text: match[1] ?? ''});
        rest = rest.slice(match.index + match[0].length);
    }
    pushText(blocks, rest);
    return blocks;
}

function pushText(blocks: Block[], text: string): void {
    let lines: string[] = [];
    const flush = (): void => {
        const plain = lines.join('\n').replace(/^\n+|\n+$/g, '');
        lines = [];
        if (plain) {
            blocks.push({kind: 'text', parts: formatInline(plain)});
        }
    };
    for (const line of text.split('\n')) {
        const item = ITEM.exec(line)?.[1];
        if (item === undefined) {
            lines.push(line);
            continue;
        }
        flush();
        const last = blocks[blocks.length - 1];
        if (last?.kind === 'list') {
            last.items.push(formatInline(item));
        } else {
            blocks.push({kind: 'list', items: [formatInline(item)]});
        }
    }
    flush();
}

export function formatInline(text: string): Inline[] {
    const parts: Inline[] = [];
    let from = 0;
    const plain = (to: number): void => {
        if (to > from) {
            parts.push({kind: 'text', text: text.slice(from, to)});
        }
    };
    for (const match of text.matchAll(INLINE)) {
        plain(match.index);
        from = match.index + match[0].length;
        const [, code, strong, label, target, address, em] = match;
        if (code !== undefined) {
            parts.push({kind: 'code', text: code});
        } else if (strong !== undefined) {
            parts.push({kind: 'strong', text: strong});
        } else if (label !== undefined && target !== undefined) {
            parts.push({kind: 'link', text: label, href: target});
        } else if (address !== undefined) {
            // A full stop or bracket after an address belongs to the sentence.
            const clean = address.replace(/[.,;:!?)\]'*_]+$/, '');
            from -= address.length - clean.length;
            parts.push({kind: 'link', text: clean, href: clean});
        } else {
            parts.push({kind: 'em', text: em ?? ''});
        }
    }
    plain(text.length);
    return parts;
}

/** The words without the marks: for what is read aloud. */
export function plainText(message: string): string {
    const words = (parts: readonly Inline[]): string => parts.map((part) => part.text).join('');
    return formatMessage(message).map((block) => {
        switch (block.kind) {
        case 'code':
            return block.text;
        case 'list':
            return block.items.map(words).join('\n');
        case 'text':
            return words(block.parts);
        }
    }).join('\n');
}
