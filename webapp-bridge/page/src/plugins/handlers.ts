// What plugins want to be called for: events, reconnects, messages before they are posted.
import type {EventFrame} from '../socket/frame';

export interface HookContext {
    channel_id: string;
    team_id: string;
    root_id: string;
}

export type SlashHookResult = {kind: 'pass'; message: string; args: HookContext} | {kind: 'swallow'} | {kind: 'refuse'; text: string};

type SlashHook = (message: string, args: HookContext) => unknown;
type Owned<T> = {id: string; pluginId: string; value: T};

export class PluginHandlers {
    private readonly events = new Map<string, Map<string, (frame: EventFrame) => void>>();
    private readonly reconnects = new Map<string, () => void>();
    private slashHooks: Owned<SlashHook>[] = [];
    private readonly translations = new Map<string, (locale: string) => unknown>();

    setEvent(pluginId: string, event: string, handler: (frame: EventFrame) => void): void {
        const own = this.events.get(pluginId) ?? new Map<string, (frame: EventFrame) => void>();
        own.set(event, handler);
        this.events.set(pluginId, own);
    }

    removeEvent(pluginId: string, event: string): void {
        this.events.get(pluginId)?.delete(event);
    }

    handleEvent(frame: EventFrame): void {
        for (const [pluginId, own] of this.events) {
            const handler = own.get(frame.event);
            if (handler) {
                guard(pluginId, frame.event, () => handler(frame));
            }
        }
    }

    setReconnect(pluginId: string, handler: () => void): void {
        this.reconnects.set(pluginId, handler);
    }

    removeReconnect(pluginId: string): void {
        this.reconnects.delete(pluginId);
    }

    handleReconnect(): void {
        for (const [pluginId, handler] of this.reconnects) {
            guard(pluginId, 'reconnect', handler);
        }
    }

    addSlashHook(id: string, pluginId: string, value: SlashHook): void {
        this.slashHooks.push({id, pluginId, value});
    }

    /** Asks each plugin in turn; the first that swallows or refuses ends it. */
    async runSlashHooks(message: string, args: HookContext): Promise<SlashHookResult> {
        let result = {message, args};
        for (const hook of this.slashHooks) {
            let answer: unknown;
            try {
                answer = await hook.value(result.message, result.args);
            } catch (error) {
                console.error(`Plugin ${hook.pluginId} failed in its slash command hook`, error);
                continue;
            }
            const opinion = readSlashAnswer(answer);
            if (opinion === null) {
                continue;
            }
            if (opinion.kind !== 'pass') {
                return opinion;
            }
            result = {message: opinion.message, args: opinion.args};
        }
        return {kind: 'pass', ...result};
    }

    setTranslations(pluginId: string, texts: (locale: string) => unknown): void {
        this.translations.set(pluginId, texts);
    }

    translationsFor(locale: string): Record<string, string> {
        const all: Record<string, string> = {};
        for (const [pluginId, texts] of this.translations) {
            guard(pluginId, 'translations', () => {
                for (const [key, value] of Object.entries(texts(locale) ?? {})) {
                    if (typeof value === 'string') {
                        all[key] = value;
                    }
                }
            });
        }
        return all;
    }

    removeHook(id: string): void {
        this.slashHooks = this.slashHooks.filter((hook) => hook.id !== id);
    }

    removePlugin(pluginId: string): void {
        this.events.delete(pluginId);
        this.reconnects.delete(pluginId);
        this.translations.delete(pluginId);
        this.slashHooks = this.slashHooks.filter((hook) => hook.pluginId !== pluginId);
    }
}

/** `null`: no opinion. */
function readSlashAnswer(answer: unknown): SlashHookResult | null {
    if (typeof answer !== 'object' || answer === null) {
        return null;
    }
    const {error, message, args} = answer as {error?: {message?: unknown}; message?: unknown; args?: HookContext};
    if (error) {
        return {kind: 'refuse', text: typeof error.message === 'string' ? error.message : ''};
    }
    if (typeof message === 'string' && args) {
        return {kind: 'pass', message, args};
    }
    return {kind: 'swallow'};
}

/** One plugin's mistake is that plugin's alone. */
export function guard(pluginId: string, where: string, run: () => void): void {
    try {
        run();
    } catch (error) {
        console.error(`Plugin ${pluginId} failed in ${where}`, error);
    }
}
