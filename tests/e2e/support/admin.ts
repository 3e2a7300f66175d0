// The administrator of a `serve` platform, at the API: people, teams, channels.
import type {Platform} from './platform';

interface Made {
    id: string;
    name: string;
}

export const PASSWORD = 'correct-horse-battery';

export class Admin {
    private constructor(
        private readonly address: string,
        private readonly token: string,
    ) {}

    static signIn(platform: Platform): Promise<Admin> {
        return Admin.signInAs(platform, platform.admin);
    }

    /** Somebody who may do less. */
    static async signInAs(platform: Platform, {username, password}: {username: string; password: string}): Promise<Admin> {
        const response = await fetch(`${platform.address}/api/v4/users/login`, {
            method: 'POST',
            body: JSON.stringify({login_id: username, password}),
            headers: {'Content-Type': 'application/json'},
        });
        const token = response.headers.get('Token');
        if (!token) {
            throw new Error(`${username} cannot sign in: ${response.status} ${await response.text()}`);
        }
        return new Admin(platform.address, token);
    }

    private async send(method: string, path: string, body?: unknown): Promise<Made> {
        const response = await fetch(`${this.address}/api/v4${path}`, {
            method,
            headers: {Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json'},
            ...body === undefined ? {} : {body: JSON.stringify(body)},
        });
        if (!response.ok) {
            throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
        }
        return await response.json() as Made;
    }

    team(name: string): Promise<Made> {
        return this.send('POST', '/teams', {name, display_name: 'Demo', type: 'O'});
    }

    channel(teamId: string, name: string, displayName: string, type: 'O' | 'P' = 'O'): Promise<Made> {
        return this.send('POST', '/channels', {team_id: teamId, name, display_name: displayName, type});
    }

    /** A person of the team with `PASSWORD`. */
    async user(teamId: string, first: string, last: string): Promise<Made> {
        const username = first.toLowerCase();
        const user = await this.send('POST', '/users', {
            username, email: `${username}@example.org`, password: PASSWORD, first_name: first, last_name: last,
        });
        await this.send('POST', `/teams/${teamId}/members`, {team_id: teamId, user_id: user.id});
        return user;
    }

    /** The direct channel of these two, one of whom is signed in. */
    direct(ids: [string, string]): Promise<Made> {
        return this.send('POST', '/channels/direct', ids as unknown as Record<string, unknown>);
    }

    addToChannel(channelId: string, userId: string): Promise<unknown> {
        return this.send('POST', `/channels/${channelId}/members`, {user_id: userId});
    }

    removeFromChannel(channelId: string, userId: string): Promise<unknown> {
        return this.send('DELETE', `/channels/${channelId}/members/${userId}`);
    }

    /** Whether the channel has a call. */
    async callRuns(channelId: string): Promise<boolean> {
        const answer = await fetch(`${this.address}/plugins/app.parley.calls/calls/${channelId}/active`, {
            headers: {Authorization: `Bearer ${this.token}`},
        });
        // Too many questions: not known yet.
        return !answer.ok || (await answer.json() as {active: boolean}).active;
    }

    /** Changes settings of the calls plugin; the others stay. */
    async configure(settings: Record<string, unknown>): Promise<void> {
        type Config = {PluginSettings: {Plugins: Record<string, Record<string, unknown>>}};
        const config = await this.send('GET', '/config') as unknown as Config;
        const {Plugins: plugins} = config.PluginSettings;
        plugins['app.parley.calls'] = {...plugins['app.parley.calls'], ...settings};
        await this.send('PUT', '/config', config);
    }

    archive(channelId: string): Promise<unknown> {
        return this.send('DELETE', `/channels/${channelId}`);
    }
}

/** A team `demo`, a channel `lounge`, and people in both. */
export async function populate(admin: Admin, people: [string, string][]): Promise<{teamId: string; channelId: string; ids: string[]}> {
    const team = await admin.team('demo');
    const channel = await admin.channel(team.id, 'lounge', 'Lounge');
    const ids: string[] = [];
    for (const [first, last] of people) {
        const user = await admin.user(team.id, first, last);
        await admin.addToChannel(channel.id, user.id);
        ids.push(user.id);
    }
    return {teamId: team.id, channelId: channel.id, ids};
}
