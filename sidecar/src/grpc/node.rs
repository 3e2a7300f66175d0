//! Service Node, and the state of draining behind it.

use std::time::Duration;

use parley_core::api::{Command, Reply};
use parley_proto::v1::node_server::Node;
use parley_proto::v1::{
    DrainRequest, DrainResponse, GetHealthRequest, GetHealthResponse, GoodbyeRequest,
    GoodbyeResponse,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::{Request, Response, Status, async_trait};

use super::{Connection, Services, errors};
use crate::core_client::CoreClient;

/// Whether the node takes new rooms, and until when its rooms may go on.
#[derive(Debug, Clone, Default)]
pub struct NodeState(watch::Sender<Draining>);

/// See [`NodeState`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draining {
    /// No new rooms.
    pub draining: bool,
    /// The process ends then, rooms or not.
    pub deadline: Option<Instant>,
}

impl NodeState {
    /// No new rooms from now on. Of several deadlines the earliest counts.
    pub fn drain(&self, after: Option<Duration>) {
        let deadline = after.map(|after| Instant::now() + after);
        self.0.send_modify(|state| {
            state.draining = true;
            state.deadline = [state.deadline, deadline].into_iter().flatten().min();
        });
    }

    /// Whether new rooms are refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.borrow().draining
    }

    /// As of now, and changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Draining> {
        self.0.subscribe()
    }
}

#[async_trait]
impl<C: CoreClient> Node for Services<C> {
    async fn get_health(
        &self,
        _request: Request<GetHealthRequest>,
    ) -> Result<Response<GetHealthResponse>, Status> {
        let health = self.shared.core.health();
        let draining = self.shared.node.is_draining();
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Response::new(GetHealthResponse {
            ready: health.ready && !draining,
            draining,
            rooms: count(health.counters.rooms),
            sessions: count(health.counters.sessions),
            load: health.load,
            media_addresses: health
                .media_addresses
                .iter()
                .map(ToString::to_string)
                .collect(),
        }))
    }

    async fn drain(
        &self,
        request: Request<DrainRequest>,
    ) -> Result<Response<DrainResponse>, Status> {
        let request = request.into_inner();
        let services = self.clone();
        let call = async move {
            let after =
                (request.deadline_ms > 0).then(|| Duration::from_millis(request.deadline_ms));
            services.shared.node.drain(after);
            match services.shared.core.command(Command::ListRooms).await? {
                Reply::Rooms(rooms) => Ok(DrainResponse {
                    rooms: u32::try_from(rooms.len()).unwrap_or(u32::MAX),
                }),
                _ => Err(errors::unexpected()),
            }
        };
        let answer = self
            .shared
            .dedup
            .run("Drain", &request.request_id, call)
            .await;
        answer.map(Response::new)
    }

    async fn goodbye(
        &self,
        request: Request<GoodbyeRequest>,
    ) -> Result<Response<GoodbyeResponse>, Status> {
        if let Some(connection) = request.extensions().get::<Connection>() {
            connection.say_goodbye();
        }
        Ok(Response::new(GoodbyeResponse {}))
    }
}
