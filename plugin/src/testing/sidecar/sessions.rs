//! Service Sessions.

use parley_proto::v1::{self, event::Kind};
use tonic::{Request, Response, Status};

use super::{Answer, FakeSidecar};

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
                session.detached_at_ms = 0;
                session.labels = r.labels;
                (session.clone(), false, false)
            }
            Some(_) => return Err(Status::already_exists("session")),
            None => {
                if room.policy.max_sessions > 0 && sessions.len() as u32 >= room.policy.max_sessions
                {
                    return Err(Status::resource_exhausted("max_sessions"));
                }
                let own_max = room.policy.max_sessions_per_participant as usize;
                let own = sessions
                    .iter()
                    .filter(|s| s.participant_id == r.participant_id);
                if own_max > 0 && own.count() >= own_max {
                    return Err(Status::resource_exhausted("max_sessions_per_participant"));
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
        session.detached_at_ms = 0;
        if !r.labels.is_empty() {
            session.labels = r.labels;
        }
        Ok(Response::new(v1::ReconnectResponse {
            session: Some(session.clone()),
        }))
    }

    async fn detach(&self, r: Request<v1::DetachRequest>) -> Answer<v1::DetachResponse> {
        let connection = r.into_inner().connection_id;
        let now_ms = self.now_ms();
        let mut state = self.state();
        let sessions = state
            .rooms
            .values_mut()
            .flat_map(|room| room.room.sessions.iter_mut());
        let mut detached = 0;
        for session in sessions.filter(|session| session.connection_id == connection) {
            session.detached_at_ms = now_ms;
            detached += 1;
        }
        state.detached.push(connection);
        Ok(Response::new(v1::DetachResponse { detached }))
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
