import {beforeEach, describe, expect, it, vi} from 'vitest';

import {DEVICES_PER_KIND_MAX, DevicePicker} from './device_picker';
import type {DeviceUse} from './device_picker';
import type {DeviceKind, Devices, ListedDevice} from './media';

let answers: (() => Promise<ListedDevice[]>)[];
let plug: () => void;
let stopped: boolean;
let speakersSelectable: boolean;
let chosen: Record<DeviceKind, string>;
let gone: DeviceKind[];

const make = (): DevicePicker => {
    const userOf = (kind: DeviceKind): DeviceUse => ({
        get chosen() {
            return chosen[kind];
        },
        choose: (id) => {
            chosen[kind] = id;
            return Promise.resolve();
        },
        handleGone: () => {
            gone.push(kind);
            chosen[kind] = '';
        },
    });
    const devices: Pick<Devices, 'speakersSelectable' | 'list' | 'onChange'> = {
        get speakersSelectable() {
            return speakersSelectable;
        },
        list: () => answers.shift()?.() ?? Promise.resolve([]),
        onChange: (listener) => {
            plug = listener;
            return () => {
                stopped = true;
            };
        },
    };
    return new DevicePicker(devices as Devices, {microphone: userOf('microphone'), speaker: userOf('speaker'), camera: userOf('camera')});
};

const microphone = (id: string, label = id): ListedDevice => ({kind: 'microphone', id, label});
const list = (...devices: ListedDevice[]) => () => Promise.resolve(devices);
const group = (picker: DevicePicker, kind: DeviceKind) => picker.groups.find((item) => item.kind === kind);
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
    answers = [];
    stopped = false;
    speakersSelectable = true;
    chosen = {microphone: '', speaker: '', camera: ''};
    gone = [];
});

describe('the devices to choose from', () => {
    it('have the default first, and each device once', async () => {
        answers = [list(microphone('default'), microphone('communications'), microphone('a', 'A'), {kind: 'camera', id: 'c', label: 'C'})];
        const picker = make();
        await picker.refresh();
        expect(group(picker, 'microphone')).toEqual({
            kind: 'microphone', options: [{id: '', label: ''}, {id: 'a', label: 'A'}], chosen: '', hidden: false,
        });
        expect(group(picker, 'camera')?.options.map((option) => option.id)).toEqual(['', 'c']);
        expect(group(picker, 'speaker')?.options.length).toBe(1);
    });

    it('have no speakers where the browser cannot change them', () => {
        speakersSelectable = false;
        expect(make().groups.map((item) => item.kind)).toEqual(['microphone', 'camera']);
    });

    it('are hidden until a permission names them', async () => {
        answers = [list(microphone('', '')), list(microphone('a', 'A'))];
        const picker = make();
        await picker.refresh();
        expect(group(picker, 'microphone')).toMatchObject({hidden: true, options: [{id: ''}]});
        await picker.refresh();
        expect(group(picker, 'microphone')).toMatchObject({hidden: false, options: [{id: ''}, {label: 'A'}]});
    });

    it('follow what is plugged in, until the call is over', async () => {
        answers = [list(microphone('a'))];
        const picker = make();
        const changed = vi.fn();
        picker.changes.on(changed);
        plug();
        await turn();
        expect(changed).toHaveBeenCalledOnce();
        expect(group(picker, 'microphone')?.options.length).toBe(2);
        picker.close();
        expect(stopped).toBe(true);
    });

    it('are those of the last question, not of the slowest answer', async () => {
        let late: (devices: ListedDevice[]) => void = () => undefined;
        answers = [() => new Promise((resolve) => {
            late = resolve;
        }), list(microphone('new'))];
        const picker = make();
        const slow = picker.refresh();
        await picker.refresh();
        late([microphone('old')]);
        await slow;
        expect(group(picker, 'microphone')?.options.map((option) => option.id)).toEqual(['', 'new']);
    });

    it('stay when the browser does not tell', async () => {
        vi.spyOn(console, 'warn').mockImplementation(() => undefined);
        answers = [list(microphone('a')), () => Promise.reject(new Error('no'))];
        const picker = make();
        await picker.refresh();
        await picker.refresh();
        expect(group(picker, 'microphone')?.options.length).toBe(2);
        vi.restoreAllMocks();
    });

    it('have an end', async () => {
        answers = [list(...Array.from({length: 100}, (_, at) => microphone(`m${at}`)))];
        const picker = make();
        await picker.refresh();
        expect(group(picker, 'microphone')?.options.length).toBe(DEVICES_PER_KIND_MAX + 1);
    });
});

describe('the choice', () => {
    it('is marked at once', async () => {
        answers = [list(microphone('a'))];
        const picker = make();
        await picker.refresh();
        const done = picker.choose('microphone', 'a');
        expect(group(picker, 'microphone')?.chosen).toBe('a');
        await done;
    });

    it('is given up when its device is gone', async () => {
        answers = [list(microphone('b'), {kind: 'speaker', id: 's', label: ''})];
        chosen = {microphone: 'a', speaker: 's', camera: ''};
        const picker = make();
        await picker.refresh();
        expect(gone).toEqual(['microphone']);
        expect(group(picker, 'microphone')?.chosen).toBe('');
    });

    it('is kept while the browser hides the devices', async () => {
        answers = [list(microphone('', ''))];
        chosen.microphone = 'a';
        await make().refresh();
        expect(gone).toEqual([]);
    });
});
