//! Services Info and Rooms.

use parley_proto::v1::{self, event::Kind};
use tonic::{Request, Response, Status};

use super::{Answer, FakeRoom, FakeSidecar};

#[tonic::async_trait]
impl v1::info_server::Info for FakeSidecar {
    async fn get_info(&self, _: Request<v1::GetInfoRequest>) -> Answer<v1::GetInfoResponse> {
        let start_id = self.state().start_id.clone();
        Ok(Response::new(v1::GetInfoResponse {
            start_id,
            ..Default::default()
        }))
    }
}

#[tonic::async_trait]
impl v1::rooms_server::Rooms for FakeSidecar {
    async fn open_room(&self, r: Request<v1::OpenRoomRequest>) -> Answer<v1::OpenRoomResponse> {
        let r = r.into_inner();
        let wanted = r.room.unwrap();
        let mut state = self.state();
        let present = state
            .rooms
            .get(&wanted.room_id)
            .map(|room| room.room.generation);
        let created = match present {
            Some(generation) if generation > wanted.generation => {
                return Err(Status::aborted("generation"));
            }
            Some(generation) if generation == wanted.generation => false,
            Some(_) => {
                state.end(
                    &wanted.room_id,
                    self.now_ms(),
                    v1::RoomEndReason::Replaced,
                    "",
                );
                true
            }
            None => true,
        };
        if created {
            let room = v1::Room {
                room_id: wanted.room_id.clone(),
                generation: wanted.generation,
                labels: r.labels,
                opened_at_ms: self.now_ms(),
                ..v1::Room::default()
            };
            let fake = FakeRoom {
                room: room.clone(),
                policy: r.policy.unwrap(),
                ..FakeRoom::default()
            };
            state.rooms.insert(wanted.room_id.clone(), fake);
            let opened = Kind::RoomOpened(v1::RoomOpened { room: Some(room) });
            state.emit(&wanted.room_id, self.now_ms(), opened);
        }
        let room = state.rooms[&wanted.room_id].room.clone();
        Ok(Response::new(v1::OpenRoomResponse {
            room: Some(room),
            created,
        }))
    }

    async fn end_room(&self, r: Request<v1::EndRoomRequest>) -> Answer<v1::EndRoomResponse> {
        let r = r.into_inner();
        let room = r.room.clone().unwrap();
        let mut state = self.state();
        // An unknown one is success.
        if state.rooms.contains_key(&room.room_id) {
            state.room(&room.room_id, room.generation)?;
            state.end(&room.room_id, self.now_ms(), r.reason(), &r.actor_id);
        }
        Ok(Response::new(Default::default()))
    }

    async fn get_room(&self, r: Request<v1::GetRoomRequest>) -> Answer<v1::GetRoomResponse> {
        let wanted = r.into_inner().room.unwrap();
        let mut state = self.state();
        let room = state.room(&wanted.room_id, wanted.generation)?.room.clone();
        Ok(Response::new(v1::GetRoomResponse { room: Some(room) }))
    }

    async fn list_rooms(&self, _: Request<v1::ListRoomsRequest>) -> Answer<v1::ListRoomsResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn set_timer(&self, r: Request<v1::SetTimerRequest>) -> Answer<v1::SetTimerResponse> {
        let r = r.into_inner();
        let wanted = r.room.unwrap();
        let mut state = self.state();
        state
            .room(&wanted.room_id, wanted.generation)?
            .timers
            .insert(r.name, r.after_ms);
        Ok(Response::new(Default::default()))
    }

    async fn clear_timer(
        &self,
        _: Request<v1::ClearTimerRequest>,
    ) -> Answer<v1::ClearTimerResponse> {
        Ok(Response::new(Default::default()))
    }
}
