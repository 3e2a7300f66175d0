// A platform with people who have official clients; all of them gone after each test.
import {afterAll, afterEach, beforeAll, expect} from 'vitest';
import type {Browser} from 'playwright-core';

import {Admin, populate} from '../support/admin';
import {launch} from '../support/browser';
import {until} from '../support/until';
import {Platform} from '../support/platform';
import {Official, type OfficialOptions} from './client';

export class OfficialStage {
    platform!: Platform;
    browser!: Browser;
    admin!: Admin;
    channel = '';
    teamId = '';
    clients: Official[] = [];

    async open(user: string, tone: number, more: Partial<OfficialOptions> = {}): Promise<Official> {
        const client = await Official.open(this.browser, {site: this.platform.address, user, tone, ...more});
        this.clients.push(client);
        return client;
    }
}

export function useOfficialStage(): OfficialStage {
    const stage = new OfficialStage();
    beforeAll(async () => {
        stage.platform = await Platform.start({command: 'serve'});
        stage.browser = await launch();
        stage.admin = await Admin.signIn(stage.platform);
        const made = await populate(stage.admin, [['Wilma', 'Web'], ['Wolf', 'Web'], ['Wendy', 'Web'], ['Mona', 'Mobile']]);
        stage.channel = made.channelId;
        stage.teamId = made.teamId;
    });
    afterEach(async (context) => {
        const failures: unknown[] = [];
        for (const client of stage.clients) {
            const seen = await client.get('failures').catch(() => []);
            failures.push(...seen, ...client.console);
            if (context.task.result?.state === 'fail') {
                console.error(`--- ${client.user}`, await client.get('events').catch(() => []), await client.get('tracks').catch(() => []), seen,
                    await client.do('videoStats').catch(() => []));
            }
        }
        if (context.task.result?.state === 'fail') {
            console.error(`--- parley\n${stage.platform.output().split('\n').slice(-40).join('\n')}`);
        }
        await Promise.all(stage.clients.splice(0).map((client) => client.close()));
        // Whoever could not say so is kept for a while.
        await until('the call is over', async () => !await stage.admin.callRuns(stage.channel), {within: 45_000, every: 300});
        expect(failures, 'what went wrong inside the clients').toEqual([]);
    });
    afterAll(async () => {
        await stage.browser?.close();
        await stage.platform?.stop();
    });
    return stage;
}
