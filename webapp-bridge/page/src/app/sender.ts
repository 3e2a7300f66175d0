// What happens to a text that was sent from a message box: a command or a post.
import {ApiError, type ApiClient} from '../api/client';
import type {Post} from '../api/shapes';
import type {PluginHandlers} from '../plugins/handlers';
import type {PageStore} from '../store/store';

export interface SenderParts {
    api: Pick<ApiClient, 'createPost' | 'runCommand'>;
    store: PageStore;
    handlers: Pick<PluginHandlers, 'runSlashHooks'>;
    goTo: (address: string) => void;
    now: () => number;
}

/** A refusal with the server's or a plugin's text for the person. */
export class SendRefused extends Error {
    constructor(message: string) {
        super(message);
        this.name = 'SendRefused';
    }
}

export class Sender {
    constructor(private readonly parts: SenderParts) {}

    /** Rejects with `SendRefused`, or with what the browser says when the server cannot be reached. */
    async send(channelId: string, rootId: string, text: string): Promise<void> {
        const message = text.trim();
        if (message === '') {
            return;
        }
        try {
            if (message.startsWith('/')) {
                await this.sendCommand(channelId, rootId, message);
            } else {
                await this.sendPost(channelId, rootId, message);
            }
        } catch (error) {
            throw error instanceof ApiError ? new SendRefused(error.message) : error;
        }
    }

    private async sendCommand(channelId: string, rootId: string, command: string): Promise<void> {
        const {api, handlers, store, goTo} = this.parts;
        const {entities} = store.getState();
        const teamId = entities.channels.channels[channelId]?.team_id || entities.teams.currentTeamId;
        const result = await handlers.runSlashHooks(command, {channel_id: channelId, team_id: teamId, root_id: rootId});
        if (result.kind === 'swallow') {
            return;
        }
        if (result.kind === 'refuse') {
            throw new SendRefused(result.text);
        }
        const answer = await api.runCommand(result.message, result.args);
        if (answer.goto_location) {
            goTo(answer.goto_location);
        }
    }

    private async sendPost(channelId: string, rootId: string, message: string): Promise<void> {
        const {api, store, now} = this.parts;
        const userId = store.getState().entities.users.currentUserId;
        const at = now();
        const id = `${userId}:${at}`;
        const pending: Post = {
            id,
            pending_post_id: id,
            user_id: userId,
            channel_id: channelId,
            root_id: rootId,
            message,
            type: '',
            props: {},
            create_at: at,
            update_at: at,
            edit_at: 0,
            delete_at: 0,
            reply_count: 0,
            metadata: {},
        };
        store.dispatch({type: 'post', post: pending, fresh: false});
        try {
            const post = await api.createPost(pending);
            const known = store.getState().entities.posts.posts[post.id] !== undefined;
            store.dispatch({type: 'post', post, fresh: !known});
        } catch (error) {
            store.dispatch({type: 'post_removed', postId: pending.id});
            throw error;
        }
    }
}
