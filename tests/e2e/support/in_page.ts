// Runs inside the pages, before anything else: devices whose sound and picture say whose they are, and
// instruments that measure what arrives. Self-contained: it is sent to the browser as text.

export interface PageSettings {
    /** Frequency of this person's microphone, in Hz. */
    tone: number;
    /** Hue of the camera picture. */
    hue: number;
    /** Each second the screen turns white below, and the microphone beeps at this frequency in the same moment, in Hz. */
    flashWith?: number | undefined;
}

export interface Heard {
    /** Strongest frequency, in Hz; 0 for silence. */
    peak: number;
    /** Its level, in dB. */
    level: number;
}

export interface Instruments {
    /** What each playing audio element gives now. */
    hear: () => Promise<Heard[]>;
    /** The counter drawn into a video's current frame; -1 without a readable picture. */
    readCounter: (video: HTMLVideoElement) => number;
    connections: RTCPeerConnection[];
    /** Data channels that the page made. */
    channels: RTCDataChannel[];
    /** Calls to getUserMedia and getDisplayMedia so far. */
    opened: {audio: number; video: number; screen: number};
    /** Set: the device is refused, as a person would. */
    refuse: {audio: boolean; video: boolean; screen: boolean};
    /** Gives this person's microphones another tone for a while: a mark in what others hear; says when (Unix ms). */
    mark: (tone: number, ms: number) => number;
    /** Tracks handed out that are still live. */
    live: () => {audio: number; video: number};
}

declare global {
    interface Window {
        instruments: Instruments;
    }
}

export function installInstruments(settings: PageSettings): void {
    const CELLS = 16;
    const FLASH_FRAMES = 10;
    const opened = {audio: 0, video: 0, screen: 0};
    const refuse = {audio: false, video: false, screen: false};
    const given: MediaStreamTrack[] = [];
    const connections: RTCPeerConnection[] = [];
    const channels: RTCDataChannel[] = [];
    let context: AudioContext | undefined;
    const audio = (): AudioContext => (context ??= new AudioContext({
        sampleRate: 48_000,
        // A beep is not to wait for a whole buffer.
        latencyHint: settings.flashWith === undefined ? 'interactive' : 0,
    }));

    const oscillators: OscillatorNode[] = [];
    /** Silent but for a beep with each flash, in every microphone. */
    let beeper: GainNode | undefined;
    const beeps = (hz: number): GainNode => {
        if (!beeper) {
            beeper = audio().createGain();
            beeper.gain.value = 0;
            const oscillator = audio().createOscillator();
            oscillator.frequency.value = hz;
            oscillator.connect(beeper);
            oscillator.start();
        }
        return beeper;
    };
    const beep = (): void => {
        const now = audio().currentTime;
        beeper?.gain.setValueAtTime(0.5, now);
        beeper?.gain.setValueAtTime(0, now + 0.1);
    };

    const microphone = (): MediaStreamTrack => {
        const oscillator = audio().createOscillator();
        oscillators.push(oscillator);
        const gain = audio().createGain();
        const out = audio().createMediaStreamDestination();
        oscillator.frequency.value = settings.tone;
        gain.gain.value = 0.3;
        oscillator.connect(gain).connect(out);
        oscillator.start();
        if (settings.flashWith !== undefined) {
            beeps(settings.flashWith).connect(out);
        }
        void audio().resume();
        return out.stream.getAudioTracks()[0]!;
    };

    /** A picture with a number: 16 cells in the upper half, most significant bit first. */
    const picture = (width: number, height: number, hue: number, flashing = false): MediaStreamTrack => {
        const canvas = document.createElement('canvas');
        canvas.width = width;
        canvas.height = height;
        // Frames that leave at once, whatever the graphics process is busy with: their time is that of the flash.
        const pen = canvas.getContext('2d', {willReadFrequently: flashing})!;
        let counter = 0;
        const draw = (): void => {
            counter = (counter + 1) % 65_536;
            const place = counter % FLASH_FRAMES;
            const white = flashing && place < 2;
            for (let cell = 0; cell < CELLS; cell++) {
                pen.fillStyle = (counter >> (CELLS - 1 - cell)) & 1 ? '#fff' : '#000';
                pen.fillRect((cell * width) / CELLS, 0, width / CELLS + 1, height / 2);
            }
            pen.fillStyle = white ? '#fff' : `hsl(${hue} 70% ${flashing ? 20 : 40}%)`;
            pen.fillRect(0, height / 2, width, height / 2);
            if (white && place === 0) {
                beep();
            }
            pen.fillStyle = '#fff';
            pen.font = `${Math.round(height / 6)}px sans-serif`;
            pen.fillText(`${settings.tone} Hz  ${counter}`, width / 20, height * 0.8);
        };
        draw();
        // Flashes: so few frames that no encoder leaves one out, each captured when it is drawn.
        const timer = setInterval(draw, flashing ? 1_000 / FLASH_FRAMES : 66);
        const track = canvas.captureStream(flashing ? 60 : 15).getVideoTracks()[0]!;
        const stop = track.stop.bind(track);
        track.stop = () => {
            clearInterval(timer);
            stop();
        };
        return track;
    };

    const screen = (): MediaStreamTrack => {
        const hue = (settings.hue + 60) % 360;
        return settings.flashWith === undefined ? picture(1280, 720, hue) : picture(640, 360, hue, true);
    };

    const refused = (): never => {
        throw new DOMException('Permission denied', 'NotAllowedError');
    };
    const hand = (track: MediaStreamTrack): MediaStreamTrack => {
        given.push(track);
        return track;
    };

    // Pages that are not secure have no devices: leave that as it is.
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    if (devices) {
        devices.getUserMedia = (wanted) => {
            const tracks: MediaStreamTrack[] = [];
            if (wanted?.audio) {
                opened.audio++;
                if (refuse.audio) {
                    return Promise.resolve().then(refused);
                }
                tracks.push(hand(microphone()));
            }
            if (wanted?.video) {
                opened.video++;
                if (refuse.video) {
                    return Promise.resolve().then(refused);
                }
                tracks.push(hand(picture(640, 360, settings.hue)));
            }
            return Promise.resolve(new MediaStream(tracks));
        };
        devices.getDisplayMedia = () => {
            opened.screen++;
            return refuse.screen ?
                Promise.resolve().then(refused) :
                Promise.resolve(new MediaStream([hand(screen())]));
        };
    }

    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
        constructor(configuration?: RTCConfiguration) {
            super(configuration);
            connections.push(this);
        }

        override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
            const channel = super.createDataChannel(label, options);
            channels.push(channel);
            return channel;
        }
    };

    const analysers = new WeakMap<MediaStream, AnalyserNode>();
    const analyserOf = (stream: MediaStream): AnalyserNode => {
        let analyser = analysers.get(stream);
        if (!analyser) {
            analyser = audio().createAnalyser();
            analyser.fftSize = 8192;
            analyser.smoothingTimeConstant = 0;
            audio().createMediaStreamSource(stream).connect(analyser);
            analysers.set(stream, analyser);
        }
        return analyser;
    };

    const hear = async (): Promise<Heard[]> => {
        await audio().resume();
        const heard: Heard[] = [];
        for (const element of document.querySelectorAll('audio')) {
            const stream = element.srcObject;
            if (!(stream instanceof MediaStream) || element.paused || element.muted || stream.getAudioTracks().length === 0) {
                continue;
            }
            const analyser = analyserOf(stream);
            const bins = new Float32Array(analyser.frequencyBinCount);
            analyser.getFloatFrequencyData(bins);
            let best = 0;
            bins.forEach((level, index) => {
                if (level > bins[best]!) {
                    best = index;
                }
            });
            const level = Math.round(bins[best]!);
            heard.push({peak: level > -60 ? Math.round((best * audio().sampleRate) / analyser.fftSize) : 0, level: Math.max(level, -200)});
        }
        return heard;
    };

    const reader = document.createElement('canvas').getContext('2d', {willReadFrequently: true})!;
    const readCounter = (video: HTMLVideoElement): number => {
        const {videoWidth: width, videoHeight: height} = video;
        if (width === 0 || video.readyState < 2) {
            return -1;
        }
        reader.canvas.width = width;
        reader.canvas.height = height;
        reader.drawImage(video, 0, 0);
        const row = reader.getImageData(0, Math.round(height / 4), width, 1).data;
        let value = 0;
        for (let cell = 0; cell < CELLS; cell++) {
            const brightness = row[Math.round(((cell + 0.5) * width) / CELLS) * 4 + 1]!;
            if (brightness > 80 && brightness < 175) {
                return -1;
            }
            value = value * 2 + (brightness > 127 ? 1 : 0);
        }
        return value;
    };

    window.instruments = {
        hear,
        readCounter,
        connections,
        channels,
        opened,
        refuse,
        mark: (tone, ms) => {
            const retune = (to: number): void => oscillators.forEach((one) => one.frequency.value = to);
            retune(tone);
            setTimeout(() => retune(settings.tone), ms);
            return Date.now();
        },
        live: () => ({
            audio: given.filter((track) => track.kind === 'audio' && track.readyState === 'live').length,
            video: given.filter((track) => track.kind === 'video' && track.readyState === 'live').length,
        }),
    };
}
