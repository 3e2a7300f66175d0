//! The services without a process, socket or real clock: how scenario tests run them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use parley_core::Core;
use parley_core::api::{Command, CoreConfig, Limits, Now, Output, Reply, RoomEvent};
use parley_proto::v1::event::Kind;
use parley_proto::v1::events_client::EventsClient;
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::{
    GetInfoRequest, Hello, ListRoomsRequest, OpenRoomRequest, RoomPolicy, RoomRef, WatchRequest,
    watch_request, watch_response,
};
use parley_sidecar::clock::{SharedClock, TokioClock};
use parley_sidecar::core_client::{CallError, CoreClient, CoreHealth};
use parley_sidecar::grpc::{Identity, Services};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Code;

/// A core on tokio's clock. Its timers are run by [`Simulation::run_timers`].
#[derive(Clone)]
struct Simulation {
    core: Arc<Mutex<Core>>,
    events: mpsc::UnboundedSender<RoomEvent>,
    clock: SharedClock,
}

impl Simulation {
    fn now(&self) -> Now {
        Now {
            instant: Instant::now().into_std(),
            wall_ms: self.clock.unix_ms(),
        }
    }

    fn drain(&self, core: &mut Core) -> Instant {
        loop {
            match core.poll_output() {
                Output::Transmit { .. } | Output::Record { .. } => {}
                Output::Event(event) => self.events.send(*event).unwrap(),
                Output::Orders { .. } => core.refuse_orders(),
                Output::Timeout(at) => return Instant::from_std(at),
            }
        }
    }

    async fn run_timers(self) {
        loop {
            let next = {
                let mut core = self.core.lock().unwrap();
                core.handle_timeout(self.now());
                self.drain(&mut core)
            };
            tokio::time::sleep_until(next.min(Instant::now() + Duration::from_millis(10))).await;
        }
    }
}

impl CoreClient for Simulation {
    async fn command(&self, command: Command) -> Result<Reply, CallError> {
        let mut core = self.core.lock().unwrap();
        let reply = core.handle_command(command, self.now());
        self.drain(&mut core);
        Ok(reply?)
    }

    fn health(&self) -> CoreHealth {
        CoreHealth {
            ready: true,
            counters: self.core.lock().unwrap().counters(),
            ..Default::default()
        }
    }
}

fn services() -> Services<Simulation> {
    let clock: SharedClock = Arc::new(TokioClock::starting_at(1_700_000_000_000));
    let config = CoreConfig {
        node: 0,
        shard: 0,
        seed: 1,
        media_addresses: vec!["127.0.0.1:8443".parse().unwrap()],
        limits: Limits::default(),
    };
    let (events, mut made) = mpsc::unbounded_channel();
    let now = Now {
        instant: Instant::now().into_std(),
        wall_ms: clock.unix_ms(),
    };
    let simulation = Simulation {
        core: Arc::new(Mutex::new(Core::new(config, now))),
        events,
        clock: clock.clone(),
    };
    let (lane, events) = mpsc::channel(1024);
    tokio::spawn(async move {
        while let Some(event) = made.recv().await {
            lane.send(event).await.unwrap();
        }
    });
    tokio::spawn(simulation.clone().run_timers());
    let identity = Identity {
        node_id: "n".into(),
        start_id: "s".into(),
        started_at_ms: 0,
    };
    Services::new(simulation, events, identity, None, clock)
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_a_session_ends_a_room_at_once_on_virtual_time() {
    let services = services();
    let connection = services.connect();
    let early = RoomsClient::new(connection.clone())
        .list_rooms(ListRoomsRequest {})
        .await;
    assert_eq!(early.unwrap_err().code(), Code::FailedPrecondition);
    let info = GetInfoRequest {
        protocol_major: 1,
        ..Default::default()
    };
    InfoClient::new(connection.clone())
        .get_info(info)
        .await
        .unwrap();

    let (requests, outgoing) = mpsc::channel(8);
    let hello = watch_request::Message::Hello(Hello {
        host_id: "h".into(),
    });
    requests
        .send(WatchRequest {
            message: Some(hello),
        })
        .await
        .unwrap();
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let mut watch = EventsClient::new(connection.clone())
        .watch(outgoing)
        .await
        .unwrap()
        .into_inner();
    let open = OpenRoomRequest {
        request_id: "1".into(),
        room: Some(RoomRef {
            room_id: "r".into(),
            generation: 1,
        }),
        policy: Some(RoomPolicy {
            first_session_timeout_ms: 60_000,
            ..Default::default()
        }),
        ..Default::default()
    };
    let opened_at = Instant::now();
    RoomsClient::new(connection).open_room(open).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        match watch.message().await.unwrap().unwrap().message.unwrap() {
            watch_response::Message::Event(event) => kinds.push(event.kind.unwrap()),
            watch_response::Message::Ping(ping) => {
                let pong = parley_proto::v1::Pong { nonce: ping.nonce };
                let message = Some(watch_request::Message::Pong(pong));
                requests.send(WatchRequest { message }).await.unwrap();
            }
            watch_response::Message::Ready(_) => {}
        }
    }
    assert!(matches!(kinds[0], Kind::RoomOpened(_)));
    assert!(matches!(kinds[1], Kind::RoomEnded(_)));
    let passed = opened_at.elapsed();
    assert!(
        passed >= Duration::from_secs(60) && passed < Duration::from_secs(61),
        "{passed:?}"
    );
}
