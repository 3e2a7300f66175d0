//! The same packets in the workload's own rhythm: the loop sleeps until a publisher's packet comes, sends it
//! to whoever gets it, and sleeps again. What a packet then costs more than in the hot loop is waking up,
//! cold caches, and readers that each burst wakes: no server of one burst at a time is spared that.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::loader::{Loader, TAG};
use super::{NAP, PICTURE_HEADER, PICTURE_PAYLOAD, Sent, VOICE_HEADER, WARM_UP, sizes};
use crate::load::cores::pin_thread;
use crate::load::scenario::{Feed, Rates};
use crate::load::swarm::receive::{BATCH, Batch};
use crate::load::swarm::tally::thread_cpu;

/// Number of its feed, in each packet of a publisher.
const HEAD: usize = size_of::<u32>();

/// The publishers' side, on the thread that reads what comes back.
pub(super) struct Publishers<'a> {
    feeds: &'a [Feed],
    next: Vec<Instant>,
    socket: StdUdpSocket,
    to: SocketAddr,
}

impl<'a> Publishers<'a> {
    pub(super) fn new(feeds: &'a [Feed], address: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let begin = Instant::now();
        Ok(Self {
            feeds,
            next: feeds.iter().map(|feed| begin + feed.phase).collect(),
            socket: StdUdpSocket::bind(SocketAddr::new(address, 0))?,
            to,
        })
    }

    /// Sends what is due; when the next is.
    pub(super) fn send_due(&mut self) -> io::Result<Instant> {
        let now = Instant::now();
        for (number, (feed, next)) in (0_u32..).zip(self.feeds.iter().zip(&mut self.next)) {
            if *next > now {
                continue;
            }
            // After a stall: go on from here, not with a burst.
            *next = (*next + feed.every).max(now);
            let mut packet = [0; VOICE_HEADER + PICTURE_PAYLOAD + TAG];
            packet[..HEAD].copy_from_slice(&number.to_be_bytes());
            let (header, payload) = size_of_feed(feed);
            for _ in 0..feed.packets {
                self.socket
                    .send_to(&packet[..header + payload + TAG], self.to)?;
            }
        }
        Ok(self.next.iter().min().copied().unwrap_or(now + NAP))
    }
}

fn size_of_feed(feed: &Feed) -> (usize, usize) {
    if feed.pictures {
        (VOICE_HEADER, PICTURE_PAYLOAD)
    } else {
        (VOICE_HEADER, *crate::load::swarm::source::VOICE_BYTES.end())
    }
}

/// The server's side.
pub(super) fn serve(
    socket: StdUdpSocket,
    feeds: &[Feed],
    destinations: &[SocketAddr],
    cpu: Option<usize>,
    time: Duration,
    counts: &AtomicBool,
) -> anyhow::Result<Sent> {
    if let Some(cpu) = cpu {
        pin_thread(cpu)?;
    }
    let mut loader = Loader::new(destinations)?;
    let voices = sizes(Rates {
        voices: 1.0,
        pictures: 0.0,
    });
    let mut poll = Poll::new()?;
    let mut inward = UdpSocket::from_std(socket.try_clone()?);
    poll.registry()
        .register(&mut inward, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let mut batch = Batch::new();
    let mut at_first = None;
    let warm = Instant::now() + WARM_UP;
    let mut turn = 0;
    loop {
        poll_once(&mut poll, &mut events, NAP)?;
        loop {
            let got = match batch.receive(&inward) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            for (_, data) in batch.datagrams() {
                let number = data.first_chunk::<HEAD>().copied().map(u32::from_be_bytes);
                let Some(feed) = number.and_then(|number| feeds.get(number as usize)) else {
                    continue;
                };
                let size = if feed.pictures {
                    (PICTURE_HEADER, PICTURE_PAYLOAD)
                } else {
                    turn += 1;
                    voices[turn % voices.len()]
                };
                for to in &feed.listeners {
                    loader.send(&socket, *to, size)?;
                }
            }
            if got < BATCH {
                break;
            }
        }
        loader.flush(&socket)?;
        let now = Instant::now();
        let (began, cpu_began, packets, bytes) = match at_first {
            Some(first) => first,
            None if now >= warm => {
                counts.store(true, Ordering::Relaxed);
                *at_first.insert((now, thread_cpu(), loader.count, loader.bytes))
            }
            None => continue,
        };
        if now - began >= time {
            return Ok(Sent {
                packets: loader.count - packets,
                bytes: loader.bytes - bytes,
                cpu: thread_cpu().saturating_sub(cpu_began),
                wall: now - began,
            });
        }
    }
}

pub(super) fn poll_once(poll: &mut Poll, events: &mut Events, nap: Duration) -> io::Result<()> {
    match poll.poll(events, Some(nap)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
