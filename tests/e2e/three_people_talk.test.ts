// Three people: everybody hears the two others at the same time, who leaves is heard no longer, and who
// comes late hears and sees what runs already.
import {beforeAll, it} from 'vitest';

import {Admin, PASSWORD, populate} from './support/admin';
import {ALICE, BOB, CAROL, type Person} from './support/person';
import {useStage} from './support/stage';

const stage = useStage({command: 'serve'});

let channel = '';

beforeAll(async () => {
    const admin = await Admin.signIn(stage.platform);
    await populate(admin, [['Alice', 'Adler'], ['Bob', 'Berg'], ['Carol', 'Cho']]);
    channel = '/demo/channels/lounge';
});

function everybody(): Promise<[Person, Person, Person]> {
    return Promise.all([ALICE, BOB, CAROL].map(async (who) => {
        const person = await stage.person(who);
        await person.logIn(stage.platform.address, who.name.toLowerCase(), PASSWORD, channel);
        return person;
    })) as Promise<[Person, Person, Person]>;
}

it('three people hear one another', async () => {
    const [alice, bob, carol] = await everybody();
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

it('who joins late hears and sees what runs already', async () => {
    const [alice, bob, carol] = await everybody();
    await alice.startCall();
    await bob.joinByPost();
    await alice.unmute();
    await alice.control('Share screen').click();
    await bob.control('Turn camera on').click();
    await bob.sees('Screen of Alice Adler');

    await carol.joinByPost();
    await carol.hears(alice);
    await carol.sees('Screen of Alice Adler');
    await carol.sees('Camera of Bob Berg');
});
