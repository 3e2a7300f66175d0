// The buttons of a call.

import * as React from 'react';

import {copyText} from '../app/clipboard';
import {BrowserDevices} from '../call/media';
import * as select from '../state/select';
import type {OwnCall, ViewMode} from '../state/slice';
import {useController, usePlatform, useText} from './context';
import {Control} from './control';
import {DeviceControl} from './devices';
import {RecordControl} from './recording';

/** Of the window that this runs in: browsers let only the one choose a screen that was clicked in. */
const chooseScreen = () => new BrowserDevices().screen();

export const Controls = ({own, mode}: {own: OwnCall; mode: ViewMode}) => {
    const controller = useController();
    const text = useText();
    const mayEnd = usePlatform((state) => select.mayEnd(state, own.channelId));
    const features = usePlatform((state) => select.calls(state).features);
    const taken = usePlatform((state) => {
        const sharer = select.callIn(state, own.channelId)?.screenSession ?? '';
        return sharer !== '' && sharer !== own.session;
    });
    const {microphone, camera, screen} = own.sending;
    const reason = own.devices ? undefined : text('notice.insecure');
    const client = controller.current;
    const small = mode === 'minimised';
    return (
        <div className='parley-controls' role='group' aria-label={text('widget.controls')}>
            <Control
                id={microphone === 'on' ? 'controls.mute' : 'controls.unmute'}
                icon={microphone === 'on' ? 'mic' : 'micOff'}
                {...(microphone === 'on' ? {tone: 'on' as const} : {})}
                disabled={!own.devices || microphone === 'opening'}
                reason={reason}
                onClick={() => client?.toggleMicrophone()}
            />
            {features.video && !small
                ? (
                    <Control
                        id={camera === 'on' ? 'controls.camera_off' : 'controls.camera_on'}
                        icon={camera === 'on' ? 'camera' : 'cameraOff'}
                        {...(camera === 'on' ? {tone: 'on' as const} : {})}
                        disabled={!own.devices || camera === 'opening'}
                        reason={reason}
                        onClick={() => client?.toggleCamera()}
                    />
                )
                : null}
            {features.screenSharing && !small
                ? (
                    <Control
                        id={screen === 'on' ? 'controls.stop_sharing' : 'controls.share'}
                        icon={screen === 'on' ? 'screenOff' : 'screen'}
                        {...(screen === 'on' ? {tone: 'on' as const} : {})}
                        disabled={!own.devices || screen === 'opening' || (taken && screen === 'off')}
                        reason={reason ?? (taken ? text('notice.screen_taken') : undefined)}
                        onClick={() => controller.screen.toggle(chooseScreen, window)}
                    />
                )
                : null}
            {small ? null : <RecordControl own={own}/>}
            {small ? null : <DeviceControl reason={reason}/>}
            {small
                ? null
                : <Control id='menu.copy_link' icon='link' onClick={() => void controller.copyLink(own.channelId, copyText)}/>}
            {mayEnd && !small
                ? (
                    <Control
                        id='controls.end'
                        icon='end'
                        onClick={() => controller.ask({type: 'end', channelId: own.channelId})}
                    />
                )
                : null}
            <Control id='controls.leave' icon='leave' tone='danger' onClick={() => controller.leave()}/>
        </div>
    );
};
