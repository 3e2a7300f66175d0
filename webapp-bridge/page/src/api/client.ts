// The REST part of the platform's API v4 that the page uses.
import {asFields, asList, textMap, textOr} from './parse';
import * as shape from './shapes';

/** A refusal by the server, with its text for people. */
export class ApiError extends Error {
    constructor(
        message: string,
        readonly status: number,
        readonly id: string,
    ) {
        super(message);
        this.name = 'ApiError';
    }
}

export interface ApiEnvironment {
    /** Sub-path without a slash at the end, empty for none. */
    basename: string;
    fetch: (input: string, init: RequestInit) => Promise<Response>;
    /** The cookie jar as the document shows it. */
    cookies: () => string;
}

/** The token that the server wants back on every request that changes something. */
export function csrfToken(cookies: string): string {
    for (const part of cookies.split(';')) {
        const [name, ...value] = part.trim().split('=');
        if (name === 'MMCSRF') {
            return value.join('=');
        }
    }
    return '';
}

export class ApiClient {
    /** Called when the server no longer knows this session. */
    onSignedOut: () => void = () => undefined;

    constructor(private readonly environment: ApiEnvironment) {}

    private async send(method: string, path: string, body?: unknown): Promise<unknown> {
        const headers: Record<string, string> = {'X-Requested-With': 'XMLHttpRequest'};
        if (method !== 'GET') {
            headers['X-CSRF-Token'] = csrfToken(this.environment.cookies());
        }
        const init: RequestInit = {method, headers, credentials: 'same-origin'};
        if (body !== undefined) {
            headers['Content-Type'] = 'application/json';
            init.body = JSON.stringify(body);
        }
        const response = await this.environment.fetch(`${this.environment.basename}/api/v4${path}`, init);
        const answer = await response.json().catch(() => undefined) as unknown;
        if (response.ok) {
            return answer;
        }
        const fields = typeof answer === 'object' && answer !== null ? asFields(answer, 'error') : {};
        const error = new ApiError(textOr(fields, 'message', response.statusText), response.status, textOr(fields, 'id'));
        if (error.status === 401 && error.id.includes('session_expired')) {
            this.onSignedOut();
        }
        throw error;
    }

    async login(loginId: string, password: string): Promise<shape.User> {
        return shape.parseUser(await this.send('POST', '/users/login', {login_id: loginId, password, token: '', deviceId: ''}));
    }

    async logout(): Promise<void> {
        await this.send('POST', '/users/logout');
    }

    async me(): Promise<shape.User> {
        return shape.parseUser(await this.send('GET', '/users/me'));
    }

    /** The language of what the server writes to this person. */
    async setLocale(locale: string): Promise<void> {
        await this.send('PUT', '/users/me/patch', {locale});
    }

    async clientConfig(): Promise<Record<string, string>> {
        return textMap(await this.send('GET', '/config/client?format=old'));
    }

    async license(): Promise<Record<string, string>> {
        return textMap(await this.send('GET', '/license/client?format=old'));
    }

    async myTeams(): Promise<shape.Team[]> {
        return asList(await this.send('GET', '/users/me/teams'), 'teams', shape.parseTeam);
    }

    async myTeamMembers(): Promise<shape.TeamMember[]> {
        return asList(await this.send('GET', '/users/me/teams/members'), 'team members', shape.parseTeamMember);
    }

    async myChannels(teamId: string): Promise<shape.Channel[]> {
        return asList(await this.send('GET', `/users/me/teams/${teamId}/channels`), 'channels', shape.parseChannel);
    }

    async myChannelMembers(teamId: string): Promise<shape.ChannelMember[]> {
        const answer = await this.send('GET', `/users/me/teams/${teamId}/channels/members`);
        return asList(answer, 'members', shape.parseChannelMember);
    }

    async channel(id: string): Promise<shape.Channel> {
        return shape.parseChannel(await this.send('GET', `/channels/${id}`));
    }

    async myMember(channelId: string): Promise<shape.ChannelMember> {
        return shape.parseChannelMember(await this.send('GET', `/channels/${channelId}/members/me`));
    }

    async channelByName(teamId: string, name: string): Promise<shape.Channel> {
        return shape.parseChannel(await this.send('GET', `/teams/${teamId}/channels/name/${encodeURIComponent(name)}`));
    }

    /** Open channels may be joined by anybody of the team. */
    async joinChannel(channelId: string, userId: string): Promise<shape.ChannelMember> {
        return shape.parseChannelMember(await this.send('POST', `/channels/${channelId}/members`, {user_id: userId}));
    }

    async directChannel(userIds: string[]): Promise<shape.Channel> {
        return shape.parseChannel(await this.send('POST', '/channels/direct', userIds));
    }

    async viewChannel(id: string): Promise<void> {
        await this.send('POST', '/channels/members/me/view', {channel_id: id});
    }

    async users(query: {inChannel?: string; inTeam?: string; page?: number}): Promise<shape.User[]> {
        const search = new URLSearchParams({page: String(query.page ?? 0), per_page: '100'});
        if (query.inChannel) {
            search.set('in_channel', query.inChannel);
        }
        if (query.inTeam) {
            search.set('in_team', query.inTeam);
        }
        return asList(await this.send('GET', `/users?${search.toString()}`), 'users', shape.parseUser);
    }

    async usersByIds(ids: string[]): Promise<shape.User[]> {
        return asList(await this.send('POST', '/users/ids', ids), 'users', shape.parseUser);
    }

    async userByName(name: string): Promise<shape.User> {
        return shape.parseUser(await this.send('GET', `/users/username/${encodeURIComponent(name)}`));
    }

    async statuses(ids: string[]): Promise<shape.Status[]> {
        return asList(await this.send('POST', '/users/status/ids', ids), 'statuses', shape.parseStatus);
    }

    async preferences(): Promise<shape.Preference[]> {
        return asList(await this.send('GET', '/users/me/preferences'), 'preferences', shape.parsePreference);
    }

    async savePreferences(userId: string, preferences: shape.Preference[]): Promise<void> {
        await this.send('PUT', `/users/${userId}/preferences`, preferences);
    }

    async posts(channelId: string, before = ''): Promise<shape.PostList> {
        const search = new URLSearchParams({per_page: '60', page: '0'});
        if (before) {
            search.set('before', before);
        }
        return shape.parsePostList(await this.send('GET', `/channels/${channelId}/posts?${search.toString()}`));
    }

    async thread(rootId: string): Promise<shape.PostList> {
        return shape.parsePostList(await this.send('GET', `/posts/${rootId}/thread`));
    }

    async createPost(post: Pick<shape.Post, 'channel_id' | 'message' | 'root_id' | 'pending_post_id'>): Promise<shape.Post> {
        return shape.parsePost(await this.send('POST', '/posts', {...post, file_ids: [], props: {}}));
    }

    async runCommand(command: string, where: CommandPlace): Promise<shape.CommandAnswer> {
        return shape.parseCommandAnswer(await this.send('POST', '/commands/execute', {command, ...where}));
    }

    async suggestions(input: string, where: CommandPlace): Promise<shape.Suggestion[]> {
        const search = new URLSearchParams({user_input: input, channel_id: where.channel_id, root_id: where.root_id});
        const path = `/teams/${where.team_id}/commands/autocomplete_suggestions?${search.toString()}`;
        return asList(await this.send('GET', path), 'suggestions', shape.parseSuggestion);
    }

    async webappPlugins(): Promise<shape.Manifest[]> {
        return asList(await this.send('GET', '/plugins/webapp'), 'plugins', shape.parseManifest);
    }
}

/** Where a command was typed. */
export interface CommandPlace {
    channel_id: string;
    team_id: string;
    root_id: string;
}
