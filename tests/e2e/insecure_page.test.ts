// Plain HTTP from elsewhere: browsers give no microphone; the page and the call say why, and one can listen.
import {expect, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {launch} from './support/browser';
import {ALICE, BOB, Person} from './support/person';
import {takeBoth} from './support/screens';
import {useStage} from './support/stage';

const stage = useStage({command: 'serve'});

it('on an insecure page the banner explains, and one can still listen', async () => {
    const admin = await Admin.signIn(stage.platform);
    await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg']]);
    const alice = await stage.person(ALICE);
    await alice.logIn(stage.platform.address, 'alice', PASSWORD, '/demo/channels/lounge');
    await alice.startCall();
    await alice.unmute();

    const elsewhere = await launch(['--host-resolver-rules=MAP parley.test 127.0.0.1']);
    try {
        const bob = await Person.open(elsewhere, {...BOB, withoutPermissions: true});
        await bob.logIn(stage.platform.address.replace('127.0.0.1', 'parley.test'), 'bob', PASSWORD, '/demo/channels/lounge');
        await bob.page.getByText('Microphone and camera are off').waitFor();
        await bob.joinByPost();
        expect(await bob.control('Unmute').getAttribute('aria-disabled')).toBe('true');
        await bob.hears(alice);
        await takeBoth(bob.page, '41_insecure_page');
    } finally {
        await elsewhere.close();
    }
});
