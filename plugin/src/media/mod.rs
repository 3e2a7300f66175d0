//! The media client: what the policy asks of the sidecar, over any gRPC service.
//!
//! In the sandbox that service is the host's `grpc.unary`, in tests a server in the same process. Every
//! mutating call carries a fresh request id, so that a repetition on the way changes nothing.

mod convert;
mod recordings;
mod types;

pub(crate) use convert::event;
pub(crate) use recordings::*;
pub(crate) use types::*;

use parley_proto::trouble::Trouble;
use parley_proto::v1;
use tower::util::BoxCloneService;
use v1::info_client::InfoClient;
use v1::node_client::NodeClient;
use v1::rooms_client::RoomsClient;
use v1::sessions_client::SessionsClient;
use v1::stats_client::StatsClient;

use crate::env::Env;
use crate::ids::{CallId, ConnectionId, SessionId, UserId, new_id};

/// Any error of a service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The way to the sidecar.
pub type GrpcService =
    BoxCloneService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, BoxError>;

/// Metadata key under which the trace id travels.
pub const TRACE_METADATA: &str = "x-trace-id";

/// Why the sidecar refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MediaError {
    /// No such room or session.
    #[error("no such room or session")]
    NotFound,
    /// The room's generation is newer, or a race over a connection was lost.
    #[error("out of date")]
    Stale,
    /// The session exists, or the connection has one.
    #[error("already joined")]
    Exists,
    /// The session is somebody else's, or the host does not grant the call.
    #[error("forbidden")]
    Forbidden,
    /// Somebody else shares the screen; nothing can be recorded, or nothing is.
    #[error("not now")]
    Precondition,
    /// A limit, named.
    #[error("limit reached: {0}")]
    Limit(String),
    /// The message names the field.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The sidecar cannot be reached or takes no new rooms; the host may know why.
    #[error("unavailable")]
    Unavailable(Option<Trouble>),
    /// Anything else.
    #[error("media server: {0}")]
    Other(String),
}

impl From<tonic::Status> for MediaError {
    fn from(status: tonic::Status) -> Self {
        use tonic::Code;
        match status.code() {
            Code::NotFound => Self::NotFound,
            Code::Aborted => Self::Stale,
            Code::AlreadyExists => Self::Exists,
            Code::PermissionDenied => Self::Forbidden,
            Code::FailedPrecondition => Self::Precondition,
            Code::ResourceExhausted => Self::Limit(status.message().to_owned()),
            Code::InvalidArgument => Self::Invalid(status.message().to_owned()),
            Code::Unavailable => Self::Unavailable(Trouble::of_message(status.message())),
            Code::DeadlineExceeded => Self::Unavailable(None),
            code => Self::Other(format!("{code:?}: {}", status.message())),
        }
    }
}

/// A room as the caller's record believes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) struct RoomRef {
    pub call_id: CallId,
    /// 0 in a read = any.
    pub generation: u64,
}

impl RoomRef {
    fn proto(&self) -> v1::RoomRef {
        v1::RoomRef {
            room_id: self.call_id.to_string(),
            generation: self.generation,
        }
    }

    fn session(&self, session: &SessionId) -> v1::SessionRef {
        v1::SessionRef {
            room_id: self.call_id.to_string(),
            generation: self.generation,
            session_id: session.to_string(),
        }
    }
}

/// A client of the sidecar for one request.
pub(crate) struct Media<'a> {
    env: &'a dyn Env,
    service: GrpcService,
    trace_id: String,
}

type Result<T> = std::result::Result<T, MediaError>;

impl<'a> Media<'a> {
    /// A client over `service` under a trace.
    pub(crate) fn new(env: &'a dyn Env, service: GrpcService, trace_id: &str) -> Self {
        Self {
            env,
            service,
            trace_id: trace_id.to_owned(),
        }
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Ok(value) = self.trace_id.parse() {
            request.metadata_mut().insert(TRACE_METADATA, value);
        }
        request
    }

    fn request_id(&self) -> String {
        new_id(&self.env.random(32))
    }

    fn rooms(&self) -> RoomsClient<GrpcService> {
        RoomsClient::new(self.service.clone())
    }

    fn sessions(&self) -> SessionsClient<GrpcService> {
        SessionsClient::new(self.service.clone())
    }

    /// Which start of the sidecar answers: another value means that all former rooms are gone. Empty =
    /// it does not say.
    pub(crate) async fn start_id(&self) -> Result<String> {
        let request = self.request(v1::GetInfoRequest {
            protocol_major: parley_proto::PROTOCOL_MAJOR,
            protocol_minor: parley_proto::PROTOCOL_MINOR,
            host_id: "guest".to_owned(),
        });
        let answer = InfoClient::new(self.service.clone())
            .get_info(request)
            .await?;
        Ok(answer.into_inner().start_id)
    }

    /// The UDP ports that clients are told to send media to.
    pub(crate) async fn media_ports(&self) -> Result<Vec<u16>> {
        let request = self.request(v1::GetHealthRequest {});
        let answer = NodeClient::new(self.service.clone())
            .get_health(request)
            .await?;
        let addresses = answer.into_inner().media_addresses;
        let port = |address: &String| address.rsplit_once(':')?.1.parse().ok();
        Ok(addresses.iter().filter_map(port).collect())
    }

    /// Opens a room; true = it was not open yet.
    pub(crate) async fn open_room(
        &self,
        room: &RoomRef,
        policy: &RoomPolicy,
        labels: &RoomLabels,
    ) -> Result<bool> {
        let request = self.request(v1::OpenRoomRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            policy: Some(convert::policy(policy)),
            labels: convert::room_labels(labels),
        });
        Ok(self.rooms().open_room(request).await?.into_inner().created)
    }

    /// Ends a room for all; an unknown one is success.
    pub(crate) async fn end_room(&self, room: &RoomRef, actor: Option<&UserId>) -> Result<()> {
        let request = self.request(v1::EndRoomRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            actor_id: actor.map(ToString::to_string).unwrap_or_default(),
            reason: v1::RoomEndReason::Ended.into(),
        });
        self.rooms().end_room(request).await?;
        Ok(())
    }

    /// The room as it is now, whatever its generation.
    pub(crate) async fn room(&self, call_id: &CallId) -> Result<Room> {
        let room = RoomRef {
            call_id: call_id.clone(),
            generation: 0,
        };
        let request = self.request(v1::GetRoomRequest {
            room: Some(room.proto()),
        });
        let answer = self.rooms().get_room(request).await?.into_inner();
        answer.room.map(convert::room).ok_or(MediaError::NotFound)
    }

    /// Sets or moves a named timer of a room.
    pub(crate) async fn set_timer(&self, room: &RoomRef, name: &str, after_ms: u64) -> Result<()> {
        let request = self.request(v1::SetTimerRequest {
            request_id: self.request_id(),
            room: Some(room.proto()),
            name: name.to_owned(),
            after_ms,
            payload: Vec::new(),
        });
        self.rooms().set_timer(request).await?;
        Ok(())
    }

    /// Adds a session, or gives one a new media connection.
    pub(crate) async fn join(&self, room: &RoomRef, join: Join) -> Result<Session> {
        let request = self.request(v1::JoinRequest {
            request_id: self.request_id(),
            session: Some(room.session(&join.session_id)),
            participant_id: join.user_id.to_string(),
            connection_id: join.connection_id.to_string(),
            labels: convert::session_labels(&join.labels),
            capabilities: Some(convert::capabilities(&join.capabilities)),
            replaces_session: join.replaces_session,
            unmuted: join.unmuted,
        });
        let answer = self.sessions().join(request).await?.into_inner();
        answer
            .session
            .map(convert::session)
            .ok_or(MediaError::NotFound)
    }

    /// Hands a client's message to its session.
    pub(crate) async fn signal(&self, found: &FoundSession, signal: ClientSignal) -> Result<()> {
        use v1::signal_request::Message;
        let request = self.request(v1::SignalRequest {
            request_id: self.request_id(),
            session: Some(found.room().session(&found.session.id)),
            connection_id: found.session.connection_id.to_string(),
            message: Some(match signal {
                ClientSignal::SdpJson(json) => Message::SdpJson(json),
                ClientSignal::SdpZlib(bytes) => Message::SdpZlib(bytes),
                ClientSignal::Candidate(json) => Message::CandidateJson(json),
            }),
        });
        self.sessions().signal(request).await?;
        Ok(())
    }

    /// Ends one session, or all of a user in the room; returns how many.
    pub(crate) async fn leave(&self, room: &RoomRef, who: Who, reason: LeaveReason) -> Result<u32> {
        let request = self.request(v1::LeaveRequest {
            request_id: self.request_id(),
            room_id: room.call_id.to_string(),
            generation: room.generation,
            who: Some(match who {
                Who::Session(id) => v1::leave_request::Who::SessionId(id.to_string()),
                Who::User(id) => v1::leave_request::Who::ParticipantId(id.to_string()),
            }),
            reason: convert::leave_reason(reason).into(),
        });
        Ok(self.sessions().leave(request).await?.into_inner().left)
    }

    /// Changes what a session shows of itself.
    pub(crate) async fn set_state(&self, found: &FoundSession, change: StateChange) -> Result<()> {
        let request = self.request(v1::SetStateRequest {
            request_id: self.request_id(),
            session: Some(found.room().session(&found.session.id)),
            change: Some(convert::state_change(change)),
        });
        self.sessions().set_state(request).await?;
        Ok(())
    }

    /// Moves a session's signalling to another connection, under these labels.
    pub(crate) async fn reconnect(
        &self,
        room: &RoomRef,
        session: &SessionId,
        user: &UserId,
        previous: &ConnectionId,
        connection: &ConnectionId,
        labels: &SessionLabels,
    ) -> Result<()> {
        let request = self.request(v1::ReconnectRequest {
            request_id: self.request_id(),
            session: Some(room.session(session)),
            participant_id: user.to_string(),
            previous_connection_id: previous.to_string(),
            connection_id: connection.to_string(),
            labels: convert::session_labels(labels),
        });
        self.sessions().reconnect(request).await?;
        Ok(())
    }

    /// A signalling connection is gone; says how many sessions it carried.
    pub(crate) async fn detach(&self, connection: &ConnectionId) -> Result<u32> {
        let request = self.request(v1::DetachRequest {
            request_id: self.request_id(),
            connection_id: connection.to_string(),
        });
        Ok(self.sessions().detach(request).await?.into_inner().detached)
    }

    /// Sessions whose signals go to this connection.
    pub(crate) async fn find_by_connection(
        &self,
        connection: &ConnectionId,
    ) -> Result<Vec<FoundSession>> {
        self.find(v1::find_sessions_request::By::ConnectionId(
            connection.to_string(),
        ))
        .await
    }

    /// Sessions of a user.
    pub(crate) async fn find_by_user(&self, user: &UserId) -> Result<Vec<FoundSession>> {
        self.find(v1::find_sessions_request::By::ParticipantId(
            user.to_string(),
        ))
        .await
    }

    async fn find(&self, by: v1::find_sessions_request::By) -> Result<Vec<FoundSession>> {
        let request = self.request(v1::FindSessionsRequest { by: Some(by) });
        let answer = self.sessions().find_sessions(request).await?.into_inner();
        Ok(answer.sessions.into_iter().map(convert::found).collect())
    }

    /// Counters of one session.
    pub(crate) async fn session_stats(
        &self,
        call: &CallId,
        session: &SessionId,
    ) -> Result<SessionStats> {
        let request = self.request(v1::GetSessionStatsRequest {
            room_id: call.to_string(),
            session_id: session.to_string(),
        });
        let mut client = StatsClient::new(self.service.clone());
        let answer = client.get_session_stats(request).await?.into_inner();
        answer.stats.map(convert::stats).ok_or(MediaError::NotFound)
    }

    /// Counters of all sessions of a room.
    pub(crate) async fn room_stats(&self, call: &CallId) -> Result<Vec<SessionStats>> {
        let request = self.request(v1::GetRoomStatsRequest {
            room_id: call.to_string(),
        });
        let mut client = StatsClient::new(self.service.clone());
        let answer = client.get_room_stats(request).await?.into_inner();
        Ok(answer.sessions.into_iter().map(convert::stats).collect())
    }
}

impl FoundSession {
    /// Its room.
    pub(crate) fn room(&self) -> RoomRef {
        RoomRef {
            call_id: self.call_id.clone(),
            generation: self.generation,
        }
    }
}
