// Three people: everybody hears the two others at the same time, and who leaves is heard no longer.
import {it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB, CAROL, type Person} from './support/person';
import {useStage} from './support/stage';

const stage = useStage({command: 'serve'});

it('three people hear one another', async () => {
    const admin = await Admin.signIn(stage.platform);
    await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg'], ['Carol', 'Cho']]);
    const [alice, bob, carol] = await Promise.all([ALICE, BOB, CAROL].map(async (who) => {
        const person = await stage.person(who);
        await person.logIn(stage.platform.address, who.name.toLowerCase(), PASSWORD, '/demo/channels/lounge');
        return person;
    })) as [Person, Person, Person];

    await alice.startCall();
    await bob.joinByPost();
    await carol.joinByPost();
    for (const person of [alice, bob, carol]) {
        await person.unmute();
    }
    for (const listener of [alice, bob, carol]) {
        for (const speaker of [alice, bob, carol].filter((other) => other !== listener)) {
            await listener.hears(speaker);
        }
    }

    await bob.leave();
    await carol.hearsNoLonger(bob);
    await alice.hearsNoLonger(bob);
    await carol.hears(alice);
    await alice.hears(carol);
});
