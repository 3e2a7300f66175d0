// What people write is text, everywhere: titles, messages, names. And pages say what they allow.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();
const EVIL = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>';

it('markup in a call\'s title and in a message stays text', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await alice.say(`${EVIL} [a](javascript:window.broken=1)`);
    await bob.page.locator('.post').getByText(EVIL).waitFor();
    await alice.startCall(EVIL);
    await bob.page.locator('.post').getByText(EVIL).nth(1).waitFor();
    for (const person of [alice, bob]) {
        expect(await person.page.evaluate(() => 'broken' in window)).toBe(false);
        expect(await person.page.locator('a[href^="javascript"]').count()).toBe(0);
    }
});

it('pages allow only scripts of their own and no foreign frame; changes need the token', async () => {
    const alice = await stage.alice();
    const response = await alice.page.goto(`${stage.platform.localAddress}/demo/channels/lounge`);
    const policy = response?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'self'");
    const status = await alice.page.evaluate(async () => {
        const answer = await fetch('/api/v4/posts', {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}});
        return answer.status;
    });
    expect(status).toBe(401);
    const inline = await alice.page.evaluate(() => {
        const script = document.createElement('script');
        script.textContent = 'window.inlineRan = true';
        document.head.append(script);
        return 'inlineRan' in window;
    });
    expect(inline).toBe(false);
});
