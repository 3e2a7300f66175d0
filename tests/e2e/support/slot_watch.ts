// Watches one page's voice slots: who is in them by the packets themselves (CSRC), by what the server says on the
// data channel, and how smoothly they play.
import type {Person} from './person';

export interface Switch {
    /** Packets of another publication were played first, ms of the page. */
    heardAt: number;
    csrc: number;
    /** The server had said so by then, ms of the page; missing: never. */
    toldAt: number | undefined;
}

export interface Playout {
    samples: number;
    concealed: number;
    /** Of those the ones in silence, which nobody hears. */
    silent: number;
    discarded: number;
    lost: number;
    packets: number;
    /** Sum over all samples of how long each waited, s, and of how long it should have. */
    delay: number;
    target: number;
    emitted: number;
}

declare global {
    interface Window {
        slotWatch: {csrcs: {at: number; csrc: number}[]; maps: {at: number; bytes: number[]}[]};
    }
}

export class SlotWatch {
    private constructor(private readonly person: Person) {}

    static async start(person: Person): Promise<SlotWatch> {
        await person.page.evaluate(() => {
            const POLL_MS = 5;
            const SLOT_MAP = 64;
            const watch: Window['slotWatch'] = {csrcs: [], maps: []};
            window.slotWatch = watch;
            for (const channel of window.instruments.channels) {
                channel.addEventListener('message', (event: MessageEvent<ArrayBuffer>) => {
                    const bytes = [...new Uint8Array(event.data)];
                    const type = bytes[0] === 0xcc ? bytes[1] : bytes[0];
                    if (type === SLOT_MAP) {
                        watch.maps.push({at: performance.now(), bytes});
                    }
                });
            }
            const last = new Map<RTCRtpReceiver, number>();
            setInterval(() => {
                const connection = window.instruments.connections.at(-1);
                for (const receiver of connection?.getReceivers() ?? []) {
                    if (receiver.track.kind !== 'audio') {
                        continue;
                    }
                    const [newest] = receiver.getContributingSources().sort((a, b) => b.timestamp - a.timestamp);
                    if (newest && last.get(receiver) !== newest.source) {
                        last.set(receiver, newest.source);
                        watch.csrcs.push({at: performance.now(), csrc: newest.source});
                    }
                }
            }, POLL_MS);
        });
        return new SlotWatch(person);
    }

    /** Since the start. */
    switches(): Promise<Switch[]> {
        return this.person.page.evaluate(() => {
            const {csrcs, maps} = window.slotWatch;
            return csrcs.map(({at, csrc}, index) => {
                const number = [24, 16, 8, 0].map((shift) => (csrc >>> shift) & 0xff);
                const says = (bytes: number[]): boolean =>
                    bytes.some((_, place) => number.every((byte, offset) => bytes[place + offset] === byte));
                // The newest map before the next switch that has it and whose predecessor has not.
                const until = csrcs[index + 1]?.at ?? Infinity;
                const map = maps.findLast((one, place) =>
                    one.at < until && says(one.bytes) && !says(maps[place - 1]?.bytes ?? []));
                return {heardAt: at, csrc, toldAt: map?.at};
            });
        });
    }

    playout(): Promise<Playout> {
        return this.person.page.evaluate(async () => {
            const sum = {samples: 0, concealed: 0, silent: 0, discarded: 0, lost: 0, packets: 0, delay: 0, target: 0, emitted: 0};
            const connection = window.instruments.connections.at(-1);
            for (const report of (await connection?.getStats())?.values() as Iterable<Record<string, unknown>>) {
                if (report.type === 'inbound-rtp' && report.kind === 'audio') {
                    sum.samples += Number(report.totalSamplesReceived ?? 0);
                    sum.concealed += Number(report.concealedSamples ?? 0);
                    sum.silent += Number(report.silentConcealedSamples ?? 0);
                    sum.discarded += Number(report.packetsDiscarded ?? 0);
                    sum.lost += Number(report.packetsLost ?? 0);
                    sum.packets += Number(report.packetsReceived ?? 0);
                    sum.delay += Number(report.jitterBufferDelay ?? 0);
                    sum.target += Number(report.jitterBufferTargetDelay ?? 0);
                    sum.emitted += Number(report.jitterBufferEmittedCount ?? 0);
                }
            }
            return sum;
        });
    }
}
