//! What the machine can do at most: a bare loop that only encrypts and sends, to the same number of sockets,
//! packets of the same sizes as a workload's. A run's figures are told as a ratio to it, so that machines,
//! and hours of one machine, can be compared.
//!
//! Per packet: one copy of the payload into the batch, one AEAD seal with the key of its destination, one
//! entry of a `sendmmsg` of [`SEND_BATCH`]. No segmentation offload. The profile is the one that sidecar and
//! clients agree on: AEAD_AES_256_GCM (RFC 7714).
//!
//! It runs twice: hot, as fast as it goes, which is what ratios are told against; and paced ([`paced`]), which
//! tells how much of the distance is the rhythm of the workload.

mod loader;
mod paced;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use serde::Serialize;

use super::cores::{Cpus, pin_thread};
use super::scenario::{Rates, Scenario};
use super::swarm::receive::{BATCH, Batch};
use super::swarm::tally::thread_cpu;
use super::swarm::widen_receive_buffer;
use super::window::per;
use loader::{Loader, SEND_BATCH};
use paced::Publishers;

/// RTP header with one CSRC (voices) or with the extensions of pictures, bytes.
const VOICE_HEADER: usize = 16;
const PICTURE_HEADER: usize = 20;
/// A picture's packet: 1100 bytes and the VP8 descriptor.
const PICTURE_PAYLOAD: usize = 1_104;
/// Packets after which sizes repeat.
const CYCLE: usize = 168;
/// The loop runs so long before it counts.
const WARM_UP: Duration = Duration::from_millis(200);
/// The reader looks so often whether it is over.
const NAP: Duration = Duration::from_millis(20);

/// What the bare loop reached.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Raw {
    /// Of the sending thread.
    pub packets_per_cpu_second: f64,
    /// Bytes of a datagram on average; compare with the workload's.
    pub bytes_per_packet: f64,
    /// Share that the receivers read; far below 1 they were the limit, which makes sending look cheap.
    pub received_share: f64,
    /// Share of the time that the sending thread had its core; below 1: others wanted it.
    pub sender_cpu_share: f64,
    /// The same in the rhythm of the workload; absent where it is the sidecar's choice what leaves.
    pub paced: Option<Paced>,
}

/// What the loop reached in the rhythm of the workload.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Paced {
    /// Of the thread that sends, with its sleeping and waking.
    pub packets_per_cpu_second: f64,
    /// Compare with the workload's.
    pub packets_per_second: f64,
    /// As in [`Raw`].
    pub received_share: f64,
}

/// Runs the loop on the sidecar's core for so long, with the readers on the generator's.
pub fn calibrate(
    scenario: &Scenario,
    cpus: &Cpus,
    address: IpAddr,
    time: Duration,
) -> anyhow::Result<Raw> {
    let receivers: Vec<StdUdpSocket> = (0..scenario.roles.len())
        .map(|_| receiver(address))
        .collect::<io::Result<_>>()
        .context("the receiving sockets")?;
    let destinations: Vec<SocketAddr> = receivers
        .iter()
        .map(StdUdpSocket::local_addr)
        .collect::<io::Result<_>>()?;
    let cpu = cpus.sidecar.first().copied();
    let reader = cpus.generators.first().copied();
    let sizes = sizes(scenario.expected());
    let (sent, read) = beside_reader(&receivers, reader, None, |counts| {
        send(&destinations, &sizes, address, cpu, time, counts)
    })?;
    let busy = sent.cpu.as_secs_f64();
    let mut raw = Raw {
        packets_per_cpu_second: sent.packets as f64 / busy,
        bytes_per_packet: sent.bytes as f64 / sent.packets as f64,
        received_share: read as f64 / sent.packets as f64,
        sender_cpu_share: busy / sent.wall.as_secs_f64(),
        paced: None,
    };
    if let Some(feeds) = scenario.feeds() {
        // It waits when the kernel's buffer is full, as the hot loop does.
        let socket = StdUdpSocket::bind(SocketAddr::new(address, 0))?;
        widen_receive_buffer(&socket);
        let publishers = Publishers::new(&feeds, address, socket.local_addr()?)?;
        let (sent, read) = beside_reader(&receivers, reader, Some(publishers), |counts| {
            paced::serve(socket, &feeds, &destinations, cpu, time, counts)
        })?;
        raw.paced = Some(Paced {
            packets_per_cpu_second: per(sent.packets as f64, sent.cpu.as_secs_f64()),
            packets_per_second: sent.packets as f64 / sent.wall.as_secs_f64(),
            received_share: per(read as f64, sent.packets as f64),
        });
    }
    Ok(raw)
}

/// Runs `work` on a thread, and the reader on another: what the former sent, and how many the latter read.
fn beside_reader(
    receivers: &[StdUdpSocket],
    cpu: Option<usize>,
    publishers: Option<Publishers<'_>>,
    work: impl FnOnce(&AtomicBool) -> anyhow::Result<Sent> + Send,
) -> anyhow::Result<(Sent, u64)> {
    let (counts, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let sockets: Vec<StdUdpSocket> = receivers
        .iter()
        .map(StdUdpSocket::try_clone)
        .collect::<io::Result<_>>()?;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(sockets, cpu, publishers, &counts, &over));
        let sender = scope.spawn(|| {
            let sent = work(&counts);
            over.store(true, Ordering::Relaxed);
            sent
        });
        let sent = sender.join().map_err(|_| anyhow!("the bare loop panicked"));
        let read = reader.join().map_err(|_| anyhow!("its reader panicked"));
        Ok((sent??, read??))
    })
}

/// Payload and header of packets in turn, mixed as the workload mixes voices and pictures.
fn sizes(rates: Rates) -> Vec<(usize, usize)> {
    let pictures = rates.pictures / (rates.voices + rates.pictures).max(1.0);
    (0..CYCLE)
        .map(|n| {
            let before = (n as f64 * pictures).floor();
            if ((n + 1) as f64 * pictures).floor() > before {
                (PICTURE_HEADER, PICTURE_PAYLOAD)
            } else {
                // Evenly spread over what speakers send.
                let voices = super::swarm::source::VOICE_BYTES;
                let spread = voices.end() - voices.start() + 1;
                (VOICE_HEADER, voices.start() + n % spread)
            }
        })
        .collect()
}

fn receiver(address: IpAddr) -> io::Result<StdUdpSocket> {
    let socket = StdUdpSocket::bind(SocketAddr::new(address, 0))?;
    socket.set_nonblocking(true)?;
    widen_receive_buffer(&socket);
    Ok(socket)
}

/// Reads as the swarm does, and only counts; between two looks it sends what publishers do, as the swarm too.
fn read(
    sockets: Vec<StdUdpSocket>,
    cpu: Option<usize>,
    mut publishers: Option<Publishers<'_>>,
    counts: &AtomicBool,
    over: &AtomicBool,
) -> anyhow::Result<u64> {
    if let Some(cpu) = cpu {
        pin_thread(cpu)?;
    }
    let mut poll = Poll::new()?;
    let mut sockets: Vec<UdpSocket> = sockets.into_iter().map(UdpSocket::from_std).collect();
    for (index, socket) in sockets.iter_mut().enumerate() {
        poll.registry()
            .register(socket, Token(index), Interest::READABLE)?;
    }
    let mut batch = Batch::new();
    let mut events = Events::with_capacity(1024);
    let mut read = 0;
    loop {
        let last_look = over.load(Ordering::Relaxed);
        let mut nap = NAP;
        if let Some(publishers) = publishers.as_mut().filter(|_| !last_look) {
            let next = publishers.send_due()?;
            nap = nap.min(next.saturating_duration_since(Instant::now()));
        }
        paced::poll_once(&mut poll, &mut events, nap)?;
        for event in &events {
            let socket = &sockets[event.token().0];
            loop {
                let got = match batch.receive(socket) {
                    Ok(got) => got,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error.into()),
                };
                if counts.load(Ordering::Relaxed) {
                    read += got as u64;
                }
                if got < BATCH {
                    break;
                }
            }
        }
        if last_look && events.is_empty() {
            return Ok(read);
        }
    }
}

struct Sent {
    packets: u64,
    bytes: u64,
    cpu: Duration,
    wall: Duration,
}

fn send(
    destinations: &[SocketAddr],
    sizes: &[(usize, usize)],
    address: IpAddr,
    cpu: Option<usize>,
    time: Duration,
    counts: &AtomicBool,
) -> anyhow::Result<Sent> {
    if let Some(cpu) = cpu {
        pin_thread(cpu)?;
    }
    let socket = StdUdpSocket::bind(SocketAddr::new(address, 0))?;
    let mut loader = Loader::new(destinations)?;
    let send_batch = |loader: &mut Loader| {
        // The batch leaves with its last packet.
        (0..SEND_BATCH).try_for_each(|_| {
            let turn = loader.count as usize;
            loader.send(&socket, turn, sizes[turn % sizes.len()])
        })
    };
    let warm = Instant::now();
    while warm.elapsed() < WARM_UP {
        send_batch(&mut loader)?;
    }
    counts.store(true, Ordering::Relaxed);
    let (began, cpu_began, bytes_before) = (Instant::now(), thread_cpu(), loader.bytes);
    let mut packets = 0;
    while began.elapsed() < time {
        send_batch(&mut loader)?;
        packets += SEND_BATCH as u64;
    }
    Ok(Sent {
        packets,
        bytes: loader.bytes - bytes_before,
        cpu: thread_cpu().saturating_sub(cpu_began),
        wall: began.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn sizes_are_mixed_as_the_workload_mixes_them() {
        let count = |voices, pictures| {
            let sizes = sizes(Rates { voices, pictures });
            let pictures = sizes.iter().filter(|(head, _)| *head == PICTURE_HEADER);
            (sizes.len(), pictures.count())
        };
        assert_eq!(count(100.0, 0.0), (CYCLE, 0));
        assert_eq!(count(0.0, 100.0), (CYCLE, CYCLE));
        assert_eq!(count(100.0, 100.0), (CYCLE, CYCLE / 2));
        let voices = sizes(Rates {
            voices: 1.0,
            pictures: 0.0,
        });
        let mean = voices.iter().map(|(_, size)| size).sum::<usize>() as f64 / CYCLE as f64;
        assert!((mean - 90.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn the_loop_sends_and_its_reader_reads() {
        let scenario = Scenario::named("pair").expect("a workload");
        let raw = calibrate(
            &scenario,
            &Cpus::ANY,
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            Duration::from_millis(50),
        )
        .expect("it runs");
        assert!(
            raw.packets_per_cpu_second > 0.0 && raw.received_share > 0.0,
            "{raw:?}"
        );
        assert!((raw.bytes_per_packet - 122.0).abs() < 1.0, "{raw:?}");
        // Two who hear each other, 50 packets a second each.
        let paced = raw.paced.expect("what leaves is known");
        assert!(
            paced.packets_per_cpu_second > 0.0 && paced.received_share > 0.0,
            "{paced:?}"
        );
    }
}
