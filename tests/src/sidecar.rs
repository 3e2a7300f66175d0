//! The real services and core in this process: the network is simulated, time is tokio's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use parley_bench::client::{Client, ClientEvent, ClientOutput};
use parley_core::Core;
use parley_core::api::{Command, CoreConfig, Limits, Now, Output, Reply, RoomEvent};
use parley_recorder::vfs::Disk;
use parley_recorder::{Recorder, RecorderConfig, SystemClock, TapWriter};
use parley_sidecar::clock::{SharedClock, TokioClock, WallClock as _};
use parley_sidecar::core_client::{CallError, CoreClient, CoreHealth};
use parley_sidecar::grpc::{Identity, RecordingDesk, Services};
use tokio::sync::{Notify, mpsc};

use crate::net::{Datagram, Network};

/// Where the simulated sidecar is reached.
pub const MEDIA_ADDRESS: &str = "10.99.0.1:8443";
/// Unix milliseconds at which every scenario begins.
pub const EPOCH_MS: u64 = 1_800_000_000_000;
/// Events that may wait for the hub; more means that the scenario is broken.
const EVENTS_WAITING_MAX: usize = 16 * 1024;

/// A client on the simulated network, and what it told.
pub struct Seat {
    /// The client.
    pub client: Client,
    /// Everything it told, in order.
    pub events: Vec<ClientEvent>,
    /// SDP for the platform's socket that nobody has carried yet.
    pub signals: Vec<Vec<u8>>,
}

struct Stage {
    core: Core,
    clock: TokioClock,
    events: mpsc::Sender<RoomEvent>,
    network: Network,
    seats: BTreeMap<SocketAddr, Seat>,
    sniffers: Vec<(SocketAddr, Sniffed)>,
    // What the sidecar sent to addresses that nobody sits at.
    astray: Vec<Datagram>,
    // Takes what rooms tap, where there is a directory for it.
    tap: Option<TapWriter>,
}

/// Datagrams that a client sent, as an eavesdropper sees them.
pub type Sniffed = Arc<Mutex<Vec<Vec<u8>>>>;

/// One start of the sidecar. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Sidecar {
    stage: Arc<Mutex<Stage>>,
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sidecar")
    }
}

/// A recorder over a directory, which an earlier start of the sidecar may have used.
fn recorder(data_dir: &Path) -> (RecordingDesk, TapWriter) {
    let config = RecorderConfig {
        // Nobody ends the threads of one that "died".
        exclusive: false,
        ..RecorderConfig::new(data_dir.join("recordings"))
    };
    let started = Recorder::start(config, Arc::new(Disk), Arc::new(SystemClock));
    let (recorder, tap, _) = started.expect("a recorder");
    (RecordingDesk::new(recorder, true), tap)
}

impl Sidecar {
    /// Starts core and services; `seed` decides everything random in them. Recordings lie in `data_dir`;
    /// without one nothing is recorded.
    pub fn start(
        network: Network,
        seed: u64,
        limits: Limits,
        data_dir: Option<&Path>,
    ) -> (Self, Services<Self>) {
        let (desk, tap) = data_dir.map(recorder).unzip();
        let clock = TokioClock::starting_at(EPOCH_MS);
        let (events, events_out) = mpsc::channel(EVENTS_WAITING_MAX);
        let config = CoreConfig {
            node: 1,
            shard: 0,
            seed,
            media_addresses: vec![media_address()],
            limits,
        };
        let mut core = Core::new(config, now(&clock));
        if let Some(fault) = std::env::var("PARLEY_SABOTAGE")
            .ok()
            .and_then(|name| name.parse().ok())
        {
            core.sabotage(fault);
        }
        let stage = Stage {
            core,
            clock,
            events,
            network,
            seats: BTreeMap::new(),
            sniffers: Vec::new(),
            astray: Vec::new(),
            tap,
        };
        let sidecar = Self {
            stage: Arc::new(Mutex::new(stage)),
            changed: Arc::new(Notify::new()),
        };
        tokio::spawn(sidecar.clone().drive());
        let identity = Identity {
            node_id: "node".into(),
            start_id: format!("start-{seed}"),
            started_at_ms: EPOCH_MS,
        };
        let shared: SharedClock = Arc::new(clock);
        let services = Services::with_recordings(
            sidecar.clone(),
            events_out,
            identity,
            None,
            shared,
            desk.unwrap_or_default(),
        );
        (sidecar, services)
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage
            .lock()
            .expect("no scenario panics while it holds the stage")
    }

    /// Puts a client on the network.
    pub fn seat(&self, client: Client) {
        let address = client.address();
        let mut stage = self.lock();
        stage.seats.insert(
            address,
            Seat {
                client,
                events: Vec::new(),
                signals: Vec::new(),
            },
        );
        stage.settle();
        drop(stage);
        self.changed.notify_one();
    }

    /// Takes a client off the network without a word: a crashed tab.
    pub fn unseat(&self, address: SocketAddr) {
        self.lock().seats.remove(&address);
    }

    /// Works with a client now.
    pub fn with<T>(&self, address: SocketAddr, act: impl FnOnce(&mut Seat, Instant) -> T) -> T {
        let mut stage = self.lock();
        let at = tokio_now();
        let seat = stage.seats.get_mut(&address).expect("a seated client");
        let result = act(seat, at);
        stage.settle();
        drop(stage);
        self.changed.notify_one();
        result
    }

    /// SDP that a client wants carried over the platform's socket.
    pub fn take_signals(&self, address: SocketAddr) -> Vec<Vec<u8>> {
        self.lock()
            .seats
            .get_mut(&address)
            .map(|seat| std::mem::take(&mut seat.signals))
            .unwrap_or_default()
    }

    /// Hands a `signal` event's text to a client; one that left its seat misses it.
    pub fn hand_signal(&self, address: SocketAddr, text: &str) {
        if self.lock().seats.contains_key(&address) {
            self.with(address, |seat, at| {
                seat.client.handle_signal(text, at).expect("a sound client")
            });
        }
    }

    /// Works with the network now.
    pub fn network<T>(&self, act: impl FnOnce(&mut Network) -> T) -> T {
        act(&mut self.lock().network)
    }

    /// Puts a datagram on the wire as anybody could.
    pub fn inject(&self, from: SocketAddr, payload: &[u8]) {
        let mut stage = self.lock();
        let datagram = Datagram {
            from,
            to: media_address(),
            payload: payload.to_vec(),
        };
        stage.network.send(tokio_now(), datagram);
        drop(stage);
        self.changed.notify_one();
    }

    /// Keeps a copy of everything that this client sends from now on.
    pub fn sniff(&self, address: SocketAddr) -> Sniffed {
        let sniffed = Sniffed::default();
        self.lock().sniffers.push((address, Arc::clone(&sniffed)));
        sniffed
    }

    /// What the sidecar sent to an address that nobody sits at.
    pub fn sent_to(&self, address: SocketAddr) -> Vec<Vec<u8>> {
        let stage = self.lock();
        stage
            .astray
            .iter()
            .filter(|d| d.to == address)
            .map(|d| d.payload.clone())
            .collect()
    }

    /// The core's counters.
    pub fn counters(&self) -> parley_core::api::NodeCounters {
        self.lock().core.counters()
    }

    /// Moves datagrams and timers as the virtual clock goes on.
    async fn drive(self) {
        loop {
            let wake = self.lock().settle();
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}

impl CoreClient for Sidecar {
    async fn command(&self, command: Command) -> Result<Reply, CallError> {
        let reply = {
            let mut stage = self.lock();
            let at = now(&stage.clock);
            let reply = stage.core.handle_command(command, at);
            stage.settle();
            reply
        };
        self.changed.notify_one();
        Ok(reply?)
    }

    fn health(&self) -> CoreHealth {
        let counters = self.counters();
        CoreHealth {
            ready: true,
            load: 0.0,
            media_addresses: vec![media_address()],
            counters,
        }
    }
}

impl Stage {
    /// Does everything due now; says when to come back.
    fn settle(&mut self) -> Instant {
        let at = tokio_now();
        loop {
            let core_wake = self.drain_core();
            let client_wake = self.drain_clients(at);
            let Some(datagram) = self.network.receive(at) else {
                let due = core_wake.min(client_wake.unwrap_or(core_wake));
                if due > at {
                    return self
                        .network
                        .next_arrival()
                        .map_or(due, |arrival| due.min(arrival));
                }
                self.fire_timers(at, core_wake);
                continue;
            };
            self.deliver(&datagram, at);
        }
    }

    fn drain_core(&mut self) -> Instant {
        let at = tokio_now();
        loop {
            match self.core.poll_output() {
                Output::Timeout(wake) => return wake,
                Output::Orders { .. } => self.core.refuse_orders(),
                Output::Record { key, entry } => {
                    if let Some(tap) = &mut self.tap {
                        // What does not fit is counted in the journal.
                        let _ = tap.push(key, &entry);
                    }
                }
                Output::Event(event) => {
                    self.events
                        .try_send(*event)
                        .expect("the hub keeps up with a scenario");
                }
                Output::Transmit {
                    source,
                    destination,
                    payload,
                } => {
                    let datagram = Datagram {
                        from: source,
                        to: destination,
                        payload: payload.to_vec(),
                    };
                    self.network.send(at, datagram);
                }
            }
        }
    }

    fn drain_clients(&mut self, at: Instant) -> Option<Instant> {
        let mut wake: Option<Instant> = None;
        for (address, seat) in &mut self.seats {
            loop {
                match seat.client.poll_output() {
                    ClientOutput::Timeout(due) => {
                        wake = Some(wake.map_or(due, |w| w.min(due)));
                        break;
                    }
                    ClientOutput::Transmit {
                        destination,
                        payload,
                    } => {
                        for (_, sniffed) in self.sniffers.iter().filter(|(a, _)| a == address) {
                            sniffed
                                .lock()
                                .expect("nobody panics in here")
                                .push(payload.clone());
                        }
                        self.network.send(
                            at,
                            Datagram {
                                from: *address,
                                to: destination,
                                payload,
                            },
                        );
                    }
                    ClientOutput::SignalSdp(zlib) => seat.signals.push(zlib),
                    ClientOutput::Event(event) => seat.events.push(event),
                }
            }
        }
        wake
    }

    fn fire_timers(&mut self, at: Instant, core_wake: Instant) {
        if core_wake <= at {
            self.core.handle_timeout(now(&self.clock));
        }
        for seat in self.seats.values_mut() {
            seat.client.handle_timeout(at).expect("a sound client");
        }
    }

    fn deliver(&mut self, datagram: &Datagram, at: Instant) {
        let Datagram { from, to, payload } = datagram;
        if *to == media_address() {
            self.core
                .handle_datagram(*to, *from, payload, now(&self.clock));
        } else if let Some(seat) = self.seats.get_mut(to) {
            seat.client
                .handle_datagram(*from, payload, at)
                .expect("a sound client");
        } else {
            self.astray.push(datagram.clone());
        }
    }
}

/// The simulated sidecar's media address.
pub fn media_address() -> SocketAddr {
    MEDIA_ADDRESS.parse().expect("an address")
}

fn tokio_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn now(clock: &TokioClock) -> Now {
    Now {
        instant: tokio_now(),
        wall_ms: clock.unix_ms(),
    }
}
