//! Clients and their sockets in one loop on one thread. There may be several swarms, each with clients of
//! its own, which have their numbers among all.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use parley_media::channel::{CameraView, View};
use tokio::sync::mpsc::Sender;

use super::phases::{ARRIVALS_MAX, Arrival};
use super::scenario::Role;
use super::swarm::counter::rtp_head;
use super::swarm::member::Member;
use super::swarm::receive::{BATCH, Batch};
use super::swarm::source::Source;
use super::swarm::tally::thread_cpu;
use crate::client::{Client, ClientConfig, ClientEvent, ClientOutput};

mod counter;
mod member;
pub(super) mod receive;
pub(super) mod source;
pub(super) mod tally;

pub(super) use receive::widen_receive_buffer;
pub(super) use tally::Tally;

const WAKE: Token = Token(usize::MAX);
/// Sleeps no longer than this.
const NAP_MAX: Duration = Duration::from_millis(100);

/// A client to make.
#[derive(Debug, Clone)]
pub(super) struct Newcomer {
    /// Of all clients.
    pub(super) number: usize,
    pub(super) role: Role,
    /// Sessions whose cameras it shows, and how high.
    pub(super) shows: Vec<CameraView>,
    /// Every packet goes through its media stack; else RTP is counted by its header, and only the first
    /// packet of each stream goes there.
    pub(super) listens_fully: bool,
    /// Each packet that its media stack tells is kept, see [`Arrival`].
    pub(super) traced: bool,
    /// Where it sends instead of to the sidecar; see `--via`.
    pub(super) via: Option<SocketAddr>,
}

/// What the control side asks of a swarm.
#[derive(Debug)]
pub(super) enum Order {
    /// Makes a client.
    Add(Box<Newcomer>),
    /// A `signal` event for a client.
    Signal(usize, String),
    /// From now on publishers send.
    Media,
    /// Forget what was counted.
    Begin,
    /// Tell what was counted.
    End,
    /// Close all and return.
    Stop,
}

/// What a swarm tells.
#[derive(Debug)]
pub(super) enum Notice {
    /// A client wants this SDP signalled (zlib).
    Sdp(usize, Vec<u8>),
    /// A client has its slots, and its own tracks if it has any.
    Ready(usize),
    /// A client got its first media packet.
    FirstMedia(usize, Instant),
    /// A client lost its media connection.
    Lost(usize),
    /// What was counted since `Begin`.
    Tally(Box<Tally>),
}

/// The other ends of the control side's channels.
pub(super) struct Ports {
    pub(super) orders: Receiver<Order>,
    pub(super) notices: Sender<Notice>,
}

/// See the module.
pub(super) struct Swarm {
    poll: Poll,
    members: Vec<Member>,
    /// Number among all to place in `members`.
    places: BTreeMap<usize, usize>,
    /// From which times of sending are counted, the same in all swarms.
    epoch: Instant,
    ports: Ports,
    address: IpAddr,
    media: bool,
    tally: Tally,
    cpu_began: Duration,
    /// Read before any of it is handled, so that handling does not count as latency.
    inbox: Vec<(usize, SocketAddr, Instant, Vec<u8>)>,
}

impl Swarm {
    /// An empty swarm whose clients bind to `address`, and what wakes it.
    pub(super) fn new(
        epoch: Instant,
        ports: Ports,
        address: IpAddr,
    ) -> std::io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let swarm = Self {
            poll,
            members: Vec::new(),
            places: BTreeMap::new(),
            epoch,
            ports,
            address,
            media: false,
            tally: Tally::default(),
            cpu_began: Duration::ZERO,
            inbox: Vec::new(),
        };
        Ok((swarm, waker))
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut batch = Batch::new();
        loop {
            let nap = self.next_wake().saturating_duration_since(Instant::now());
            match self.poll.poll(&mut events, Some(nap.min(NAP_MAX))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                if event.token() != WAKE {
                    self.read(event.token().0, &mut batch)?;
                }
            }
            self.deliver()?;
            if !self.obey()? {
                return Ok(());
            }
            self.tick()?;
        }
    }

    fn next_wake(&self) -> Instant {
        let wakes = self.members.iter().map(|member| member.next(self.media));
        wakes.min().unwrap_or_else(|| Instant::now() + NAP_MAX)
    }

    fn read(&mut self, index: usize, batch: &mut Batch) -> anyhow::Result<()> {
        loop {
            let Some(member) = self.members.get_mut(index) else {
                return Ok(());
            };
            let count = match batch.receive(&member.socket) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer's port is closed: what a crash looks like; the client's ICE will say so.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error).context("reading a media socket"),
            };
            let now = Instant::now();
            let mut first_media = false;
            for (from, data) in batch.datagrams() {
                self.tally.bytes += data.len() as u64;
                if let Some((ssrc, sequence)) = rtp_head(data) {
                    let first_of_stream = member.counter.count(ssrc, sequence);
                    first_media |= !std::mem::replace(&mut member.has_media, true);
                    if !member.listens_fully {
                        self.tally.packets += 1;
                        member.packets += 1;
                        if !first_of_stream {
                            continue;
                        }
                    }
                }
                self.inbox.push((index, from, now, data.to_vec()));
            }
            if first_media {
                let number = member.number;
                self.tell(Notice::FirstMedia(number, now))?;
            }
            if count < BATCH {
                return Ok(());
            }
        }
    }

    fn deliver(&mut self) -> anyhow::Result<()> {
        let mut inbox = std::mem::take(&mut self.inbox);
        for (index, from, at, data) in inbox.drain(..) {
            let member = &mut self.members[index];
            let from = member.as_if_from(from);
            member.client.handle_datagram(from, &data, at)?;
            self.flush(index)?;
        }
        self.inbox = inbox;
        Ok(())
    }

    /// False: stop.
    fn obey(&mut self) -> anyhow::Result<bool> {
        loop {
            match self.ports.orders.try_recv() {
                Ok(Order::Add(newcomer)) => self.add(*newcomer)?,
                Ok(Order::Signal(number, json)) => {
                    let now = Instant::now();
                    let index = self.places.get(&number).copied();
                    let index = index.context("a signal for a client of another thread")?;
                    self.members[index].client.handle_signal(&json, now)?;
                    self.flush(index)?;
                }
                Ok(Order::Media) => {
                    let now = Instant::now();
                    self.media = true;
                    for member in &mut self.members {
                        member.start_sending(now);
                    }
                }
                Ok(Order::Begin) => {
                    self.tally = Tally::default();
                    self.members.iter_mut().for_each(Member::restart);
                    self.cpu_began = thread_cpu();
                }
                Ok(Order::End) => {
                    let mut tally = std::mem::take(&mut self.tally);
                    tally.cpu = vec![thread_cpu().saturating_sub(self.cpu_began)];
                    for member in &mut self.members {
                        member.report(&mut tally);
                    }
                    self.tell(Notice::Tally(Box::new(tally)))?;
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return Ok(false),
                Err(TryRecvError::Empty) => return Ok(true),
            }
        }
    }

    fn add(&mut self, newcomer: Newcomer) -> anyhow::Result<()> {
        let now = Instant::now();
        let index = self.members.len();
        let mut socket = UdpSocket::bind(SocketAddr::new(self.address, 0))?;
        widen_receive_buffer(&socket);
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(index), Interest::READABLE)?;
        self.places.insert(newcomer.number, index);
        let client = Client::new(ClientConfig::web(socket.local_addr()?), now)?;
        self.members
            .push(Member::new(client, socket, newcomer, now));
        self.flush(index)
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        for index in 0..self.members.len() {
            let now = Instant::now();
            let member = &mut self.members[index];
            if member.next(self.media) > now {
                continue;
            }
            if member.wake <= now {
                member.client.handle_timeout(now)?;
            }
            if self.media {
                for source in &mut member.sources {
                    source.send_due(&mut member.client, self.epoch, now)?;
                }
            }
            self.flush(index)?;
        }
        Ok(())
    }

    /// Does what a client wants done.
    fn flush(&mut self, index: usize) -> anyhow::Result<()> {
        loop {
            let member = &mut self.members[index];
            match member.client.poll_output() {
                ClientOutput::Timeout(at) => {
                    member.wake = at;
                    return Ok(());
                }
                ClientOutput::Transmit {
                    destination,
                    payload,
                } => {
                    let to = member.leads_to(destination);
                    // A full buffer loses a packet, as networks do.
                    let _sent = member.socket.send_to(&payload, to);
                }
                ClientOutput::SignalSdp(zlib) => {
                    let number = member.number;
                    self.tell(Notice::Sdp(number, zlib))?;
                }
                ClientOutput::Event(event) => self.react(index, event)?,
            }
        }
    }

    fn react(&mut self, index: usize, event: ClientEvent) -> anyhow::Result<()> {
        let now = Instant::now();
        let member = &mut self.members[index];
        let number = member.number;
        match event {
            ClientEvent::Received(received) => {
                if let Some(stamp) = source::read_stamp(&received.payload) {
                    let at = received.at.saturating_duration_since(self.epoch);
                    let arrival = Arrival::new(number, at, &received, stamp.sent, stamp.parts);
                    self.tally.latencies_us.push(arrival.latency_us);
                    if member.traced && self.tally.arrivals.len() < ARRIVALS_MAX {
                        self.tally.arrivals.push(arrival);
                    }
                }
                if member.listens_fully {
                    self.tally.packets += 1;
                    member.packets += 1;
                }
            }
            ClientEvent::OfferApplied if !member.slots => {
                member.slots = true;
                let view = View {
                    screen: true,
                    cameras: std::mem::take(&mut member.shows),
                };
                member.client.show(view, now)?;
                for (track, layers) in member.role.tracks() {
                    let stream = stream_id(*track, number);
                    let rids = rids(layers);
                    member.client.publish_layers(*track, &stream, rids, now)?;
                }
            }
            ClientEvent::Published(track) => {
                let layers = member.role.tracks().iter().find(|(t, _)| *t == track);
                let layers = layers.map_or(&[][..], |(_, layers)| layers);
                let source = Source::new(track, layers, number, now);
                member.sources.push(source);
            }
            ClientEvent::KeyframeWanted(track) => {
                let mut sources = member.sources.iter_mut();
                if let Some(source) = sources.find(|source| source.track() == track) {
                    source.want_keyframe();
                }
            }
            ClientEvent::LockPatienceOver => {
                anyhow::bail!("client {number} did not get the signalling lock")
            }
            ClientEvent::Disconnected => self.tell(Notice::Lost(number))?,
            _ => {}
        }
        if self.members[index].becomes_ready() {
            self.tell(Notice::Ready(number))?;
        }
        Ok(())
    }

    fn tell(&mut self, notice: Notice) -> anyhow::Result<()> {
        self.ports
            .notices
            .try_send(notice)
            .context("the control side does not keep up")
    }
}

/// The msid stream id under which a client announces and sends a track.
pub(super) fn stream_id(track: crate::client::Track, number: usize) -> String {
    format!("{track:?}-{number}")
}

fn rids(layers: &'static [super::scenario::Layer]) -> &'static [&'static str] {
    match layers {
        [_, _, _] => &["l", "m", "h"],
        [_, _] => &["l", "h"],
        _ => &[],
    }
}
