//! A whole deployment on the virtual clock: platform, hosts with the real component, sidecar, people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parley_bench::client::{Client, ClientConfig, ClientEvent, Received, Track};
use parley_core::api::{Limits as CoreLimits, Reply};
use parley_host::environment::{Environment, RandomUnavailable};
use parley_host::hooks::{
    ClientMessage, CommandArgs, Hooks as _, HttpRequest, HttpResponse, PlatformEvent, Value,
};
use parley_host::media::pump::{Pump, PumpCounters};
use parley_host::media::{Connection, FixedLink};
use parley_host::plugin::Plugin;
use parley_host::sandbox::{Limits, Services as SandboxServices};
use parley_proto::v1::GetInfoRequest;
use parley_proto::v1::info_client::InfoClient;
use parley_sidecar::core_client::CoreClient as _;
use parley_sidecar::grpc::Services;
use rand::rngs::SmallRng;
use rand::{RngCore as _, SeedableRng as _};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::net::{Link, Network};
use crate::pause::Pausable;
use crate::platform::{MemoryPlatform, Published, id};
use crate::sidecar::{EPOCH_MS, Sidecar};

/// A virtual clock and seeded chance for the guest.
struct VirtualEnvironment {
    started: tokio::time::Instant,
    rng: std::sync::Mutex<SmallRng>,
}

impl Environment for VirtualEnvironment {
    fn now_ms(&self) -> u64 {
        EPOCH_MS + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn fill_random(&self, buffer: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.rng
            .lock()
            .expect("nobody panics in here")
            .fill_bytes(buffer);
        Ok(())
    }
}

/// One host process: the real sandbox and event pump.
pub struct Host {
    /// Its plugin.
    pub plugin: Plugin,
    /// Its event pump's figures.
    pub pump: Arc<PumpCounters>,
    link: FixedLink,
    held: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// See the module.
pub struct World {
    /// The chat platform.
    pub platform: MemoryPlatform,
    /// The present start of the sidecar.
    pub sidecar: Sidecar,
    services: Services<Sidecar>,
    /// Hosts over the one platform and sidecar.
    pub hosts: Vec<Host>,
    // The host that serves people's requests.
    front: usize,
    environment: Arc<VirtualEnvironment>,
    /// Of the sidecar, whichever start of it; `None` = it has none.
    data_dir: Option<tempfile::TempDir>,
    seed: u64,
    next_port: AtomicU64,
    carried: std::sync::Mutex<usize>,
    tabs: std::sync::Mutex<Vec<Tab>>,
}

/// A person's browser tab: a signalling connection and a media address.
#[derive(Debug, Clone)]
pub struct Tab {
    /// Whose.
    pub user: String,
    /// Its signalling connection; also the session's id after a plain join.
    pub connection: String,
    /// Its media address.
    pub address: SocketAddr,
}

impl World {
    /// One host, the users as members of the open channel `town`, a local network.
    pub async fn new(users: &[&str]) -> Self {
        Self::with(users, Link::LAN, 1).await
    }

    /// The same on another network, from another seed.
    pub async fn with(users: &[&str], link: Link, seed: u64) -> Self {
        let platform = MemoryPlatform::with_users(users);
        platform.set_clock(i64::try_from(EPOCH_MS).unwrap_or(i64::MAX));
        let environment = Arc::new(VirtualEnvironment {
            started: tokio::time::Instant::now(),
            rng: std::sync::Mutex::new(SmallRng::seed_from_u64(seed)),
        });
        let (sidecar, services) =
            Sidecar::start(Network::new(link, seed), seed, CoreLimits::default(), None);
        let mut world = Self {
            platform,
            sidecar,
            services,
            hosts: Vec::new(),
            front: 0,
            environment,
            data_dir: None,
            seed,
            next_port: AtomicU64::new(1),
            carried: std::sync::Mutex::new(0),
            tabs: std::sync::Mutex::default(),
        };
        world.add_host().await;
        world
    }

    /// Starts another host.
    pub async fn add_host(&mut self) {
        let held = watch::Sender::new(false);
        let link = FixedLink::new(Some(connection(&self.services, &held).await));
        let platform: Arc<dyn parley_host::platform::Platform> = Arc::new(self.platform.clone());
        let services = SandboxServices {
            platform: Arc::clone(&platform),
            media: Arc::new(link.clone()),
            environment: self.environment.clone(),
        };
        let plugin = Plugin::new(parley_component::COMPONENT, services, Limits::default())
            .expect("a sound component");
        let pump = Arc::new(PumpCounters::default());
        let task = Pump {
            host_id: format!("host{}", self.hosts.len()),
            link: Arc::new(link.clone()),
            platform,
            handler: Arc::new(plugin.clone()),
            counters: Arc::clone(&pump),
        };
        let task = tokio::spawn(task.run(CancellationToken::new()));
        self.hosts.push(Host {
            plugin,
            pump,
            link,
            held,
            task,
        });
    }

    /// The only host dies on the spot, whatever it was doing.
    pub fn kill_host(&mut self) {
        let host = self.hosts.remove(0);
        host.task.abort();
        host.link.set(None);
    }

    /// A host stands still as if its process was stopped; people are served by the next one.
    pub fn stop_host(&mut self, index: usize) {
        self.hosts[index].held.send_replace(true);
        self.front = (index + 1) % self.hosts.len();
    }

    /// It goes on.
    pub fn resume_host(&self, index: usize) {
        self.hosts[index].held.send_replace(false);
    }

    /// A session leaves by a call to the sidecar, past the guest: only the event tells of it.
    pub async fn send_leave_directly(&self, tab: &Tab) {
        let found = parley_core::api::Command::FindSessions {
            by: parley_core::api::FindBy::Connection(parley_core::api::ConnectionId(
                tab.connection.clone(),
            )),
        };
        let Ok(Reply::Found(found)) = self.sidecar.command(found).await else {
            panic!("no session")
        };
        let leave = parley_core::api::Command::Leave {
            room: found[0].room.clone(),
            who: parley_core::api::Who::Session(found[0].session.session.clone()),
            reason: parley_core::api::LeaveReason::Left,
        };
        self.sidecar.command(leave).await.expect("left");
    }

    /// The sidecar has a directory for recordings from now on: it is another start.
    pub async fn with_data_dir(mut self) -> Self {
        self.data_dir = Some(tempfile::tempdir().expect("a directory"));
        self.restart_sidecar().await;
        self
    }

    /// The sidecar dies and a new one starts; all hosts connect to it.
    pub async fn restart_sidecar(&mut self) {
        self.seed += 1;
        for host in &self.hosts {
            host.link.set(None);
        }
        let (sidecar, services) = Sidecar::start(
            Network::new(Link::LAN, self.seed),
            self.seed,
            CoreLimits::default(),
            self.data_dir.as_ref().map(|dir| dir.path()),
        );
        self.sidecar = sidecar;
        self.services = services;
        for host in &self.hosts {
            host.link
                .set(Some(connection(&self.services, &host.held).await));
        }
    }

    /// Lets virtual time pass, carrying signals between clients and the platform meanwhile.
    pub async fn pass(&self, time: Duration) {
        // Signals may wait a little longer where minutes pass: each step costs real time.
        let step = if time > Duration::from_secs(10) {
            100
        } else {
            5
        };
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            self.carry().await;
            tokio::time::sleep(Duration::from_millis(step)).await;
        }
    }

    /// Lets time pass until `true`; panics after `patience`.
    pub async fn until(&self, what: &str, patience: Duration, mut reached: impl FnMut() -> bool) {
        let end = tokio::time::Instant::now() + patience;
        while !reached() {
            assert!(
                tokio::time::Instant::now() < end,
                "{what}: not within {patience:?}"
            );
            self.carry().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Types a slash command in `town`; the answer's text.
    pub async fn command(&self, user: &str, command: &str) -> String {
        self.command_in("town", user, command).await
    }

    /// Types a slash command in a channel; the answer's text.
    pub async fn command_in(&self, channel: &str, user: &str, command: &str) -> String {
        let args = CommandArgs {
            command: command.into(),
            user_id: id(user),
            channel_id: id(channel),
            team_id: id("team"),
            root_id: String::new(),
        };
        self.hosts[self.front].plugin.command(args).await.text
    }

    /// A signed-in person's request under the plugin's path.
    pub async fn http(&self, user: &str, method: &str, path: &str) -> HttpResponse {
        let user_id = if user.is_empty() {
            String::new()
        } else {
            id(user)
        };
        let request = HttpRequest {
            method: method.into(),
            path: path.into(),
            user_id,
            ..HttpRequest::default()
        };
        self.hosts[self.front].plugin.http(request).await
    }

    /// Tells the plugin what happened on the platform.
    pub async fn platform_event(&self, event: PlatformEvent) {
        self.hosts[self.front].plugin.platform_event(event).await;
    }

    /// Opens a tab: a signalling connection and an address, no call yet.
    pub fn tab(&self, user: &str) -> Tab {
        let number = self.next_port.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(10_000 + number).expect("not that many tabs");
        let tab = Tab {
            user: user.into(),
            connection: format!("conn{number:022}"),
            address: SocketAddr::from(([10, 99, 1, 1], port)),
        };
        self.tabs
            .lock()
            .expect("nobody panics in here")
            .push(tab.clone());
        tab
    }

    /// Sends an action of a tab as the web client would; `data` values become text, booleans, JSON.
    pub async fn send(&self, tab: &Tab, action: &str, data: Json) {
        let values = data.as_object().cloned().unwrap_or_default();
        let data = values
            .into_iter()
            .map(|(key, value)| (key, wire(value)))
            .collect();
        self.message(tab, action, data).await;
    }

    async fn message(&self, tab: &Tab, action: &str, data: Vec<(String, Value)>) {
        let message = ClientMessage {
            action: action.into(),
            connection_id: tab.connection.clone(),
            user_id: id(&tab.user),
            login_session_id: id(&format!("login{}", tab.user)),
            is_mobile: false,
            data,
        };
        self.hosts[self.front].plugin.client_message(message).await;
    }

    /// Joins the call of `town` as our bridge does, and waits until its slots are negotiated.
    pub async fn join(&self, user: &str) -> Tab {
        let tab = self.tab(user);
        self.join_as(&tab, "town", json!({"v": 1})).await;
        tab
    }

    /// Joins with the given `parley` field (null: as an official client).
    pub async fn join_as(&self, tab: &Tab, channel: &str, parley: Json) {
        self.send(
            tab,
            "join",
            json!({"channelID": id(channel), "dcSignaling": true, "parley": parley}),
        )
        .await;
        let joined = || self.to(tab, "join").next().is_some();
        self.until("join is accepted", Duration::from_secs(2), joined)
            .await;
        let client = Client::new(
            ClientConfig::web(tab.address),
            tokio::time::Instant::now().into_std(),
        );
        self.sidecar.seat(client.expect("a client"));
        self.until("slots are negotiated", Duration::from_secs(5), || {
            self.count(tab, |e| matches!(e, ClientEvent::OfferApplied)) > 0
        })
        .await;
    }

    /// Unmutes, adding the microphone the first time.
    pub async fn unmute(&self, tab: &Tab) {
        if self.count(tab, |e| matches!(e, ClientEvent::Published(Track::Voice))) == 0 {
            self.sidecar.with(tab.address, |seat, at| {
                seat.client
                    .publish(Track::Voice, "microphone", false, at)
                    .expect("a sound client");
            });
            self.until(
                "the microphone is negotiated",
                Duration::from_secs(5),
                || self.count(tab, |e| matches!(e, ClientEvent::Published(Track::Voice))) > 0,
            )
            .await;
        }
        self.send(tab, "unmute", json!({})).await;
    }

    /// Talks for a while: 20 ms packets whose payload begins with `mark`.
    pub async fn talk(&self, tab: &Tab, mark: &str, time: Duration) {
        self.talk_together(&[(tab, mark)], time).await;
    }

    /// Several talk at once.
    pub async fn talk_together(&self, talkers: &[(&Tab, &str)], time: Duration) {
        for n in 0..time.as_millis() / 20 {
            for (tab, mark) in talkers {
                let payload = format!("{mark}#{n}");
                self.sidecar.with(tab.address, |seat, at| {
                    seat.client
                        .send_voice(payload.as_bytes(), Some(-20), at)
                        .expect("a sound client");
                });
            }
            self.pass(Duration::from_millis(20)).await;
        }
    }

    /// Media packets that a tab received, whose payload begins with `mark`.
    pub fn heard(&self, tab: &Tab, mark: &str) -> Vec<Received> {
        self.sidecar.with(tab.address, |seat, _| {
            let all = seat.events.iter().filter_map(|event| match event {
                ClientEvent::Received(packet) => Some(packet),
                _ => None,
            });
            all.filter(|packet| packet.payload.starts_with(mark.as_bytes()))
                .cloned()
                .collect()
        })
    }

    /// How many of a tab's events are of a kind.
    pub fn count(&self, tab: &Tab, kind: impl Fn(&ClientEvent) -> bool) -> usize {
        self.sidecar.with(tab.address, |seat, _| {
            seat.events.iter().filter(|e| kind(e)).count()
        })
    }

    /// Forgets what a tab was told so far.
    pub fn forget(&self, tab: &Tab) {
        self.sidecar
            .with(tab.address, |seat, _| seat.events.clear());
    }

    /// Events of a name addressed to a tab's connection, oldest first.
    pub fn to<'a>(&'a self, tab: &'a Tab, name: &'a str) -> impl Iterator<Item = Published> + 'a {
        let mine = move |p: &Published| p.broadcast.connection_id == tab.connection;
        self.platform.published_named(name).into_iter().filter(mine)
    }

    /// The call of a channel as `call_state` tells it.
    pub async fn call_state(&self, tab: &Tab) -> Json {
        let before = self.to(tab, "call_state").count();
        self.send(tab, "call_state", json!({"channelID": id("town")}))
            .await;
        self.until("call_state is answered", Duration::from_secs(1), || {
            self.to(tab, "call_state").count() > before
        })
        .await;
        let last = self.to(tab, "call_state").last().expect("just seen");
        serde_json::from_str(last.data["call"].as_str().unwrap_or("null")).unwrap_or(Json::Null)
    }

    /// Carries SDP from clients to the plugin and `signal` events to clients.
    async fn carry(&self) {
        let tabs = self.tabs.lock().expect("nobody panics in here").clone();
        for tab in &tabs {
            for zlib in self.sidecar.take_signals(tab.address) {
                self.message(tab, "sdp", vec![("data".into(), Value::Bytes(zlib))])
                    .await;
            }
        }
        let published = self.platform.published();
        let from = {
            let mut carried = self.carried.lock().expect("nobody panics in here");
            std::mem::replace(&mut *carried, published.len())
        };
        for event in published.iter().skip(from).filter(|p| p.name == "signal") {
            let Some(tab) = tabs
                .iter()
                .find(|t| t.connection == event.broadcast.connection_id)
            else {
                continue;
            };
            let text = event.data["data"].as_str().unwrap_or_default();
            self.sidecar.hand_signal(tab.address, text);
        }
    }
}

async fn connection(services: &Services<Sidecar>, held: &watch::Sender<bool>) -> Connection {
    let local = services.connect();
    let hello = GetInfoRequest {
        protocol_major: parley_proto::PROTOCOL_MAJOR,
        protocol_minor: parley_proto::PROTOCOL_MINOR,
        host_id: "scenario".into(),
    };
    let info = InfoClient::new(local.clone())
        .get_info(hello)
        .await
        .expect("the same protocol")
        .into_inner();
    Connection::new(Pausable::new(local, held.subscribe()), info.start_id)
}

/// A JSON value as the platform hands it to the plugin.
fn wire(value: Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Boolean(yes),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::Text(text),
        nested @ (Json::Array(_) | Json::Object(_)) => Value::Json(nested.to_string()),
    }
}
