//! Service Sessions.

use parley_core::api::Reply;
use parley_proto::v1::sessions_server::Sessions;
use parley_proto::v1::{
    DetachRequest, DetachResponse, FindSessionsRequest, FindSessionsResponse, JoinRequest,
    JoinResponse, LeaveRequest, LeaveResponse, ReconnectRequest, ReconnectResponse,
    SetStateRequest, SetStateResponse, SignalRequest, SignalResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::Services;
use super::convert::{CommandOf, Proto};
use crate::core_client::CoreClient;

#[async_trait]
impl<C: CoreClient> Sessions for Services<C> {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("Join", &id, request, |reply| match reply {
            Reply::Session { session, created } => Some(JoinResponse {
                session: Some(Proto(session).into()),
                created,
            }),
            _ => None,
        })
        .await
    }

    async fn signal(
        &self,
        request: Request<SignalRequest>,
    ) -> Result<Response<SignalResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("Signal", &id, request, |reply| {
            matches!(reply, Reply::Done).then_some(SignalResponse {})
        })
        .await
    }

    async fn leave(
        &self,
        request: Request<LeaveRequest>,
    ) -> Result<Response<LeaveResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("Leave", &id, request, |reply| match reply {
            Reply::Count(left) => Some(LeaveResponse { left }),
            _ => None,
        })
        .await
    }

    async fn set_state(
        &self,
        request: Request<SetStateRequest>,
    ) -> Result<Response<SetStateResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("SetState", &id, request, |reply| match reply {
            Reply::Session { session, created } => Some(SetStateResponse {
                changed: created,
                session: Some(Proto(session).into()),
            }),
            _ => None,
        })
        .await
    }

    async fn reconnect(
        &self,
        request: Request<ReconnectRequest>,
    ) -> Result<Response<ReconnectResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("Reconnect", &id, request, |reply| match reply {
            Reply::Session { session, .. } => Some(ReconnectResponse {
                session: Some(Proto(session).into()),
            }),
            _ => None,
        })
        .await
    }

    async fn detach(
        &self,
        request: Request<DetachRequest>,
    ) -> Result<Response<DetachResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("Detach", &id, request, |reply| match reply {
            Reply::Count(detached) => Some(DetachResponse { detached }),
            _ => None,
        })
        .await
    }

    async fn find_sessions(
        &self,
        request: Request<FindSessionsRequest>,
    ) -> Result<Response<FindSessionsResponse>, Status> {
        let CommandOf(command) = CommandOf::try_from(request.into_inner())?;
        self.read(command, |reply| match reply {
            Reply::Found(found) => Some(FindSessionsResponse {
                sessions: found.into_iter().map(|one| Proto(one).into()).collect(),
            }),
            _ => None,
        })
        .await
    }
}
