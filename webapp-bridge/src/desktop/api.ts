// What the desktop app offers its pages (`window.desktopAPI`), as far as calls use it. Any part may be
// missing: it grows with the app's versions, and browsers have none of it.

import {PLUGIN_ID, WEB_APPS_OWN_ID} from '../base/ids';
import {MediaError} from '../call/media';
import type {Screen} from '../call/media';

type Unsubscribe = () => void;

export interface DesktopSource {
    id: string;
    name: string;
    thumbnailURL: string;
}

export interface DesktopApi {
    /** Opens the call's window; settles when it has reported its session. */
    joinCall?(call: {callID: string; title: string; rootID: string; channelURL: string}): Promise<{callID: string; sessionID: string}>;
    leaveCall?(): void;
    callsWidgetConnected?(callID: string, sessionID: string): void;
    resizeCallsWidget?(width: number, height: number): void;
    sendCallsError?(error: string, callID?: string, text?: string): void;
    onCallsError?(listener: (error: string, callID?: string, text?: string) => void): Unsubscribe | undefined;
    /** Main window only. */
    getDesktopSources?(options: {types: ('screen' | 'window')[]; thumbnailSize: {width: number; height: number}}): Promise<DesktopSource[]>;
    openScreenShareModal?(): void;
    onOpenScreenShareModal?(listener: () => void): Unsubscribe | undefined;
    shareScreen?(sourceID: string, withAudio: boolean): void;
    onScreenShared?(listener: (sourceID: string, withAudio: boolean) => void): Unsubscribe | undefined;
    onJoinCallRequest?(listener: (callID: string) => void): Unsubscribe | undefined;
    focusPopout?(): void;
}

declare global {
    interface Window {
        desktopAPI?: DesktopApi;
    }
}

/** The app sends this when the system does not let it record the screen. */
export const SCREEN_PERMISSION_ERROR = 'screen-permissions';

export const desktopApi = (): DesktopApi | undefined => window.desktopAPI;

/** Whether calls have a window of the app's own, opened from here: it has them for one plugin. */
export const opensCallWindows = (api: DesktopApi): boolean => PLUGIN_ID === WEB_APPS_OWN_ID && typeof api.joinCall === 'function';

/** Sound of the whole system cannot be had there. */
export const sharesSound = (): boolean => !/Mac/.test(navigator.userAgent);

/** What Chromium takes for a source that the app has listed. */
const constraints = (sourceId: string, withSound: boolean): MediaStreamConstraints => {
    const source = {chromeMediaSource: 'desktop', chromeMediaSourceId: sourceId};
    return {
        video: {mandatory: {...source, maxWidth: 2560, maxHeight: 1440, maxFrameRate: 30}},
        audio: withSound ? {mandatory: {chromeMediaSource: 'desktop'}} : false,
    } as MediaStreamConstraints;
};

/** The screen or window that was chosen. Without its sound when that cannot be had. */
export const captureSource = async (sourceId: string, withSound: boolean): Promise<Screen> => {
    let stream: MediaStream;
    try {
        stream = await navigator.mediaDevices.getUserMedia(constraints(sourceId, withSound));
    } catch (error) {
        if (withSound) {
            console.warn('parley: the screen is shared without sound', error);
            return captureSource(sourceId, false);
        }
        throw new MediaError('unavailable', error);
    }
    const video = stream.getVideoTracks()[0];
    if (!video) {
        throw new MediaError('unavailable');
    }
    return {video, audio: stream.getAudioTracks()[0]};
};
