// Condenses WebRTC statistics: quality for the server each 10 s, and the client's own report for
// `/call stats`. No addresses: a candidate pair is described by its types only.

import {asFields, asNumber, asText} from '../base/parse';
import type {Fields} from '../base/parse';

const TRACKS_MAX = 24;

export interface Quality {
    lossRate: number;
    jitterS: number;
}

const entries = (report: {forEach(callback: (entry: unknown) => void): void}): Fields[] => {
    const out: Fields[] = [];
    report.forEach((entry) => {
        const fields = asFields(entry);
        if (fields) {
            out.push(fields);
        }
    });
    return out;
};

const mean = (values: number[]): number => (values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length);

const numbers = (list: Fields[], key: string): number[] =>
    list.flatMap((item) => {
        const value = asNumber(item[key]);
        return value === undefined ? [] : [value];
    });

/** How our own media arrives, as the server reports it; else how its media arrives here. */
export const quality = (report: Parameters<typeof entries>[0]): Quality => {
    const all = entries(report);
    const remote = all.filter((item) => item.type === 'remote-inbound-rtp');
    if (remote.length > 0) {
        return {lossRate: mean(numbers(remote, 'fractionLost')), jitterS: mean(numbers(remote, 'jitter'))};
    }
    const inbound = all.filter((item) => item.type === 'inbound-rtp');
    const lost = numbers(inbound, 'packetsLost').reduce((a, b) => a + b, 0);
    const got = numbers(inbound, 'packetsReceived').reduce((a, b) => a + b, 0);
    return {lossRate: lost > 0 ? lost / (lost + got) : 0, jitterS: mean(numbers(inbound, 'jitter'))};
};

const TRACK_KEYS = {
    packetsSent: 'packets', packetsReceived: 'packets', bytesSent: 'bytes', bytesReceived: 'bytes',
    packetsLost: 'lost', jitter: 'jitter_s', nackCount: 'nacks', pliCount: 'plis',
    retransmittedPacketsSent: 'retransmitted', framesEncoded: 'frames', framesDecoded: 'frames',
    framesDropped: 'frames_dropped', freezeCount: 'freezes', frameWidth: 'width', frameHeight: 'height',
    framesPerSecond: 'fps', concealedSamples: 'concealed', totalSamplesReceived: 'samples',
} as const;

const round = (value: number): number => Math.round(value * 1e6) / 1e6;

const track = (item: Fields): Record<string, unknown> => {
    const out: Record<string, unknown> = {
        direction: item.type === 'outbound-rtp' ? 'up' : 'down',
        kind: asText(item.kind) ?? '',
        mid: asText(item.mid) ?? '',
    };
    const rid = asText(item.rid);
    if (rid !== undefined) {
        out.rid = rid;
    }
    for (const [key, name] of Object.entries(TRACK_KEYS)) {
        const value = asNumber(item[key]);
        if (value !== undefined) {
            out[name] = round(value);
        }
    }
    return out;
};

/** The report: a JSON object well below the server's 8 KiB; the busiest tracks first. */
export const summarise = (report: Parameters<typeof entries>[0], rttS: number | undefined): Record<string, unknown> => {
    const all = entries(report);
    const streams = all
        .filter((item) => item.type === 'outbound-rtp' || item.type === 'inbound-rtp')
        .map(track)
        .filter((item) => item.packets !== 0)
        .sort((a, b) => (asNumber(b.bytes) ?? 0) - (asNumber(a.bytes) ?? 0));
    const pair = all.find((item) => item.type === 'candidate-pair' && item.nominated === true);
    const local = all.find((item) => item.type === 'local-candidate' && item.id === pair?.localCandidateId);
    return {
        ...(rttS === undefined ? {} : {channel_rtt_s: round(rttS)}),
        ...(pair
            ? {
                pair: {
                    state: asText(pair.state) ?? '',
                    rtt_s: round(asNumber(pair.currentRoundTripTime) ?? 0),
                    protocol: asText(local?.protocol) ?? '',
                    local_type: asText(local?.candidateType) ?? '',
                },
            }
            : {}),
        tracks: streams.slice(0, TRACKS_MAX),
        ...(streams.length > TRACKS_MAX ? {truncated: streams.length - TRACKS_MAX} : {}),
    };
};
