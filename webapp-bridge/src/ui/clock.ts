/** A duration as on a clock: 05:07, 1:05:07. */
export const clock = (ms: number): string => {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const pad = (value: number): string => `${value}`.padStart(2, '0');
    const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
    return seconds < 3600 ? rest : `${Math.floor(seconds / 3600)}:${rest}`;
};
