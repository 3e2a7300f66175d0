import {beforeEach, describe, expect, it, vi} from 'vitest';

import {Input} from './input';
import {MediaError} from './media';

interface Asked {
    id: string;
    give(): Fake;
    refuse(error: Error): void;
}

interface Fake {
    id: string;
    readyState: string;
    onended: (() => void) | null;
    stop(): void;
}

const fake = (id: string): Fake => {
    const made: Fake = {
        id,
        readyState: 'live',
        onended: null,
        stop: () => {
            made.readyState = 'ended';
        },
    };
    return made;
};

let asked: Asked[];
let input: Input;

const opened = async (): Promise<Fake> => {
    const done = input.open();
    const track = asked.at(-1)!.give();
    await done;
    return track;
};

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
    asked = [];
    input = new Input((id) => new Promise((resolve, reject) => {
        asked.push({
            id,
            give: () => {
                const track = fake(id);
                resolve(track as never);
                return track;
            },
            refuse: reject,
        });
    }));
});

describe('an input', () => {
    it('opens once', async () => {
        const track = await opened();
        expect(await input.open()).toBe(track);
        expect(asked.length).toBe(1);
    });

    it('opens the one that was chosen while the browser still asked', async () => {
        const done = input.open();
        expect(await input.choose('b')).toBe(false);
        const first = asked[0]!.give();
        await turn();
        expect(first.readyState).toBe('ended');
        expect(asked[1]?.id).toBe('b');
        const second = asked[1]?.give();
        expect(await done).toBe(second);
    });

    it('takes the last of two choices, whichever comes first', async () => {
        await opened();
        const first = input.choose('a');
        const second = input.choose('b');
        const b = asked[2]!.give();
        expect(await second).toBe(true);
        const a = asked[1]!.give();
        expect(await first).toBe(false);
        expect(a.readyState).toBe('ended');
        expect(input.track).toBe(b);
        expect(input.chosen).toBe('b');
    });

    it('does not complain of a refused one when another was chosen meanwhile', async () => {
        await opened();
        const first = input.choose('a');
        const second = input.choose('b');
        asked[1]!.refuse(new MediaError('unavailable'));
        expect(await first).toBe(false);
        asked[2]!.give();
        expect(await second).toBe(true);
    });

    it('closes the open one first where the system gives one at a time', async () => {
        const before = await opened();
        const done = input.choose('back');
        asked[1]!.refuse(new MediaError('busy'));
        await turn();
        expect(before.readyState).toBe('ended');
        const back = asked[2]!.give();
        expect(await done).toBe(true);
        expect(input.track).toBe(back);
    });

    it('keeps the open one when another is refused', async () => {
        const before = await opened();
        const done = input.choose('a');
        asked[1]!.refuse(new MediaError('unavailable'));
        await expect(done).rejects.toThrow(MediaError);
        expect(input.track).toBe(before);
        expect(input.chosen).toBe('');
    });

    it('closes what comes after it was closed', async () => {
        const done = input.open();
        input.close();
        const late = asked[0]!.give();
        expect(await done).toBeUndefined();
        expect(late.readyState).toBe('ended');
    });

    it('closes what comes after it was switched off', async () => {
        await opened();
        const done = input.choose('a');
        input.release();
        const late = asked[1]!.give();
        expect(await done).toBe(false);
        expect(late.readyState).toBe('ended');
        expect(input.track).toBeUndefined();
    });

    it('wants the default again when its device is taken away', async () => {
        const lost = vi.fn();
        input.lost.on(lost);
        await opened();
        const done = input.choose('a');
        const track = asked[1]!.give();
        await done;
        track.readyState = 'ended';
        track.onended?.();
        expect(lost).toHaveBeenCalledOnce();
        expect(input.chosen).toBe('');
        expect(input.track).toBeUndefined();
    });
});
