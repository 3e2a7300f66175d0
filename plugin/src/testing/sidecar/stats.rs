//! Service Stats.

use parley_proto::v1;
use tonic::{Request, Response, Status};

use super::{Answer, FakeSidecar};

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

/// 200 tracks with ever more bytes: more than fits in an answer; and 7 that nothing went through.
fn session_stats(session_id: &str, at_ms: i64) -> v1::SessionStats {
    let unused = (200..207).map(|i| v1::TrackStats {
        packets: 0,
        ..track(&i.to_string(), 0)
    });
    v1::SessionStats {
        session_id: session_id.to_owned(),
        at_ms,
        tracks: (0..200)
            .map(|i| track(&i.to_string(), i))
            .chain(unused)
            .collect(),
        ..v1::SessionStats::default()
    }
}

pub(super) fn track(mid: &str, bytes: u64) -> v1::TrackStats {
    v1::TrackStats {
        kind: "voice".to_owned(),
        direction: v1::TrackDirection::Down.into(),
        mid: mid.to_owned(),
        packets: 1,
        bytes,
        ..v1::TrackStats::default()
    }
}
