import {describe, expect, it} from 'vitest';

import {quality, summarise} from './report';

const report = (...entries: object[]) => new Map(entries.map((entry, index) => [String(index), entry]));

describe('quality', () => {
    it('is what the server says of our media', () => {
        expect(quality(report(
            {type: 'remote-inbound-rtp', fractionLost: 0.1, jitter: 0.02},
            {type: 'remote-inbound-rtp', fractionLost: 0.3, jitter: 0.04},
            {type: 'inbound-rtp', packetsLost: 5, packetsReceived: 5, jitter: 1},
        ))).toEqual({lossRate: 0.2, jitterS: 0.03});
    });

    it('is what arrives here while we send nothing', () => {
        expect(quality(report({type: 'inbound-rtp', packetsLost: 1, packetsReceived: 3, jitter: 0.5})))
            .toEqual({lossRate: 0.25, jitterS: 0.5});
        expect(quality(report())).toEqual({lossRate: 0, jitterS: 0});
    });
});

describe('the report', () => {
    it('describes the path by its types, never by addresses', () => {
        const text = JSON.stringify(summarise(report(
            {type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.05, localCandidateId: 'l'},
            {type: 'local-candidate', id: 'l', protocol: 'udp', candidateType: 'prflx', address: '192.0.2.7', ip: '192.0.2.7'},
        ), 0.04));
        expect(text).toContain('"protocol":"udp"');
        expect(text).not.toContain('192.0.2.7');
    });

    it('fits into 8 KiB however many tracks there are, the busiest first', () => {
        const tracks = Array.from({length: 60}, (_, index) => ({
            type: 'inbound-rtp', kind: 'video', mid: `${index}`, packetsReceived: 1e9, bytesReceived: index * 1e9,
            packetsLost: 1e6, jitter: 0.123456789, nackCount: 1e6, pliCount: 1e6, framesDecoded: 1e6, framesDropped: 1e6,
            freezeCount: 1e6, frameWidth: 1920, frameHeight: 1080, framesPerSecond: 29.97,
        }));
        const summary = summarise(report(...tracks), 0.04);
        expect(JSON.stringify(summary).length).toBeLessThan(8 * 1024 - 100);
        expect(summary.truncated).toBe(36);
        expect((summary.tracks as {mid: string}[]).slice(0, 2).map((item) => item.mid)).toEqual(['59', '58']);
    });

    it('leaves silent slots out', () => {
        expect(summarise(report({type: 'inbound-rtp', kind: 'audio', mid: '1', packetsReceived: 0}), undefined)).toEqual({tracks: []});
    });
});
