//! All clients and their sockets in one loop on one thread.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use parley_media::channel::View;
use rustix::net::sockopt;
use tokio::sync::mpsc::Sender;

use super::scenario::Role;
use super::swarm::receive::{BATCH, Batch};
use super::swarm::source::Source;
use crate::client::{Client, ClientConfig, ClientEvent, ClientOutput, Track};

pub(super) mod receive;
pub(super) mod source;

const WAKE: Token = Token(usize::MAX);
/// Sleeps no longer than this.
const NAP_MAX: Duration = Duration::from_millis(100);
/// Of a client's socket: a burst must wait there, not be lost.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// What the control side asks of the swarm.
#[derive(Debug)]
pub(super) enum Order {
    /// Makes a client; it is told as number n of n.
    Add(Role),
    /// A `signal` event for a client.
    Signal(usize, String),
    /// Forget what was counted.
    Begin,
    /// Tell what was counted.
    End,
    /// Close all and return.
    Stop,
}

/// What the swarm tells.
#[derive(Debug)]
pub enum Notice {
    /// A client wants this SDP signalled (zlib).
    Sdp(usize, Vec<u8>),
    /// A client has its slots, and its own tracks if it has any.
    Ready(usize),
    /// A client lost its media connection.
    Lost(usize),
    /// What was counted since `Begin`.
    Tally(Tally),
}

/// What clients received.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Media packets.
    pub packets: u64,
    /// Bytes of all datagrams.
    pub bytes: u64,
    /// Of each media packet.
    pub latencies_us: Vec<u32>,
    /// Media packets by receiving client.
    pub by_client: Vec<u64>,
}

/// The other ends of the control side's channels.
pub(super) struct Ports {
    pub(super) orders: Receiver<Order>,
    pub(super) notices: Sender<Notice>,
}

/// A client with what belongs to it.
struct Member {
    client: Client,
    socket: UdpSocket,
    role: Role,
    source: Option<Source>,
    wake: Instant,
    slots: bool,
    published: bool,
    ready: bool,
}

/// See the module.
pub(super) struct Swarm {
    poll: Poll,
    members: Vec<Member>,
    ports: Ports,
    address: IpAddr,
    epoch: Instant,
    tally: Tally,
    /// Read before any of it is handled, so that handling does not count as latency.
    inbox: Vec<(usize, SocketAddr, Instant, Vec<u8>)>,
}

impl Swarm {
    /// An empty swarm whose clients bind to `address`, and what wakes it.
    pub(super) fn new(ports: Ports, address: IpAddr) -> std::io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let swarm = Self {
            poll,
            members: Vec::new(),
            ports,
            address,
            epoch: Instant::now(),
            tally: Tally::default(),
            inbox: Vec::new(),
        };
        Ok((swarm, waker))
    }

    /// Runs until told to stop.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut batch = Batch::new();
        loop {
            let now = Instant::now();
            let nap = self.next_wake().saturating_duration_since(now).min(NAP_MAX);
            match self.poll.poll(&mut events, Some(nap)) {
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
        let wakes = self.members.iter().map(|member| {
            let sends = member.source.as_ref().map(Source::next);
            sends.map_or(member.wake, |at| at.min(member.wake))
        });
        wakes.min().unwrap_or_else(|| Instant::now() + NAP_MAX)
    }

    fn read(&mut self, index: usize, batch: &mut Batch) -> anyhow::Result<()> {
        let Some(member) = self.members.get(index) else {
            return Ok(());
        };
        loop {
            match batch.receive(&member.socket) {
                Ok(count) => {
                    let now = Instant::now();
                    let datagrams = batch.datagrams();
                    let taken = datagrams.map(|(from, data)| (index, from, now, data.to_vec()));
                    self.inbox.extend(taken);
                    if count < BATCH {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer's port is closed: what a crash looks like; the client's ICE will say so.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error).context("reading a media socket"),
            }
        }
    }

    fn deliver(&mut self) -> anyhow::Result<()> {
        for (index, from, at, data) in std::mem::take(&mut self.inbox) {
            self.tally.bytes += data.len() as u64;
            self.members[index]
                .client
                .handle_datagram(from, &data, at)?;
            self.flush(index)?;
        }
        Ok(())
    }

    /// False: stop.
    fn obey(&mut self) -> anyhow::Result<bool> {
        loop {
            match self.ports.orders.try_recv() {
                Ok(Order::Add(role)) => self.add(role)?,
                Ok(Order::Signal(index, json)) => {
                    let now = Instant::now();
                    self.members[index].client.handle_signal(&json, now)?;
                    self.flush(index)?;
                }
                Ok(Order::Begin) => {
                    self.tally = Tally {
                        by_client: vec![0; self.members.len()],
                        ..Tally::default()
                    };
                }
                Ok(Order::End) => {
                    let tally = std::mem::take(&mut self.tally);
                    self.tell(Notice::Tally(tally))?;
                }
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return Ok(false),
                Err(TryRecvError::Empty) => return Ok(true),
            }
        }
    }

    fn add(&mut self, role: Role) -> anyhow::Result<()> {
        let now = Instant::now();
        let index = self.members.len();
        let mut socket = UdpSocket::bind(SocketAddr::new(self.address, 0))?;
        widen_receive_buffer(&socket);
        let registry = self.poll.registry();
        registry.register(&mut socket, Token(index), Interest::READABLE)?;
        let client = Client::new(ClientConfig::web(socket.local_addr()?), now)?;
        self.members.push(Member {
            client,
            socket,
            role,
            source: None,
            wake: now,
            slots: false,
            published: false,
            ready: false,
        });
        self.flush(index)
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        for index in 0..self.members.len() {
            let now = Instant::now();
            let member = &mut self.members[index];
            let wakes = member.wake <= now;
            if wakes {
                member.client.handle_timeout(now)?;
            }
            let sends = match &mut member.source {
                Some(source) => source.send_due(&mut member.client, self.epoch, now)?,
                None => false,
            };
            if wakes || sends {
                self.flush(index)?;
            }
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
                    // A full buffer loses a packet, as networks do.
                    let _sent = member.socket.send_to(&payload, destination);
                }
                ClientOutput::SignalSdp(zlib) => self.tell(Notice::Sdp(index, zlib))?,
                ClientOutput::Event(event) => self.react(index, event)?,
            }
        }
    }

    fn react(&mut self, index: usize, event: ClientEvent) -> anyhow::Result<()> {
        let now = Instant::now();
        let member = &mut self.members[index];
        match event {
            ClientEvent::Received(received) => {
                if let Some(sent) = source::sent_at(&received.payload) {
                    let at = received.at.saturating_duration_since(self.epoch);
                    let micros = at.saturating_sub(sent).as_micros();
                    let micros = u32::try_from(micros).unwrap_or(u32::MAX);
                    self.tally.latencies_us.push(micros);
                }
                self.tally.packets += 1;
                if let Some(count) = self.tally.by_client.get_mut(index) {
                    *count += 1;
                }
            }
            ClientEvent::OfferApplied if !member.slots => {
                member.slots = true;
                let view = View {
                    screen: true,
                    cameras: Vec::new(),
                };
                member.client.show(view, now)?;
                match member.role {
                    Role::Viewer => member.published = true,
                    Role::Speaker => {
                        let stream = format!("voice-{index}");
                        member.client.publish(Track::Voice, &stream, false, now)?;
                    }
                    Role::Sharer => {
                        let stream = screen_stream(index);
                        member.client.publish(Track::Screen, &stream, false, now)?;
                    }
                }
            }
            ClientEvent::Published(track) => {
                member.published = true;
                member.source = Some(Source::new(track, index, now));
            }
            ClientEvent::KeyframeWanted(_) => {
                if let Some(source) = &mut member.source {
                    source.want_keyframe();
                }
            }
            ClientEvent::LockPatienceOver => {
                anyhow::bail!("client {index} did not get the signalling lock")
            }
            ClientEvent::Disconnected => self.tell(Notice::Lost(index))?,
            _ => {}
        }
        let member = &mut self.members[index];
        if member.slots && member.published && !member.ready {
            member.ready = true;
            self.tell(Notice::Ready(index))?;
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

/// As wide as the system allows.
pub(super) fn widen_receive_buffer(socket: &impl AsFd) {
    // Beyond the system's maximum only root may go; others get the maximum.
    if sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER_BYTES);
    }
}

/// The msid stream id that a sharer announces.
pub(super) fn screen_stream(index: usize) -> String {
    format!("screen-{index}")
}
