// Microphone, camera and screen: opened only when the user asks, released when they are switched off.

export type MediaProblem =
    /** The page is not a secure context: browsers hide the devices. */
    | 'insecure'
    /** The user or the system refused, or there is no such device. */
    | 'unavailable'
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
    microphone(): Promise<MediaStreamTrack>;
    camera(): Promise<MediaStreamTrack>;
    screen(): Promise<Screen>;
    /** Whether it may be opened without asking the user. */
    granted(device: 'microphone' | 'camera'): Promise<boolean>;
}

/** Camera picture: enough for tiles, small enough for nine of them. */
const CAMERA = {width: {ideal: 640}, height: {ideal: 360}, frameRate: {ideal: 30, max: 30}};
const SCREEN = {width: {max: 2560}, height: {max: 1440}, frameRate: {ideal: 20, max: 30}};

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

    async microphone(): Promise<MediaStreamTrack> {
        const stream = await this.open({audio: {echoCancellation: true, noiseSuppression: true, autoGainControl: true}});
        return first(stream.getAudioTracks());
    }

    async camera(): Promise<MediaStreamTrack> {
        return first((await this.open({video: CAMERA})).getVideoTracks());
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
            throw new MediaError('unavailable', error);
        }
    }
}
