// Slash-command completion. Knows no React and no network: text and keys in, a list out.
import type {Suggestion} from '../api/shapes';

export interface CompletionView {
    suggestions: readonly Suggestion[];
    /** Index of the marked one. */
    selected: number;
}

const CLOSED: CompletionView = {suggestions: [], selected: 0};
export const SUGGESTIONS_MAX = 20;

export type KeyAnswer = {kind: 'ignored'} | {kind: 'handled'} | {kind: 'completed'; text: string} | {kind: 'send'};

export class Completion {
    private view: CompletionView = CLOSED;
    private asked = 0;
    private input = '';
    private readonly listeners = new Set<() => void>();

    constructor(private readonly ask: (input: string) => Promise<Suggestion[]>) {}

    snapshot = (): CompletionView => this.view;

    subscribe = (listener: () => void): (() => void) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    };

    /** The box's text changed. Answers that come late, for an older text, are dropped. */
    async handleInput(input: string): Promise<void> {
        this.input = input;
        const turn = ++this.asked;
        if (!input.startsWith('/') || input.includes('\n')) {
            this.show(CLOSED);
            return;
        }
        let suggestions: Suggestion[] = [];
        try {
            suggestions = await this.ask(input);
        } catch {
            // Completion is a comfort: without the server the box works on.
        }
        if (turn === this.asked) {
            this.show({suggestions: suggestions.slice(0, SUGGESTIONS_MAX), selected: 0});
        }
    }

    handleKey(key: string, shift = false): KeyAnswer {
        const {suggestions, selected} = this.view;
        if (suggestions.length === 0) {
            return {kind: 'ignored'};
        }
        switch (key) {
        case 'ArrowDown':
            this.show({suggestions, selected: (selected + 1) % suggestions.length});
            return {kind: 'handled'};
        case 'ArrowUp':
            this.show({suggestions, selected: (selected + suggestions.length - 1) % suggestions.length});
            return {kind: 'handled'};
        case 'Escape':
            this.close();
            return {kind: 'handled'};
        case 'Tab':
            return shift ? {kind: 'ignored'} : this.take(selected);
        case 'Enter':
            // A command that is complete as typed is sent, not completed once more.
            if (shift) {
                return {kind: 'ignored'};
            }
            if (this.isComplete(suggestions[selected])) {
                this.close();
                return {kind: 'send'};
            }
            return this.take(selected);
        default:
            return {kind: 'ignored'};
        }
    }

    /** Takes a suggestion: the text that the box shall hold. */
    take(index: number): KeyAnswer {
        const chosen = this.view.suggestions[index];
        if (!chosen) {
            return {kind: 'ignored'};
        }
        this.close();
        return {kind: 'completed', text: completedText(chosen)};
    }

    close(): void {
        this.asked++;
        this.show(CLOSED);
    }

    private isComplete(chosen: Suggestion | undefined): boolean {
        return chosen !== undefined && completedText(chosen).trim() === this.input.trim();
    }

    private show(view: CompletionView): void {
        if (view === this.view) {
            return;
        }
        this.view = view;
        this.listeners.forEach((listener) => listener());
    }
}

export function completedText(suggestion: Suggestion): string {
    const text = suggestion.complete.startsWith('/') ? suggestion.complete : `/${suggestion.complete}`;
    return text.endsWith(' ') ? text : `${text} `;
}
