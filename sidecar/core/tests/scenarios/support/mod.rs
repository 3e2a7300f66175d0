//! A simulation: the core, str0m clients and a seeded network on one virtual clock.
#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod client;
pub mod keys;
pub mod line;
pub mod memory;
pub mod neighbour;
pub mod recording;
pub mod sctp;

use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parley_core::Core;
use parley_core::api::*;
use parley_media::recording::{RecordingKey, codec};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub use client::{Client, Profile};

/// What the network does to a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    pub delay: Duration,
    pub jitter: Duration,
    /// Nothing overtakes: jitter comes of waiting behind others, as mostly.
    pub ordered: bool,
    /// Share lost, 0 to 1.
    pub loss: f64,
    /// Of the way to each client, bits per second; what would wait longer than `down_queue` is lost.
    pub down_bps: Option<u64>,
    pub down_queue: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(5),
            jitter: Duration::ZERO,
            ordered: false,
            loss: 0.0,
            down_bps: None,
            down_queue: Duration::from_millis(300),
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Instant,
    order: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

pub struct Sim {
    pub core: Core,
    pub start: Instant,
    pub now: Instant,
    pub network: Network,
    /// Of clients that have another one than everybody's.
    pub links: BTreeMap<SocketAddr, Network>,
    pub clients: BTreeMap<&'static str, Client>,
    config: CoreConfig,
    pub events: Vec<RoomEvent>,
    /// What recordings were told, encoded.
    pub recorded: Vec<(RecordingKey, Vec<u8>)>,
    /// Datagrams the core sent to addresses that no client has.
    pub strays: u64,
    /// Every datagram of a client to the core, if asked for.
    pub tap: Option<Vec<(SocketAddr, Vec<u8>)>>,
    /// Bytes the core sent, by receiver and payload type (that of RTCP is 72 and more).
    pub sent: BTreeMap<(SocketAddr, u8), u64>,
    /// Datagrams for clients that have a link of their own: how many, and of them lost on the way.
    pub fates: BTreeMap<SocketAddr, (u64, u64)>,
    /// Of the datagrams from and to a client from now on, the one after so many is lost.
    pub lose: Option<(SocketAddr, u32)>,
    /// Datagrams that reached clients, by receiver and payload type.
    pub delivered: BTreeMap<(SocketAddr, u8), u64>,
    /// Another shard, where all datagrams of clients arrive, if there is one.
    pub arrival: Option<Core>,
    flights: BinaryHeap<std::cmp::Reverse<Flight>>,
    /// Until when the link to an address is busy.
    busy: BTreeMap<SocketAddr, Instant>,
    /// When the last datagram of a way arrives that keeps its order.
    latest: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    order: u64,
    rng: StdRng,
    next_address: u16,
    core_wakes: Instant,
    /// How often the core was woken by its timers.
    pub wakes: u64,
    /// Voice packets that reached the core, and its allocations until all that came of them was handed out.
    pub voices: u64,
    pub voices_asked: u64,
    /// Allocations of the core since the last datagram came.
    asked: u64,
    /// Bytes that the core took and kept while it handled datagrams.
    pub core_kept: isize,
    /// Real time spent in the core's calls.
    pub core_time: Duration,
    /// Another shard, which large rooms send by.
    pub neighbour: Option<neighbour::Neighbour>,
}

pub const SERVER: &str = "10.99.0.1:8443";
/// The shard of [`Sim::arrival`].
const ARRIVAL: u8 = 3;
pub const ROOM: &str = "room";
/// Payload type of voices, in clients' packets and in the core's.
const OPUS: u8 = 111;

pub fn room_ref() -> RoomRef {
    RoomRef {
        room: RoomId(ROOM.into()),
        generation: 1,
    }
}

pub fn session_ref(name: &str) -> SessionRef {
    SessionRef {
        room: room_ref(),
        session: SessionId(name.into()),
    }
}

impl Sim {
    pub fn new() -> Self {
        Self::with(RoomPolicy::default(), Limits::default())
    }

    pub fn with(policy: RoomPolicy, limits: Limits) -> Self {
        let start = Instant::now();
        let config = CoreConfig {
            node: 1,
            shard: 0,
            seed: 7,
            media_addresses: vec![SERVER.parse().unwrap()],
            limits,
        };
        let now = Now {
            instant: start,
            wall_ms: 1_000_000,
        };
        let arrival = std::env::var_os("PARLEY_ARRIVE_ELSEWHERE").map(|_| {
            let config = CoreConfig {
                shard: ARRIVAL,
                ..config.clone()
            };
            Core::new(config, now)
        });
        let mut sim = Self {
            core: Core::new(config.clone(), now),
            arrival,
            config,
            start,
            now: start,
            network: Network::default(),
            links: BTreeMap::new(),
            clients: BTreeMap::new(),
            events: vec![],
            recorded: vec![],
            strays: 0,
            tap: None,
            sent: BTreeMap::new(),
            fates: BTreeMap::new(),
            lose: None,
            delivered: BTreeMap::new(),
            flights: BinaryHeap::new(),
            busy: BTreeMap::new(),
            latest: BTreeMap::new(),
            order: 0,
            rng: StdRng::seed_from_u64(42),
            next_address: 1,
            core_wakes: start,
            wakes: 0,
            voices: 0,
            voices_asked: 0,
            asked: 0,
            core_kept: 0,
            core_time: Duration::ZERO,
            neighbour: None,
        };
        // `cargo xtask sabotage` runs these tests against a broken core and wants to see them fail.
        #[cfg(feature = "sabotage")]
        if let Ok(name) = std::env::var("PARLEY_SABOTAGE") {
            sim.core.sabotage(name.parse().unwrap());
        }
        sim.command(Command::OpenRoom {
            room: room_ref(),
            policy,
            labels: Labels::new(),
        })
        .unwrap();
        sim
    }

    /// Another network of the same kind from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = StdRng::seed_from_u64(seed);
    }

    pub fn time(&self) -> Now {
        let elapsed = self.now.duration_since(self.start).as_millis() as u64;
        Now {
            instant: self.now,
            wall_ms: 1_000_000 + elapsed,
        }
    }

    pub fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        let now = self.time();
        let begun = Instant::now();
        let reply = self.core.handle_command(command, now);
        self.core_time += begun.elapsed();
        self.drain_core();
        reply
    }

    /// Joins and hands in the client's first offer.
    pub fn join(&mut self, name: &'static str, profile: Profile) {
        self.join_with(name, profile, false);
    }

    pub fn join_with(&mut self, name: &'static str, profile: Profile, replaces: bool) {
        self.next_address += 1;
        let [high, low] = self.next_address.to_be_bytes();
        let address = SocketAddr::from(([10, 0, high, low], 40_000));
        let mut client = Client::new(name, profile, address, self.now);
        self.command(Command::Join(Join {
            session: session_ref(name),
            participant: ParticipantId(format!("p-{name}")),
            connection: ConnectionId(format!("c-{name}-{}", self.next_address)),
            labels: Labels::new(),
            capabilities: client.capabilities(),
            replaces_session: replaces,
            unmuted: false,
        }))
        .unwrap();
        let offer = client.first_offer();
        self.clients.insert(name, client);
        self.signal(name, offer).unwrap();
    }

    pub fn signal(&mut self, name: &str, json: String) -> Result<Reply, CommandError> {
        self.command(Command::Signal {
            session: session_ref(name),
            connection: None,
            message: SignalIn::SdpJson(json),
        })
    }

    pub fn set(&mut self, name: &str, change: StateChange) -> Result<Reply, CommandError> {
        self.command(Command::SetState {
            session: session_ref(name),
            change,
        })
    }

    pub fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap()
    }

    pub fn leave(&mut self, name: &str) {
        self.command(Command::Leave {
            room: room_ref(),
            who: Who::Session(SessionId(name.into())),
            reason: LeaveReason::Left,
        })
        .unwrap();
    }

    pub fn session(&mut self, name: &str) -> SessionView {
        let view = self.view();
        let mut sessions = view.sessions.into_iter();
        sessions.find(|s| s.session.0 == name).expect("session")
    }

    pub fn view(&mut self) -> RoomView {
        match self.command(Command::GetRoom { room: room_ref() }).unwrap() {
            Reply::Room { room, .. } => room,
            other => panic!("{other:?}"),
        }
    }

    pub fn stats(&mut self, name: &str) -> SessionStats {
        let command = Command::SessionStats {
            room: RoomId(ROOM.into()),
            session: SessionId(name.into()),
        };
        match self.command(command).unwrap() {
            Reply::Stats(mut stats) => stats.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// From now on all datagrams of clients arrive at another shard than that of their sessions.
    pub fn arrive_elsewhere(&mut self) {
        let config = CoreConfig {
            shard: ARRIVAL,
            ..self.config.clone()
        };
        self.arrival = Some(Core::new(config, self.time()));
    }

    /// Where a datagram arrives: at the core, or at the other shard, as the shell's lanes have it.
    fn arrive(&mut self, from: SocketAddr, bytes: &[u8]) {
        let (now, local) = (self.time(), SERVER.parse().unwrap());
        self.core.expect(local, std::iter::once(from));
        let Some(arrival) = &mut self.arrival else {
            assert_eq!(self.core.handle_datagram(local, from, bytes, now), None);
            return;
        };
        if let Some(to) = arrival.handle_datagram(local, from, bytes, now) {
            assert_eq!(to.shard, 0);
            self.core
                .handle_handed_over(ARRIVAL, local, from, bytes, now);
        }
        assert!(matches!(arrival.poll_output(), Output::Timeout(_)));
        self.tell_arrival();
    }

    fn tell_arrival(&mut self) {
        let now = self.time();
        while let Some(news) = self.core.poll_tuple_news() {
            assert_eq!(news.shard, ARRIVAL);
            let said = TupleNews { shard: 0, ..news };
            let arrival = self.arrival.as_mut().expect("news for nobody");
            arrival.handle_tuple_news(said, now);
        }
    }

    /// A datagram from anywhere, at once.
    pub fn inject(&mut self, from: SocketAddr, bytes: &[u8]) {
        let held = memory::held();
        self.arrive(from, bytes);
        self.core_kept += memory::held() - held;
        self.drain_core();
    }

    /// An RTCP packet of this client, encrypted and signed as its own are.
    pub fn inject_rtcp(&mut self, name: &str, packet: &[u8]) {
        let client = self.client(name);
        let from = client.address;
        let sealed = client.keys.protect_rtcp(packet);
        self.inject(from, &sealed);
    }

    /// An RTP packet of this client, encrypted and signed as its own are.
    pub fn inject_rtp(&mut self, name: &str, packet: &[u8], header: usize, rollover: u32) {
        let client = self.client(name);
        let from = client.address;
        let sealed = client.keys.protect_rtp(packet, header, rollover);
        self.inject(from, &sealed);
    }

    /// On all shards.
    pub fn drop_of(&self, cause: &str) -> u64 {
        let mut counters = self.core.counters();
        if let Some(arrival) = &self.arrival {
            counters.add(&arrival.counters());
        }
        counters.drops.get(cause).copied().unwrap_or_default()
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run_until(self.now + Duration::from_millis(ms));
    }

    pub fn run_until(&mut self, end: Instant) {
        self.pump();
        loop {
            let mut next = self.core_wakes;
            for client in self.clients.values() {
                next = next.min(client.wakes);
            }
            if let Some(std::cmp::Reverse(flight)) = self.flights.peek() {
                next = next.min(flight.at);
            }
            if next > end {
                self.now = end;
                break;
            }
            self.now = self.now.max(next);
            self.step();
        }
        let now = self.time();
        self.core.handle_timeout(now);
        self.drain_core();
    }

    fn step(&mut self) {
        while let Some(std::cmp::Reverse(flight)) = self.flights.peek() {
            if flight.at > self.now {
                break;
            }
            let flight = self.flights.pop().unwrap().0;
            self.deliver(flight);
        }
        if self.core_wakes <= self.now {
            self.wakes += 1;
            let now = self.time();
            let begun = Instant::now();
            self.core.handle_timeout(now);
            self.core_time += begun.elapsed();
            self.drain_core();
        }
        let names: Vec<_> = self.clients.keys().copied().collect();
        for name in names {
            let now = self.now;
            let client = self.clients.get_mut(name).unwrap();
            if client.wakes <= now {
                client.handle_timeout(now);
            }
        }
        self.pump();
    }

    fn deliver(&mut self, flight: Flight) {
        if flight.to == neighbour::LANE.parse().unwrap() {
            self.take_orders(&flight.bytes);
        } else if flight.to == SERVER.parse().unwrap() {
            if let Some(tap) = &mut self.tap {
                tap.push((flight.from, flight.bytes.clone()));
            }
            let begun = Instant::now();
            let held = memory::held();
            let asked = memory::asked();
            self.arrive(flight.from, &flight.bytes);
            self.asked = memory::asked() - asked;
            self.core_kept += memory::held() - held;
            self.core_time += begun.elapsed();
            self.drain_core();
            if matches!(flight.bytes[..], [128..192, second, ..] if second & 0x7f == OPUS) {
                self.voices += 1;
                self.voices_asked += self.asked;
            }
        } else {
            let now = self.now;
            if let [128..192, second, ..] = flight.bytes[..] {
                let count = self.delivered.entry((flight.to, second & 0x7f));
                *count.or_default() += 1;
            }
            let mut clients = self.clients.values_mut();
            match clients.find(|client| client.outside() == flight.to) {
                Some(client) => client.handle_datagram(flight.from, &flight.bytes, now),
                None => self.strays += 1,
            }
        }
    }

    /// Moves what clients have to say into the network.
    pub fn pump(&mut self) {
        loop {
            let mut signals = vec![];
            let mut sent = vec![];
            for client in self.clients.values_mut() {
                client.drain(self.now);
                let address = client.outside();
                sent.extend(client.outgoing.drain(..).map(|bytes| (address, bytes)));
                signals.extend(client.signals.drain(..).map(|json| (client.name, json)));
            }
            if sent.is_empty() && signals.is_empty() {
                break;
            }
            for (from, bytes) in sent {
                self.send(from, SERVER.parse().unwrap(), bytes);
            }
            for (name, json) in signals {
                // The signalling socket of a session that is gone leads nowhere.
                let _ = self.signal(name, json);
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let down = from == SERVER.parse().unwrap();
        let link = self.links.get(if down { &to } else { &from });
        let network = *link.unwrap_or(&self.network);
        let mut none = (0, 0);
        let fate = self.fates.entry(to);
        let fate = match link {
            Some(_) if down => fate.or_default(),
            _ => &mut none,
        };
        fate.0 += 1;
        if self.rng.random_bool(network.loss) {
            fate.1 += 1;
            return;
        }
        if let Some((address, before)) = &mut self.lose
            && (from == *address || to == *address)
        {
            match before.checked_sub(1) {
                Some(less) => *before = less,
                None => {
                    self.lose = None;
                    return;
                }
            }
        }
        let mut leaves = self.now;
        if let Some(bps) = network.down_bps
            && down
        {
            let busy = self.busy.entry(to).or_insert(self.now);
            let begins = (*busy).max(self.now);
            if begins.duration_since(self.now) > network.down_queue {
                fate.1 += 1;
                return;
            }
            leaves = begins + Duration::from_secs_f64(bytes.len() as f64 * 8.0 / bps as f64);
            *busy = leaves;
        }
        let jitter = network.jitter.as_micros() as u64;
        let jitter = Duration::from_micros(self.rng.random_range(0..=jitter));
        self.order += 1;
        let mut at = leaves + network.delay + jitter;
        if network.ordered {
            let latest = self.latest.entry((from, to)).or_insert(at);
            at = at.max(*latest);
            *latest = at;
        }
        self.flights.push(std::cmp::Reverse(Flight {
            at,
            order: self.order,
            from,
            to,
            bytes,
        }));
    }

    pub fn drain_core(&mut self) {
        loop {
            let begun = Instant::now();
            let asked = memory::asked();
            let output = self.core.poll_output();
            self.asked += memory::asked() - asked;
            self.core_time += begun.elapsed();
            let (source, destination, payload) = match output {
                Output::Timeout(at) => {
                    self.core_wakes = at;
                    self.tell_arrival();
                    break;
                }
                Output::Event(event) => {
                    if let EventKind::Signal { session, json, .. } = &event.kind
                        && let Some(client) = self.clients.get_mut(session.0.as_str())
                    {
                        client.inbox.push(json.clone());
                    }
                    self.events.push(*event);
                    continue;
                }
                Output::Record { key, entry } => {
                    let mut bytes = vec![];
                    codec::encode(&entry, &mut bytes);
                    self.recorded.push((key, bytes));
                    continue;
                }
                Output::Orders { shard, batch } => {
                    let batch = batch.to_vec();
                    self.pass_orders(shard, batch);
                    continue;
                }
                Output::Transmit {
                    source,
                    destination,
                    payload,
                } => (source, destination, payload.to_vec()),
            };
            self.transmit(source, destination, payload);
        }
    }

    fn transmit(&mut self, source: SocketAddr, destination: SocketAddr, payload: Vec<u8>) {
        if let [128..192, second, ..] = payload[..] {
            let sum = self.sent.entry((destination, second & 0x7f)).or_default();
            *sum += payload.len() as u64;
        }
        self.send(source, destination, payload);
    }

    /// Everybody speaks for `ms`, a packet each 20 ms, those in `names`.
    pub fn talk(&mut self, names: &[&str], ms: u64) {
        for _ in 0..ms / 20 {
            for name in names {
                let now = self.now;
                self.client(name).send_voice(now, -20, true);
            }
            self.run_ms(20);
        }
    }

    /// Two or more of our clients, connected and with slots, unmuted.
    pub fn call(names: &[&'static str], profile: Profile) -> Self {
        Self::new().called(names, profile)
    }

    /// As [`Self::call`], of a simulation made before.
    pub fn called(self, names: &[&'static str], profile: Profile) -> Self {
        let mut sim = self;
        for name in names {
            sim.join(name, profile);
        }
        sim.run_ms(1_500);
        for name in names {
            sim.set(name, StateChange::Unmuted(true)).unwrap();
        }
        sim
    }
}
