//! `parley.media.v1` over any core: the same services in the real process and in scenario tests.
//!
//! [`Services::new`] starts the event pump and holds what the services share; [`Services::routes`] gives
//! the tower service. Each connection brings its own [`Connection`] in the request's extensions: the real
//! server inserts it as connect info, tests take one from [`Services::connect`].

mod connection;
mod convert;
mod dedup;
mod errors;
mod events;
mod gate;
mod info;
mod node;
mod recordings;
mod rooms;
mod sessions;
mod stats;

use std::sync::Arc;

use parley_core::api::RoomEvent;
use parley_proto::v1::events_server::EventsServer;
use parley_proto::v1::info_server::InfoServer;
use parley_proto::v1::node_server::NodeServer;
use parley_proto::v1::recordings_server::RecordingsServer;
use parley_proto::v1::rooms_server::RoomsServer;
use parley_proto::v1::sessions_server::SessionsServer;
use parley_proto::v1::stats_server::StatsServer;
use tokio::sync::mpsc;
use tonic::service::Routes;

pub use connection::{Attachments, Connection, Local};
pub use dedup::DedupCounters;
pub use gate::GateCounters;
pub use node::NodeState;
pub use recordings::RecordingDesk;

use crate::clock::SharedClock;
use crate::core_client::CoreClient;
use crate::secret::Secret;
use crate::watch::EventPump;

/// One message from a host: the largest is a `Signal` with 256 KiB of SDP.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Optional abilities told in `GetInfo`.
pub const FEATURES: [&str; 4] = [
    "slots_v1",
    "video_slots_v1",
    "replaces_session",
    "recording_v1",
];

/// Who this node is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Stable id of the node.
    pub node_id: String,
    /// Random per start.
    pub start_id: String,
    /// Unix milliseconds.
    pub started_at_ms: u64,
}

/// What all services share.
#[derive(Debug)]
pub struct Services<C> {
    shared: Arc<Shared<C>>,
}

impl<C> Clone for Services<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

#[derive(Debug)]
struct Shared<C> {
    core: C,
    identity: Identity,
    events: EventPump,
    node: NodeState,
    dedup: dedup::Dedup,
    gate: gate::Gate,
    attachments: Attachments,
    recordings: RecordingDesk,
}

impl<C: CoreClient> Services<C> {
    /// Starts the event pump on the current tokio runtime. With a `token`, callers must show it. Nothing
    /// is recorded.
    pub fn new(
        core: C,
        events: mpsc::Receiver<RoomEvent>,
        identity: Identity,
        token: Option<Secret>,
        clock: SharedClock,
    ) -> Self {
        let desk = RecordingDesk::default();
        Self::with_recordings(core, events, identity, token, clock, desk)
    }

    /// As [`Self::new`], with recordings.
    pub fn with_recordings(
        core: C,
        events: mpsc::Receiver<RoomEvent>,
        identity: Identity,
        token: Option<Secret>,
        clock: SharedClock,
        recordings: RecordingDesk,
    ) -> Self {
        let events = EventPump::spawn(core.clone(), events, clock);
        Self {
            shared: Arc::new(Shared {
                core,
                identity,
                events,
                node: NodeState::default(),
                dedup: dedup::Dedup::default(),
                gate: gate::Gate::new(token),
                attachments: Attachments::default(),
                recordings,
            }),
        }
    }

    /// All services behind the gate. Requests must carry a [`Connection`] in their extensions.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let routes = Routes::default()
            .add_service(InfoServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(
                RoomsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
            )
            .add_service(
                SessionsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
            )
            .add_service(
                EventsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
            )
            .add_service(NodeServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX))
            .add_service(
                RecordingsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
            )
            .add_service(
                StatsServer::new(self.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
            );
        let gated = routes
            .into_axum_router()
            .layer(axum::middleware::from_fn_with_state(
                self.clone(),
                gate::pass::<C>,
            ));
        Routes::from(gated)
    }

    /// A connection of its own without a socket, for tests: give it to the generated clients.
    #[must_use]
    pub fn connect(&self) -> Local {
        Local::new(self.routes(), Connection::new(&self.shared.attachments))
    }

    /// Who is attached.
    #[must_use]
    pub fn attachments(&self) -> &Attachments {
        &self.shared.attachments
    }

    /// Draining and stopping.
    #[must_use]
    pub fn node(&self) -> &NodeState {
        &self.shared.node
    }

    /// The event hub.
    #[must_use]
    pub fn events(&self) -> &EventPump {
        &self.shared.events
    }

    /// A connection from another machine is not taken.
    pub fn refuse_stranger(&self) {
        self.shared.gate.refuse_stranger();
    }

    /// What the gate refused.
    #[must_use]
    pub fn gate_counters(&self) -> GateCounters {
        self.shared.gate.counters()
    }

    /// Recordings of this node.
    #[must_use]
    pub fn recordings(&self) -> &RecordingDesk {
        &self.shared.recordings
    }

    /// How often answers were repeated.
    #[must_use]
    pub fn dedup_counters(&self) -> DedupCounters {
        self.shared.dedup.counters()
    }
}
