//! What the machine can do at most: a bare loop that only encrypts and sends, to the same number of sockets,
//! packets of the same sizes as a workload's. A run's figures are told as a ratio to it, so that machines,
//! and hours of one machine, can be compared.
//!
//! Per packet: one copy of the payload into the batch, one AEAD seal with the key of its destination, one
//! entry of a `sendmmsg` of [`SEND_BATCH`]. No segmentation offload. The profile is the one that sidecar and
//! clients agree on: AEAD_AES_256_GCM (RFC 7714).

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use serde::Serialize;

use super::cores::{Cpus, pin_thread};
use super::scenario::{Rates, Scenario};
use super::swarm::receive::{BATCH, Batch};
use super::swarm::tally::thread_cpu;
use super::swarm::widen_receive_buffer;

/// Datagrams handed to the kernel at once.
const SEND_BATCH: usize = 64;
/// RTP header with one CSRC (voices) or with the extensions of pictures, bytes.
const VOICE_HEADER: usize = 16;
const PICTURE_HEADER: usize = 20;
/// A picture's packet: 1100 bytes and the VP8 descriptor.
const PICTURE_PAYLOAD: usize = 1_104;
const TAG: usize = 16;
const DATAGRAM_BYTES_MAX: usize = 1_500;
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
    let sizes = sizes(scenario.expected());
    let (counts, over) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader =
            scope.spawn(|| read(receivers, cpus.generators.first().copied(), &counts, &over));
        let sender = scope.spawn(|| {
            let sent = send(
                &destinations,
                &sizes,
                address,
                cpus.sidecar.first().copied(),
                time,
                &counts,
            );
            over.store(true, Ordering::Relaxed);
            sent
        });
        let sent = sender
            .join()
            .map_err(|_| anyhow!("the bare loop panicked"))??;
        let read = reader
            .join()
            .map_err(|_| anyhow!("its reader panicked"))??;
        let cpu = sent.cpu.as_secs_f64();
        Ok(Raw {
            packets_per_cpu_second: sent.packets as f64 / cpu,
            bytes_per_packet: sent.bytes as f64 / sent.packets as f64,
            received_share: read as f64 / sent.packets as f64,
            sender_cpu_share: cpu / sent.wall.as_secs_f64(),
        })
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

/// Reads as the swarm does, and only counts.
fn read(
    sockets: Vec<StdUdpSocket>,
    cpu: Option<usize>,
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
        match poll.poll(&mut events, Some(NAP)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
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
    let mut loader = Loader::new(destinations, sizes)?;
    let warm = Instant::now();
    while warm.elapsed() < WARM_UP {
        loader.send_batch(&socket)?;
    }
    counts.store(true, Ordering::Relaxed);
    let (began, cpu_began, bytes_before) = (Instant::now(), thread_cpu(), loader.bytes);
    let mut packets = 0;
    while began.elapsed() < time {
        loader.send_batch(&socket)?;
        packets += SEND_BATCH as u64;
    }
    Ok(Sent {
        packets,
        bytes: loader.bytes - bytes_before,
        cpu: thread_cpu().saturating_sub(cpu_began),
        wall: began.elapsed(),
    })
}

/// One stream per destination, each with a key of its own as sessions have.
struct Loader<'a> {
    destinations: Vec<SocketAddrAny>,
    keys: Vec<LessSafeKey>,
    sizes: &'a [(usize, usize)],
    payload: Vec<u8>,
    buffers: Vec<[u8; DATAGRAM_BYTES_MAX]>,
    lengths: Vec<usize>,
    /// Packets so far: nonce, sequence number, and whose turn it is.
    count: u64,
    bytes: u64,
}

impl<'a> Loader<'a> {
    fn new(destinations: &[SocketAddr], sizes: &'a [(usize, usize)]) -> anyhow::Result<Self> {
        let keys = destinations.iter().map(|_| {
            let mut key = [0; 32];
            rand::RngCore::fill_bytes(&mut rand::rng(), &mut key);
            UnboundKey::new(&AES_256_GCM, &key).map(LessSafeKey::new)
        });
        Ok(Self {
            keys: keys
                .collect::<Result<_, _>>()
                .map_err(|_| anyhow!("a key was refused"))?,
            destinations: destinations.iter().map(|d| d.as_any()).collect(),
            sizes,
            payload: vec![0x55; DATAGRAM_BYTES_MAX],
            buffers: vec![[0; DATAGRAM_BYTES_MAX]; SEND_BATCH],
            lengths: vec![0; SEND_BATCH],
            count: 0,
            bytes: 0,
        })
    }

    fn send_batch(&mut self, socket: &StdUdpSocket) -> anyhow::Result<()> {
        let first = self.count as usize;
        for at in 0..SEND_BATCH {
            self.seal(at)?;
        }
        let slices: Vec<[IoSlice<'_>; 1]> = self
            .buffers
            .iter()
            .zip(&self.lengths)
            .map(|(buffer, length)| [IoSlice::new(&buffer[..*length])])
            .collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = slices
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let mut messages: Vec<MMsgHdr<'_>> = slices
            .iter()
            .zip(&mut controls)
            .enumerate()
            .map(|(at, (slice, control))| {
                let destination = &self.destinations[(first + at) % self.destinations.len()];
                MMsgHdr::new_with_addr(destination, slice, control)
            })
            .collect();
        let mut rest = &mut messages[..];
        while !rest.is_empty() {
            let sent = sendmmsg(socket, rest, SendFlags::empty()).context("sending")?;
            rest = &mut rest[sent.max(1)..];
        }
        Ok(())
    }

    fn seal(&mut self, at: usize) -> anyhow::Result<()> {
        let (header, payload) = self.sizes[self.count as usize % self.sizes.len()];
        let buffer = &mut self.buffers[at];
        buffer[0] = 0x80;
        buffer[2..4].copy_from_slice(&(self.count as u16).to_be_bytes());
        let (head, body) = buffer.split_at_mut(header);
        body[..payload].copy_from_slice(&self.payload[..payload]);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.count.to_be_bytes());
        let key = &self.keys[self.count as usize % self.keys.len()];
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(head),
                &mut body[..payload],
            )
            .map_err(|_| anyhow!("a packet was not encrypted"))?;
        body[payload..payload + TAG].copy_from_slice(tag.as_ref());
        self.lengths[at] = header + payload + TAG;
        self.bytes += self.lengths[at] as u64;
        self.count += 1;
        Ok(())
    }
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
    }
}
