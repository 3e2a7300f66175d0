//! Service Stats.

use parley_core::api::{Command, Reply, RoomId, SessionId};
use parley_proto::v1::stats_server::Stats;
use parley_proto::v1::{
    GetRoomStatsRequest, GetRoomStatsResponse, GetSessionStatsRequest, GetSessionStatsResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::Services;
use super::convert::Proto;
use crate::core_client::CoreClient;

#[async_trait]
impl<C: CoreClient> Stats for Services<C> {
    async fn get_session_stats(
        &self,
        request: Request<GetSessionStatsRequest>,
    ) -> Result<Response<GetSessionStatsResponse>, Status> {
        let request = request.into_inner();
        let command = Command::SessionStats {
            room: RoomId(request.room_id),
            session: SessionId(request.session_id),
        };
        self.read(command, |reply| match reply {
            Reply::Stats(stats) => stats.into_iter().next().map(|one| GetSessionStatsResponse {
                stats: Some(Proto(one).into()),
            }),
            _ => None,
        })
        .await
    }

    async fn get_room_stats(
        &self,
        request: Request<GetRoomStatsRequest>,
    ) -> Result<Response<GetRoomStatsResponse>, Status> {
        let command = Command::RoomStats {
            room: RoomId(request.into_inner().room_id),
        };
        self.read(command, |reply| match reply {
            Reply::Stats(stats) => Some(GetRoomStatsResponse {
                sessions: stats.into_iter().map(|one| Proto(one).into()).collect(),
            }),
            _ => None,
        })
        .await
    }
}
