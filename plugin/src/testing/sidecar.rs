//! A media server in memory: the rules of the proto files about rooms and sessions, without media.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use parley_proto::v1::{self, event::Kind};
use prost::Message;
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower::Service;

use crate::media::BoxError;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) start_id: String,
    pub(crate) unreachable: bool,
    pub(crate) rooms: BTreeMap<String, FakeRoom>,
    events: VecDeque<v1::Event>,
    /// Signals as they came.
    pub(crate) signals: Vec<v1::SignalRequest>,
    pub(crate) detached: Vec<String>,
    pub(crate) calls: u64,
}

#[derive(Default, Clone)]
pub(crate) struct FakeRoom {
    pub(crate) room: v1::Room,
    pub(crate) policy: v1::RoomPolicy,
    pub(crate) timers: BTreeMap<String, u64>,
    seq: u64,
}

/// See the module; clones are the same server.
#[derive(Clone)]
pub(crate) struct FakeSidecar {
    state: Arc<Mutex<State>>,
    clock: Arc<AtomicI64>,
}

impl FakeSidecar {
    pub(crate) fn new(clock: Arc<AtomicI64>) -> Self {
        let state = State {
            start_id: "start1".to_owned(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Killed and started again: nothing is left but another start id.
    pub(crate) fn restart(&self, start_id: &str) {
        *self.state() = State {
            start_id: start_id.to_owned(),
            ..State::default()
        };
    }

    pub(crate) fn next_event(&self) -> Option<Vec<u8>> {
        self.state()
            .events
            .pop_front()
            .map(|event| event.encode_to_vec())
    }

    /// The only room there is.
    pub(crate) fn only_room(&self) -> FakeRoom {
        let state = self.state();
        assert_eq!(state.rooms.len(), 1);
        state.rooms.values().next().unwrap().clone()
    }

    pub(crate) fn sessions(&self) -> Vec<String> {
        let state = self.state();
        let sessions = state.rooms.values().flat_map(|room| &room.room.sessions);
        sessions.map(|session| session.session_id.clone()).collect()
    }

    pub(crate) fn emit(&self, room_id: &str, kind: Kind) {
        let now_ms = self.now_ms();
        self.state().emit(room_id, now_ms, kind);
    }

    pub(crate) fn end(&self, room_id: &str, reason: v1::RoomEndReason) {
        let now_ms = self.now_ms();
        self.state().end(room_id, now_ms, reason, "");
    }

    pub(crate) fn remove(&self, room_id: &str, session: &str, reason: v1::LeaveReason) {
        let now_ms = self.now_ms();
        self.state()
            .remove(room_id, now_ms, |s| s.session_id == session, reason);
    }

    fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }
}

impl State {
    fn emit(&mut self, room_id: &str, at_ms: i64, kind: Kind) {
        let Some(room) = self.rooms.get_mut(room_id) else {
            return;
        };
        room.seq += 1;
        self.events.push_back(v1::Event {
            room_id: room_id.to_owned(),
            generation: room.room.generation,
            seq: room.seq,
            at_ms,
            room_labels: room.room.labels.clone(),
            kind: Some(kind),
        });
    }

    fn end(&mut self, room_id: &str, now_ms: i64, reason: v1::RoomEndReason, actor: &str) {
        self.remove(room_id, now_ms, |_| true, v1::LeaveReason::RoomEnded);
        let Some(room) = self.rooms.get(room_id) else {
            return;
        };
        let ended = v1::RoomEnded {
            reason: reason.into(),
            actor_id: actor.to_owned(),
            opened_at_ms: room.room.opened_at_ms,
            participants_ever: room.room.participants_ever.clone(),
        };
        self.emit(room_id, now_ms, Kind::RoomEnded(ended));
        self.rooms.remove(room_id);
    }

    fn remove(
        &mut self,
        room_id: &str,
        now_ms: i64,
        who: impl Fn(&v1::Session) -> bool,
        reason: v1::LeaveReason,
    ) -> u32 {
        let mut left = 0;
        while let Some(room) = self.rooms.get_mut(room_id)
            && let Some(at) = room.room.sessions.iter().position(&who)
        {
            let session = room.room.sessions.remove(at);
            if room.room.screen_session_id == session.session_id {
                room.room.screen_session_id.clear();
            }
            let remaining = room.room.sessions.len() as u32;
            left += 1;
            let stats = v1::SessionStats {
                session_id: session.session_id.clone(),
                participant_id: session.participant_id.clone(),
                at_ms: now_ms,
                duration_ms: (now_ms - session.joined_at_ms) as u64,
                tracks: vec![track("0", 10)],
                ..v1::SessionStats::default()
            };
            let kind = Kind::SessionLeft(v1::SessionLeft {
                session: Some(session),
                reason: reason.into(),
                r#final: Some(v1::SessionWithStats {
                    session: None,
                    stats: Some(stats),
                }),
                remaining,
            });
            self.emit(room_id, now_ms, kind);
        }
        left
    }

    fn empty(&mut self, room_id: &str, now_ms: i64) {
        if self
            .rooms
            .get(room_id)
            .is_some_and(|room| room.room.sessions.is_empty())
        {
            self.end(room_id, now_ms, v1::RoomEndReason::Empty, "");
        }
    }

    fn room(&mut self, room_id: &str, generation: u64) -> Result<&mut FakeRoom, Status> {
        let room = self
            .rooms
            .get_mut(room_id)
            .ok_or_else(|| Status::not_found("room"))?;
        if generation != 0 && generation < room.room.generation {
            return Err(Status::aborted("generation"));
        }
        Ok(room)
    }
}

pub(crate) fn track(mid: &str, bytes: u64) -> v1::TrackStats {
    v1::TrackStats {
        kind: "voice".to_owned(),
        direction: v1::TrackDirection::Down.into(),
        mid: mid.to_owned(),
        bytes,
        ..v1::TrackStats::default()
    }
}

type Answer<T> = Result<Response<T>, Status>;

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
        self.state()
            .end(&room.room_id, self.now_ms(), r.reason(), &r.actor_id);
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

#[tonic::async_trait]
impl v1::sessions_server::Sessions for FakeSidecar {
    async fn join(&self, r: Request<v1::JoinRequest>) -> Answer<v1::JoinResponse> {
        let r = r.into_inner();
        let wanted = r.session.unwrap();
        let now_ms = self.now_ms();
        let mut state = self.state();
        let room = state.room(&wanted.room_id, wanted.generation)?;
        let sessions = &mut room.room.sessions;
        let present = sessions
            .iter_mut()
            .find(|s| s.session_id == wanted.session_id);
        let (session, created, first) = match present {
            Some(session) if session.participant_id != r.participant_id => {
                return Err(Status::permission_denied("session"));
            }
            Some(session) if r.replaces_session => {
                session.connection_id = r.connection_id;
                session.labels = r.labels;
                (session.clone(), false, false)
            }
            Some(_) => return Err(Status::already_exists("session")),
            None => {
                if room.policy.max_sessions > 0 && sessions.len() as u32 >= room.policy.max_sessions
                {
                    return Err(Status::resource_exhausted("max_sessions"));
                }
                let session = v1::Session {
                    session_id: wanted.session_id,
                    participant_id: r.participant_id.clone(),
                    connection_id: r.connection_id,
                    labels: r.labels,
                    joined_at_ms: now_ms,
                    unmuted: r.unmuted,
                    media: v1::MediaState::Connecting.into(),
                    capabilities: r.capabilities,
                    ..v1::Session::default()
                };
                sessions.push(session.clone());
                let first = room.room.participants_ever.is_empty();
                if !room.room.participants_ever.contains(&r.participant_id) {
                    room.room.participants_ever.push(r.participant_id);
                }
                (session, true, first)
            }
        };
        let joined = v1::SessionJoined {
            session: Some(session.clone()),
            first,
            replaced: !created,
        };
        state.emit(&wanted.room_id, now_ms, Kind::SessionJoined(joined));
        Ok(Response::new(v1::JoinResponse {
            session: Some(session),
            created,
        }))
    }

    async fn signal(&self, r: Request<v1::SignalRequest>) -> Answer<v1::SignalResponse> {
        self.state().signals.push(r.into_inner());
        Ok(Response::new(Default::default()))
    }

    async fn leave(&self, r: Request<v1::LeaveRequest>) -> Answer<v1::LeaveResponse> {
        let r = r.into_inner();
        let mut state = self.state();
        state.room(&r.room_id, r.generation)?;
        let reason = r.reason();
        let left = match r.who.unwrap() {
            v1::leave_request::Who::SessionId(id) => {
                state.remove(&r.room_id, self.now_ms(), |s| s.session_id == id, reason)
            }
            v1::leave_request::Who::ParticipantId(id) => state.remove(
                &r.room_id,
                self.now_ms(),
                |s| s.participant_id == id,
                reason,
            ),
        };
        state.empty(&r.room_id, self.now_ms());
        Ok(Response::new(v1::LeaveResponse { left }))
    }

    async fn set_state(&self, r: Request<v1::SetStateRequest>) -> Answer<v1::SetStateResponse> {
        use v1::set_state_request::Change;
        let r = r.into_inner();
        let wanted = r.session.unwrap();
        let now_ms = self.now_ms();
        let mut state = self.state();
        let room = &mut state.room(&wanted.room_id, wanted.generation)?.room;
        let taken =
            !room.screen_session_id.is_empty() && room.screen_session_id != wanted.session_id;
        let session = room
            .sessions
            .iter_mut()
            .find(|s| s.session_id == wanted.session_id)
            .ok_or_else(|| Status::not_found("session"))?;
        let before = session.clone();
        let field = match r.change.unwrap() {
            Change::Unmuted(on) => {
                session.unmuted = on;
                v1::SessionField::Unmuted
            }
            Change::HandRaised(on) => {
                session.hand_raised_at_ms = if on { now_ms } else { 0 };
                v1::SessionField::Hand
            }
            Change::Screen(publication) => {
                if publication.on && taken {
                    return Err(Status::failed_precondition("screen"));
                }
                session.screen = publication.on;
                room.screen_session_id = if publication.on {
                    wanted.session_id.clone()
                } else {
                    String::new()
                };
                v1::SessionField::Screen
            }
            Change::Video(publication) => {
                session.video = publication.on;
                v1::SessionField::Video
            }
        };
        let session = session.clone();
        let changed = session != before;
        if changed {
            let kind = Kind::SessionChanged(v1::SessionChanged {
                session: Some(session.clone()),
                field: field.into(),
            });
            state.emit(&wanted.room_id, now_ms, kind);
        }
        Ok(Response::new(v1::SetStateResponse {
            changed,
            session: Some(session),
        }))
    }

    async fn reconnect(&self, r: Request<v1::ReconnectRequest>) -> Answer<v1::ReconnectResponse> {
        let r = r.into_inner();
        let wanted = r.session.unwrap();
        let mut state = self.state();
        let room = state.room(&wanted.room_id, wanted.generation)?;
        let session = room
            .room
            .sessions
            .iter_mut()
            .find(|s| s.session_id == wanted.session_id)
            .ok_or_else(|| Status::not_found("session"))?;
        if session.participant_id != r.participant_id {
            return Err(Status::permission_denied("session"));
        }
        if session.connection_id != r.previous_connection_id {
            return Err(Status::aborted("connection"));
        }
        session.connection_id = r.connection_id;
        Ok(Response::new(v1::ReconnectResponse {
            session: Some(session.clone()),
        }))
    }

    async fn detach(&self, r: Request<v1::DetachRequest>) -> Answer<v1::DetachResponse> {
        self.state().detached.push(r.into_inner().connection_id);
        Ok(Response::new(Default::default()))
    }

    async fn find_sessions(
        &self,
        r: Request<v1::FindSessionsRequest>,
    ) -> Answer<v1::FindSessionsResponse> {
        use v1::find_sessions_request::By;
        let by = r.into_inner().by.unwrap();
        let hit = |session: &v1::Session| match &by {
            By::ParticipantId(id) => session.participant_id == *id,
            By::ConnectionId(id) => session.connection_id == *id,
        };
        let state = self.state();
        let found = state.rooms.values().flat_map(|room| {
            room.room
                .sessions
                .iter()
                .filter(|s| hit(s))
                .map(|session| v1::FoundSession {
                    room_id: room.room.room_id.clone(),
                    generation: room.room.generation,
                    room_labels: room.room.labels.clone(),
                    session: Some(session.clone()),
                })
        });
        Ok(Response::new(v1::FindSessionsResponse {
            sessions: found.collect(),
        }))
    }
}

#[tonic::async_trait]
impl v1::stats_server::Stats for FakeSidecar {
    async fn get_session_stats(
        &self,
        r: Request<v1::GetSessionStatsRequest>,
    ) -> Answer<v1::GetSessionStatsResponse> {
        let r = r.into_inner();
        let mut state = self.state();
        let room = state.room(&r.room_id, 0)?;
        if !room
            .room
            .sessions
            .iter()
            .any(|s| s.session_id == r.session_id)
        {
            return Err(Status::not_found("session"));
        }
        let stats = session_stats(&r.session_id, self.now_ms());
        Ok(Response::new(v1::GetSessionStatsResponse {
            stats: Some(stats),
        }))
    }

    async fn get_room_stats(
        &self,
        r: Request<v1::GetRoomStatsRequest>,
    ) -> Answer<v1::GetRoomStatsResponse> {
        let mut state = self.state();
        let room = state.room(&r.into_inner().room_id, 0)?;
        let sessions = room
            .room
            .sessions
            .iter()
            .map(|s| session_stats(&s.session_id, self.now_ms()));
        Ok(Response::new(v1::GetRoomStatsResponse {
            sessions: sessions.collect(),
        }))
    }
}

/// 200 tracks with ever more bytes: more than fits in an answer.
fn session_stats(session_id: &str, at_ms: i64) -> v1::SessionStats {
    v1::SessionStats {
        session_id: session_id.to_owned(),
        at_ms,
        tracks: (0..200).map(|i| track(&i.to_string(), i)).collect(),
        ..v1::SessionStats::default()
    }
}

impl Service<http::Request<Body>> for FakeSidecar {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<http::Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fake = self.clone();
        {
            let mut state = self.state();
            state.calls += 1;
            if state.unreachable {
                let status = Status::unavailable("no sidecar");
                return Box::pin(async move { Ok(status.into_http()) });
            }
        }
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let service = path
                .trim_start_matches('/')
                .split('/')
                .next()
                .unwrap_or_default();
            let answer = match service {
                "parley.media.v1.Info" => {
                    v1::info_server::InfoServer::new(fake).call(request).await
                }
                "parley.media.v1.Rooms" => {
                    v1::rooms_server::RoomsServer::new(fake).call(request).await
                }
                "parley.media.v1.Sessions" => {
                    v1::sessions_server::SessionsServer::new(fake)
                        .call(request)
                        .await
                }
                "parley.media.v1.Stats" => {
                    v1::stats_server::StatsServer::new(fake).call(request).await
                }
                _ => Ok(Status::unimplemented(path).into_http()),
            };
            Ok(answer.unwrap_or_else(|never| match never {}))
        })
    }
}
