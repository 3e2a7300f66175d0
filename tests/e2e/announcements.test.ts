// What a screen reader hears of the page.
import {expect, it} from 'vitest';

import {useStage} from './support/stage';

const stage = useStage();

it('a new message is read without its marks', async () => {
    const alice = await stage.alice();
    const bob = await stage.bob();
    await bob.say('The **draft** is in `notes.md`, see [here](https://example.org/draft)');
    const announced = alice.page.getByRole('log', {name: 'New messages'});
    await announced.getByText('Bob Berg').waitFor({state: 'attached'});
    expect(await announced.textContent()).toContain('The draft is in notes.md, see here');
});
