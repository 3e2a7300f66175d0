//! Service Rooms.

use parley_core::api::{Command, CommandError, Reply, RoomRef};
use parley_proto::v1::rooms_server::Rooms;
use parley_proto::v1::{
    ClearTimerRequest, ClearTimerResponse, EndRoomRequest, EndRoomResponse, GetRoomRequest,
    GetRoomResponse, ListRoomsRequest, ListRoomsResponse, OpenRoomRequest, OpenRoomResponse,
    SetTimerRequest, SetTimerResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::convert::{CommandOf, Proto, room_ref};
use super::{Services, errors};
use crate::core_client::{CallError, CoreClient};

impl<C: CoreClient> Services<C> {
    /// Runs the command of a mutating request once per request id, and makes the answer of its reply.
    pub(super) async fn once<R, T>(
        &self,
        method: &'static str,
        request_id: &str,
        request: R,
        answer: fn(Reply) -> Option<T>,
    ) -> Result<Response<T>, Status>
    where
        CommandOf: TryFrom<R, Error = super::convert::Malformed>,
        T: Clone + Send + Sync + 'static,
    {
        let CommandOf(command) = CommandOf::try_from(request)?;
        let services = self.clone();
        let call = async move {
            services.refuse_new_rooms(&command).await?;
            let reply = services.shared.core.command(command).await?;
            answer(reply).ok_or_else(errors::unexpected)
        };
        self.shared
            .dedup
            .run(method, request_id, call)
            .await
            .map(Response::new)
    }

    /// While the node drains, a room that is open already can still be "opened".
    async fn refuse_new_rooms(&self, command: &Command) -> Result<(), CallError> {
        let Command::OpenRoom { room, .. } = command else {
            return Ok(());
        };
        if !self.shared.node.is_draining() {
            return Ok(());
        }
        let get = Command::GetRoom {
            room: RoomRef {
                room: room.room.clone(),
                generation: 0,
            },
        };
        match self.shared.core.command(get).await {
            Ok(Reply::Room { room: open, .. }) if open.room == *room => Ok(()),
            _ => Err(CallError::Refused(CommandError::Draining)),
        }
    }

    /// Runs a command that changes nothing.
    pub(super) async fn read<T>(
        &self,
        command: Command,
        answer: fn(Reply) -> Option<T>,
    ) -> Result<Response<T>, Status> {
        let reply = self.shared.core.command(command).await?;
        answer(reply)
            .map(Response::new)
            .ok_or_else(errors::unexpected)
    }
}

#[async_trait]
impl<C: CoreClient> Rooms for Services<C> {
    async fn open_room(
        &self,
        request: Request<OpenRoomRequest>,
    ) -> Result<Response<OpenRoomResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("OpenRoom", &id, request, |reply| match reply {
            Reply::Room { room, created } => Some(OpenRoomResponse {
                room: Some(Proto(room).into()),
                created,
            }),
            _ => None,
        })
        .await
    }

    async fn end_room(
        &self,
        request: Request<EndRoomRequest>,
    ) -> Result<Response<EndRoomResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("EndRoom", &id, request, |reply| {
            matches!(reply, Reply::Done).then_some(EndRoomResponse {})
        })
        .await
    }

    async fn get_room(
        &self,
        request: Request<GetRoomRequest>,
    ) -> Result<Response<GetRoomResponse>, Status> {
        let room = room_ref(request.into_inner().room)?;
        self.read(Command::GetRoom { room }, |reply| match reply {
            Reply::Room { room, .. } => Some(GetRoomResponse {
                room: Some(Proto(room).into()),
            }),
            _ => None,
        })
        .await
    }

    async fn list_rooms(
        &self,
        _request: Request<ListRoomsRequest>,
    ) -> Result<Response<ListRoomsResponse>, Status> {
        self.read(Command::ListRooms, |reply| match reply {
            Reply::Rooms(rooms) => Some(ListRoomsResponse {
                rooms: rooms.into_iter().map(|room| Proto(room).into()).collect(),
            }),
            _ => None,
        })
        .await
    }

    async fn set_timer(
        &self,
        request: Request<SetTimerRequest>,
    ) -> Result<Response<SetTimerResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("SetTimer", &id, request, |reply| {
            matches!(reply, Reply::Done).then_some(SetTimerResponse {})
        })
        .await
    }

    async fn clear_timer(
        &self,
        request: Request<ClearTimerRequest>,
    ) -> Result<Response<ClearTimerResponse>, Status> {
        let request = request.into_inner();
        let id = request.request_id.clone();
        self.once("ClearTimer", &id, request, |reply| {
            matches!(reply, Reply::Done).then_some(ClearTimerResponse {})
        })
        .await
    }
}
