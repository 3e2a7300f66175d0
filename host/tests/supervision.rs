//! The supervisor and the event pump with the real sidecar process: killed, frozen, adopted, left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{PATIENCE, free_udp_port, launched, lives, sidecar, signal, until};
use parley_host::media::pump::{EventHandler, HandlerFuture, Pump, PumpCounters};
use parley_host::platform::local::{Local, LocalConfig};
use parley_host::sidecar::{SidecarConfig, Supervisor, runtime_dir};
use parley_proto::v1::Event;
use parley_proto::v1::node_client::NodeClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::{
    DrainRequest, EndRoomRequest, GetHealthRequest, ListRoomsRequest, OpenRoomRequest, RoomRef,
};
use tokio_util::sync::CancellationToken;

/// Notes what the pump tells.
#[derive(Default)]
struct Notes {
    restarts: Mutex<Vec<(String, Instant)>>,
    events: Mutex<Vec<(String, u64)>>,
}

impl EventHandler for Notes {
    fn media_event<'a>(&'a self, event: &'a Event) -> HandlerFuture<'a> {
        self.events
            .lock()
            .unwrap()
            .push((event.room_id.clone(), event.seq));
        Box::pin(async { Ok(()) })
    }

    fn media_restart<'a>(&'a self, start_id: &'a str) -> HandlerFuture<'a> {
        self.restarts
            .lock()
            .unwrap()
            .push((start_id.to_owned(), Instant::now()));
        Box::pin(async { Ok(()) })
    }

    fn tick(&self) -> HandlerFuture<'_> {
        Box::pin(async { Ok(()) })
    }
}

/// A host without its plugin: supervisor and pump over a data folder.
struct Host {
    supervisor: Supervisor,
    notes: Arc<Notes>,
    stop: CancellationToken,
    pump: tokio::task::JoinHandle<()>,
}

impl Host {
    fn start(data_dir: &Path, platform: &Arc<Local>, media_port: u16) -> Self {
        Self::start_as(data_dir, platform, media_port, env!("CARGO_PKG_VERSION"))
    }

    /// A host of another version.
    fn start_as(
        data_dir: &Path,
        platform: &Arc<Local>,
        media_port: u16,
        version: &'static str,
    ) -> Self {
        let config = SidecarConfig {
            executable: sidecar(),
            data_dir: data_dir.to_owned(),
            runtime_dir: runtime_dir(data_dir, None).unwrap(),
            media_port,
            media_hosts: vec!["127.0.0.1".parse().unwrap()],
            log_level: parley_settings::LogLevel::default(),
            config_file: None,
            host_id: "test-host".to_owned(),
        };
        let supervisor = Supervisor::start_as(config, version);
        let notes = Arc::<Notes>::default();
        let stop = CancellationToken::new();
        let pump = Pump {
            host_id: "test-host".to_owned(),
            link: supervisor.link(),
            platform: Arc::clone(platform) as _,
            handler: Arc::clone(&notes) as _,
            counters: Arc::<PumpCounters>::default(),
        };
        let pump = tokio::spawn(pump.run(stop.clone()));
        Self {
            supervisor,
            notes,
            stop,
            pump,
        }
    }

    fn restarts(&self) -> Vec<(String, Instant)> {
        self.notes.restarts.lock().unwrap().clone()
    }

    async fn rooms(&self) -> RoomsClient<parley_host::media::MediaChannel> {
        let mut link = self.supervisor.link().connection();
        let found = tokio::time::timeout(PATIENCE, link.wait_for(Option::is_some)).await;
        let connection = found.expect("a sidecar").unwrap().clone().unwrap();
        RoomsClient::new(connection.channel)
    }

    async fn open_room(&self, id: &str) {
        let request = OpenRoomRequest {
            request_id: id.to_owned(),
            room: Some(RoomRef {
                room_id: id.to_owned(),
                generation: 1,
            }),
            ..OpenRoomRequest::default()
        };
        self.rooms().await.open_room(request).await.unwrap();
    }

    async fn end_room(&self, id: &str) {
        let request = EndRoomRequest {
            request_id: format!("end {id}"),
            room: Some(RoomRef {
                room_id: id.to_owned(),
                generation: 1,
            }),
            ..EndRoomRequest::default()
        };
        self.rooms().await.end_room(request).await.unwrap();
    }

    async fn room_ids(&self) -> Vec<String> {
        let listed = self
            .rooms()
            .await
            .list_rooms(ListRoomsRequest {})
            .await
            .unwrap();
        listed
            .into_inner()
            .rooms
            .into_iter()
            .map(|room| room.room_id)
            .collect()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.pump.await.unwrap();
        self.supervisor.stop().await;
    }

    /// As a crash: no goodbye.
    async fn vanish(self) {
        self.pump.abort();
        drop(self.supervisor);
    }
}

struct World {
    data: tempfile::TempDir,
    platform: Arc<Local>,
    media_port: u16,
}

impl World {
    fn new() -> Self {
        let config = LocalConfig::new("http://localhost", "app.parley.calls", "0.1.0");
        Self {
            data: tempfile::tempdir().unwrap(),
            platform: Arc::new(Local::open(config).unwrap()),
            media_port: free_udp_port(),
        }
    }

    fn host(&self) -> Host {
        Host::start(self.data.path(), &self.platform, self.media_port)
    }

    fn sidecar_pid(&self) -> Option<u32> {
        launched(&self.data.path().join("run")).map(|info| info.pid)
    }

    fn living_sidecar(&self) -> u32 {
        until("a living sidecar", || {
            self.sidecar_pid().filter(|&pid| lives(pid))
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(pid) = self.sidecar_pid().filter(|&pid| lives(pid)) {
            signal(pid, "KILL");
        }
    }
}

async fn until_restarts(host: &Host, count: usize) {
    let start = Instant::now();
    while host.restarts().len() < count {
        assert!(
            start.elapsed() < PATIENCE,
            "restarts: {:?}",
            host.restarts()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sidecar_is_replaced_within_a_second_and_the_guest_hears_of_it() {
    let world = World::new();
    let host = world.host();
    until_restarts(&host, 1).await;
    let first = world.living_sidecar();

    let killed = Instant::now();
    signal(first, "KILL");
    until_restarts(&host, 2).await;
    let (start_id, at) = host.restarts().remove(1);
    assert!(at - killed < Duration::from_secs(1), "{:?}", at - killed);
    let second = launched(&world.data.path().join("run")).unwrap();
    assert_ne!(second.pid, first);
    assert_eq!(second.start_id, start_id);
    assert_eq!(
        second.media_port, world.media_port,
        "clients reconnect to the same port"
    );
    assert_eq!(host.supervisor.counters().ended.load(Ordering::Relaxed), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sidecar_is_replaced() {
    let world = World::new();
    let host = world.host();
    until_restarts(&host, 1).await;
    let first = world.living_sidecar();

    let frozen = Instant::now();
    signal(first, "STOP");
    until_restarts(&host, 2).await;
    let took = host.restarts()[1].1 - frozen;
    assert!(
        took > Duration::from_secs(2),
        "a short stall is no death: {took:?}"
    );
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(!lives(first));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_host_adopts_the_sidecar_with_its_rooms_and_unacked_events() {
    let world = World::new();
    let host = world.host();
    host.open_room("lounge").await;
    until_restarts(&host, 1).await;
    let pid = world.living_sidecar();
    host.vanish().await;

    let next = world.host();
    assert_eq!(next.room_ids().await, ["lounge"]);
    assert_eq!(world.living_sidecar(), pid);
    assert_eq!(
        next.supervisor.counters().adopted.load(Ordering::Relaxed),
        1
    );
    next.open_room("parlour").await;
    let start = Instant::now();
    let heard = |next: &Host| {
        next.notes
            .events
            .lock()
            .unwrap()
            .iter()
            .any(|e| e.0 == "parlour")
    };
    while !heard(&next) {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(next.restarts(), [], "it is not a new one");
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_cannot_start_is_tried_again_without_a_rush() {
    let world = World::new();
    let supervisor = Supervisor::start(SidecarConfig {
        executable: "/bin/false".into(),
        data_dir: world.data.path().to_owned(),
        runtime_dir: runtime_dir(world.data.path(), None).unwrap(),
        media_port: world.media_port,
        media_hosts: Vec::new(),
        log_level: parley_settings::LogLevel::default(),
        config_file: None,
        host_id: "test-host".to_owned(),
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(supervisor.link().connection().borrow().is_none());
    let stopping = tokio::time::timeout(Duration::from_secs(5), supervisor.stop());
    stopping.await.expect("stops while it waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sidecar_holds_none_of_the_hosts_descriptors() {
    let world = World::new();
    let marked = world.data.path().join("marked");
    let file = std::fs::File::create(&marked).unwrap();
    // As a careless library would leave it.
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let host = world.host();
    until_restarts(&host, 1).await;
    let pid = world.living_sidecar();
    let links = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten();
    let targets: Vec<_> = links
        .filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .collect();
    assert!(!targets.contains(&marked), "{targets:?}");
    let pipes = targets
        .iter()
        .filter(|target| target.to_string_lossy().starts_with("pipe:"));
    assert_eq!(pipes.count(), 0, "{targets:?}");
    let session = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = session
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(fields[3], pid.to_string(), "a session of its own");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_given_the_address_outside_and_the_log_is_as_quiet_as_set() {
    let world = World::new();
    let supervisor = Supervisor::start(SidecarConfig {
        executable: sidecar(),
        data_dir: world.data.path().to_owned(),
        runtime_dir: runtime_dir(world.data.path(), None).unwrap(),
        media_port: world.media_port,
        // For documentation (RFC 5737): no machine has it.
        media_hosts: vec!["203.0.113.7".parse().unwrap()],
        log_level: parley_settings::LogLevel::Error,
        config_file: None,
        host_id: "test-host".to_owned(),
    });
    let mut link = supervisor.link().connection();
    let found = tokio::time::timeout(PATIENCE, link.wait_for(Option::is_some)).await;
    let connection = found.expect("a sidecar").unwrap().clone().unwrap();
    let mut node = NodeClient::new(connection.channel);
    let health = node.get_health(GetHealthRequest {}).await.unwrap();
    assert_eq!(
        health.into_inner().media_addresses,
        [format!("203.0.113.7:{}", world.media_port)]
    );
    let log = std::fs::read_to_string(world.data.path().join("sidecar-v1.log")).unwrap();
    assert!(!log.contains("INFO"), "{log}");
    let _ = node
        .drain(DrainRequest {
            request_id: "end".to_owned(),
            deadline_ms: 1,
        })
        .await;
    supervisor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_upgrade_the_older_sidecar_finishes_its_calls_and_is_replaced() {
    let world = World::new();
    let host = world.host();
    until_restarts(&host, 1).await;
    let older = world.living_sidecar();
    host.open_room("room-1").await;
    host.stop().await;
    let newer = |version| {
        Host::start_as(
            world.data.path(),
            &world.platform,
            world.media_port,
            version,
        )
    };
    // A host that is older itself leaves it alone, whether there is a call or not.
    let host = newer("0.0.1");
    assert_eq!(host.room_ids().await, ["room-1"]);
    host.end_room("room-1").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(lives(older));
    host.open_room("room-2").await;
    host.stop().await;

    let host = newer("99.0.0");
    assert_eq!(host.room_ids().await, ["room-2"]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(lives(older), "a call was cut short");
    host.end_room("room-2").await;
    until("the end of the older one", || (!lives(older)).then_some(()));
    until_restarts(&host, 1).await;
    assert_ne!(world.living_sidecar(), older);
    assert_eq!(
        host.supervisor.counters().ended.load(Ordering::Relaxed),
        0,
        "no crash"
    );
    host.stop().await;
}
