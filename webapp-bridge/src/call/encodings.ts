// How cameras and screens are encoded. Two layers only when the server wants simulcast; scaling of the
// low camera layer keeps it decodable on weak links, the screen keeps its full size in both.

const KBIT = 1_000;

export const cameraEncodings = (simulcast: boolean): RTCRtpEncodingParameters[] =>
    simulcast
        ? [
            {rid: 'l', scaleResolutionDownBy: 2, maxBitrate: 200 * KBIT, maxFramerate: 15},
            {rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 1_000 * KBIT, maxFramerate: 30},
        ]
        : [{maxBitrate: 1_000 * KBIT, maxFramerate: 30}];

export const screenEncodings = (simulcast: boolean): RTCRtpEncodingParameters[] =>
    simulcast
        ? [
            {rid: 'l', scaleResolutionDownBy: 1, maxBitrate: 500 * KBIT, maxFramerate: 5},
            {rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 2_500 * KBIT, maxFramerate: 20},
        ]
        : [{maxBitrate: 2_500 * KBIT, maxFramerate: 20}];

/** Whether this browser can show AV1. */
export const takesAv1 = (): boolean =>
    RTCRtpReceiver.getCapabilities('video')?.codecs.some((codec) => codec.mimeType.toLowerCase() === 'video/av1') ?? false;
