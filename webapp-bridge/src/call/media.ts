// Microphone, camera, screen and speakers: opened only when the user asks, released when they are switched off.

import type {Disposer} from '../base/scope';

/** Leaves the choice of a device to the browser. */
export const DEFAULT_DEVICE = '';

export type DeviceKind = 'microphone' | 'speaker' | 'camera';

/** Id and label are empty as long as no permission was given. */
export interface ListedDevice {
    kind: DeviceKind;
    id: string;
    label: string;
}

export type MediaProblem =
    /** The page is not a secure context: browsers hide the devices. */
    | 'insecure'
    /** The user or the system refused, or there is no such device. */
    | 'unavailable'
    /** Something uses it, maybe we ourselves. */
    | 'busy'
    /** The user closed the browser's picker: nothing to complain about. */
    | 'cancelled';

export class MediaError extends Error {
    constructor(readonly problem: MediaProblem, cause?: unknown) {
        super(problem, {cause});
    }
}

export interface Screen {
    video: MediaStreamTrack;
    audio: MediaStreamTrack | undefined;
}

/** What the call needs of the browser's devices. */
export interface Devices {
    readonly available: boolean;
    microphone(deviceId: string): Promise<MediaStreamTrack>;
    camera(deviceId: string): Promise<MediaStreamTrack>;
    screen(): Promise<Screen>;
    /** Whether it may be opened without asking the user. */
    granted(device: 'microphone' | 'camera'): Promise<boolean>;
    /** Whether sound can be sent to another speaker than the default. */
    readonly speakersSelectable: boolean;
    list(): Promise<ListedDevice[]>;
    /** Devices were plugged in or out. */
    onChange(listener: () => void): Disposer;
}

/** Camera picture: enough for tiles, small enough for nine of them. */
const CAMERA = {width: {ideal: 640}, height: {ideal: 360}, frameRate: {ideal: 30, max: 30}};
const SCREEN = {width: {max: 2560}, height: {max: 1440}, frameRate: {ideal: 20, max: 30}};

const SOUND = {echoCancellation: true, noiseSuppression: true, autoGainControl: true};

/** Chromium appends vendor and product. */
const USB_IDS = / \([0-9a-f]{4}:[0-9a-f]{4}\)$/;

const KINDS: Readonly<Record<MediaDeviceKind, DeviceKind>> = {
    audioinput: 'microphone',
    audiooutput: 'speaker',
    videoinput: 'camera',
};

/** Exactly this one: another one in its place would be a surprise. */
const exactly = (deviceId: string): {deviceId?: {exact: string}} =>
    (deviceId === DEFAULT_DEVICE ? {} : {deviceId: {exact: deviceId}});

const first = (tracks: MediaStreamTrack[]): MediaStreamTrack => {
    const track = tracks[0];
    if (!track) {
        throw new MediaError('unavailable');
    }
    return track;
};

export class BrowserDevices implements Devices {
    private get devices(): MediaDevices | undefined {
        // The type says it is always there; insecure pages do not have it.
        return navigator.mediaDevices;
    }

    get available(): boolean {
        return this.devices !== undefined;
    }

    get speakersSelectable(): boolean {
        return this.available && 'setSinkId' in HTMLMediaElement.prototype;
    }

    async list(): Promise<ListedDevice[]> {
        const listed = await this.devices?.enumerateDevices() ?? [];
        return listed.map(({kind, deviceId, label}) => ({kind: KINDS[kind], id: deviceId, label: label.replace(USB_IDS, '')}));
    }

    onChange(listener: () => void): Disposer {
        const devices = this.devices;
        devices?.addEventListener('devicechange', listener);
        return () => devices?.removeEventListener('devicechange', listener);
    }

    async microphone(deviceId: string): Promise<MediaStreamTrack> {
        return first((await this.open({audio: {...SOUND, ...exactly(deviceId)}})).getAudioTracks());
    }

    async camera(deviceId: string): Promise<MediaStreamTrack> {
        return first((await this.open({video: {...CAMERA, ...exactly(deviceId)}})).getVideoTracks());
    }

    async screen(): Promise<Screen> {
        const devices = this.devices;
        if (!devices) {
            throw new MediaError('insecure');
        }
        let stream: MediaStream;
        try {
            stream = await devices.getDisplayMedia({video: SCREEN, audio: true});
        } catch (error) {
            const refused = error instanceof DOMException && error.name === 'NotAllowedError';
            throw new MediaError(refused ? 'cancelled' : 'unavailable', error);
        }
        return {video: first(stream.getVideoTracks()), audio: stream.getAudioTracks()[0]};
    }

    async granted(device: 'microphone' | 'camera'): Promise<boolean> {
        try {
            const status = await navigator.permissions.query({name: device});
            return status.state === 'granted';
        } catch {
            return false;
        }
    }

    private async open(constraints: MediaStreamConstraints): Promise<MediaStream> {
        const devices = this.devices;
        if (!devices) {
            throw new MediaError('insecure');
        }
        try {
            return await devices.getUserMedia(constraints);
        } catch (error) {
            const busy = error instanceof DOMException && error.name === 'NotReadableError';
            throw new MediaError(busy ? 'busy' : 'unavailable', error);
        }
    }
}
