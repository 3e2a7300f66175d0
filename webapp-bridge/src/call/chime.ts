// The sound that a recording starts or stops: two soft notes, made here, up or down.

export type Tune = 'started' | 'stopped';

/** Hz: a fifth, far enough from speech's melody to be noticed in it. */
const LOW_HZ = 659.3;
const HIGH_HZ = 987.8;

/** For the element to begin. */
const LEAD_S = 0.05;
const NOTE_S = 0.16;
/** The second note rings out. */
const RING_S = 0.5;
const ATTACK_S = 0.015;
/** Well below voices. */
const LEVEL = 0.14;
/** For the element to play what is on its way. */
const TAIL_S = 0.4;

export interface Chime {
    track: MediaStreamTrack;
    /** When nothing more comes, from now. */
    endsInMs: number;
    close(): void;
}

/** Undefined where the browser makes no sound. */
export const startChime = (tune: Tune): Chime | undefined => {
    let context: AudioContext;
    try {
        context = new AudioContext();
    } catch {
        return undefined;
    }
    const out = context.createMediaStreamDestination();
    const track = out.stream.getAudioTracks()[0];
    const close = (): void => {
        track?.stop();
        context.close().catch(() => undefined);
    };
    if (!track) {
        close();
        return undefined;
    }
    const notes = tune === 'started' ? [LOW_HZ, HIGH_HZ] : [HIGH_HZ, LOW_HZ];
    const from = context.currentTime + LEAD_S;
    notes.forEach((pitch, index) => {
        const at = from + index * NOTE_S;
        const ends = at + (index === notes.length - 1 ? RING_S : NOTE_S * 1.6);
        const tone = context.createOscillator();
        const gain = context.createGain();
        tone.frequency.value = pitch;
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(LEVEL, at + ATTACK_S);
        gain.gain.exponentialRampToValueAtTime(0.0005, ends);
        tone.connect(gain).connect(out);
        tone.start(at);
        tone.stop(ends);
    });
    return {track, endsInMs: (LEAD_S + NOTE_S + RING_S + TAIL_S) * 1000, close};
};
