// Which devices there are and which are chosen, for the menu. The choice itself belongs to whoever uses the
// device; a chosen device that is no longer listed is given up there.

import {Emitter} from '../base/emitter';
import {Scope} from '../base/scope';
import {DEFAULT_DEVICE} from './media';
import type {DeviceKind, Devices, ListedDevice} from './media';

export interface DeviceGroup {
    kind: DeviceKind;
    /** The default first; ids are those of the browser. An empty label: the browser does not tell it. */
    options: readonly {id: string; label: string}[];
    chosen: string;
    /** There are devices that the browser does not name before it may use one. */
    hidden: boolean;
}

/** Whoever uses devices of one kind. */
export interface DeviceUse {
    readonly chosen: string;
    /** Settles when it is used or was refused; tells problems by itself. */
    choose(id: string): Promise<void>;
    /** The chosen device is gone. */
    handleGone(): void;
}

/** Chromium lists its defaults a second time, under these names. */
const PSEUDO_IDS = ['default', 'communications'];
export const DEVICES_PER_KIND_MAX = 32;

const KINDS: readonly DeviceKind[] = ['microphone', 'speaker', 'camera'];

export class DevicePicker {
    readonly changes = new Emitter<void>();
    private readonly scope = new Scope();
    private listed: readonly ListedDevice[] = [];
    private shown: readonly DeviceGroup[] = [];
    private turn = 0;

    constructor(
        private readonly devices: Devices,
        private readonly uses: Readonly<Record<DeviceKind, DeviceUse>>,
    ) {
        this.scope.add(devices.onChange(() => void this.refresh()));
        this.show();
    }

    /** The groups now; the same list until something changes. */
    get groups(): readonly DeviceGroup[] {
        return this.shown;
    }

    /** Reads the list anew: devices changed, a permission shows their names, or a choice was given up. */
    async refresh(): Promise<void> {
        this.turn += 1;
        const turn = this.turn;
        let listed: ListedDevice[];
        try {
            listed = await this.devices.list();
        } catch (error) {
            console.warn('parley: the devices could not be listed', error);
            this.show();
            return;
        }
        if (turn !== this.turn || this.scope.closed) {
            return;
        }
        this.listed = listed;
        for (const kind of KINDS) {
            const use = this.uses[kind];
            const there = use.chosen === DEFAULT_DEVICE || this.named(kind).some((device) => device.id === use.chosen);
            if (!there && !this.hides(kind)) {
                use.handleGone();
            }
        }
        this.show();
    }

    async choose(kind: DeviceKind, id: string): Promise<void> {
        const use = this.uses[kind];
        if (use.chosen === id) {
            return;
        }
        const done = use.choose(id);
        this.show();
        await done;
        this.show();
    }

    close(): void {
        this.scope.close();
    }

    private named(kind: DeviceKind): ListedDevice[] {
        return this.listed.filter((device) => device.kind === kind && device.id !== '' && !PSEUDO_IDS.includes(device.id));
    }

    private hides(kind: DeviceKind): boolean {
        return this.listed.some((device) => device.kind === kind && device.id === '');
    }

    private show(): void {
        this.shown = KINDS.filter((kind) => kind !== 'speaker' || this.devices.speakersSelectable).map((kind) => ({
            kind,
            options: [
                {id: DEFAULT_DEVICE, label: ''},
                ...this.named(kind).slice(0, DEVICES_PER_KIND_MAX).map(({id, label}) => ({id, label})),
            ],
            chosen: this.uses[kind].chosen,
            hidden: this.hides(kind),
        }));
        this.changes.emit();
    }
}
