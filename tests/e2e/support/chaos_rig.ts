// The runs of one kind of fault: a call that goes on from run to run, and is made anew after one that failed.
import {afterAll, describe, expect, it} from 'vitest';

import {plans, report} from './chaos';
import {sleep} from './until';
import {callOf, recordingPosts} from './recordings';
import {expectPostedOnce, recordingRun, verdict, type Rig} from './recording_run';

const RUN_MS_MAX = 200_000;
/** Long enough for a second post to come, were there one. */
const SETTLE_MS = 4_000;

export interface OpenRig extends Rig {
    close: (failed: boolean) => Promise<void>;
}

export function useRig(kind: string, open: () => Promise<OpenRig>): void {
    const all = plans(kind);
    describe.skipIf(all.length === 0)(`kill -9: ${kind}`, () => {
        let rig: OpenRig | undefined;
        let recordings = 0;
        afterAll(() => rig?.close(false));

        it.each(all)(`seed $seed: dies $killAfterMs ms into $phase`, async (plan) => {
            rig ??= await open();
            try {
                const account = await recordingRun(rig, kind, plan);
                recordings++;
                const wrong = verdict(account);
                report({...account, ...wrong ? {failure: wrong} : {}});
                expect.soft(wrong, 'what is wrong with the file').toBe('');
            } catch (error) {
                report({kind, ...plan, lackingMs: -1, gapMs: -1, timelineMs: -1, postedMs: -1, failure: String(error)});
                await rig.close(true);
                rig = undefined;
                recordings = 0;
                throw error;
            }
        }, RUN_MS_MAX);

        it('and after one more death, and a while, there is still one post for each', async () => {
            if (!rig) {
                // The last run failed, and said so.
                return;
            }
            const {channelId} = await callOf(rig.alice);
            await rig.kill();
            await rig.recover();
            await sleep(SETTLE_MS);
            await expectPostedOnce(rig.alice, channelId, recordings);
            expect((await recordingPosts(rig.bob, channelId)).length).toBe(recordings);
        }, RUN_MS_MAX);
    });
}
