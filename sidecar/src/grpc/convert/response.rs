//! Views, counters and events -> messages.

use parley_core::api::{
    Capabilities, EventKind, FoundSession, Labels, LeaveReason, MediaState, ParticipantId,
    RoomEndReason, RoomEvent, RoomView, SessionField, SessionId, SessionStats, SessionView,
    TrackStats, VideoDown,
};
use parley_proto::v1;

use crate::watch::ToHost;

/// Unix milliseconds as the wire has them.
pub(super) fn unix(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn labels(labels: Labels) -> std::collections::HashMap<String, String> {
    labels.into_iter().collect()
}

fn participants(ids: Vec<ParticipantId>) -> Vec<String> {
    ids.into_iter().map(|id| id.0).collect()
}

/// Wraps a core type: both it and the message are foreign here.
pub(in crate::grpc) struct Proto<T>(pub(in crate::grpc) T);

impl From<Proto<RoomView>> for v1::Room {
    fn from(Proto(view): Proto<RoomView>) -> Self {
        Self {
            room_id: view.room.room.0,
            generation: view.room.generation,
            labels: labels(view.labels),
            opened_at_ms: unix(view.opened_at_ms),
            sessions: view.sessions.into_iter().map(|s| Proto(s).into()).collect(),
            screen_session_id: view.screen.map(|SessionId(id)| id).unwrap_or_default(),
            participants_ever: participants(view.participants_ever),
            recording: view.recording.map(|view| Proto(view).into()),
        }
    }
}

impl From<Proto<SessionView>> for v1::Session {
    fn from(Proto(view): Proto<SessionView>) -> Self {
        let media = match view.media {
            MediaState::Connecting => v1::MediaState::Connecting,
            MediaState::Connected => v1::MediaState::Connected,
            MediaState::Reconnecting => v1::MediaState::Reconnecting,
        };
        Self {
            session_id: view.session.0,
            participant_id: view.participant.0,
            connection_id: view.connection.0,
            labels: labels(view.labels),
            joined_at_ms: unix(view.joined_at_ms),
            unmuted: view.unmuted,
            hand_raised_at_ms: unix(view.hand_raised_at_ms),
            screen: view.screen,
            video: view.video,
            voice: view.voice,
            media: media.into(),
            detached_at_ms: unix(view.detached_at_ms),
            capabilities: Some(Proto(view.capabilities).into()),
        }
    }
}

impl From<Proto<Capabilities>> for v1::Capabilities {
    fn from(Proto(capabilities): Proto<Capabilities>) -> Self {
        let video_down = match capabilities.video_down {
            VideoDown::None => v1::VideoDown::None,
            VideoDown::OnDemand => v1::VideoDown::OnDemand,
            VideoDown::Slots => v1::VideoDown::Slots,
        };
        Self {
            dc_signaling: capabilities.dc_signaling,
            av1: capabilities.av1,
            slots_v1: capabilities.slots_v1,
            video_down: video_down.into(),
            max_audio_slots: capabilities.max_audio_slots.into(),
            needs_audio_level: capabilities.needs_audio_level,
        }
    }
}

impl From<Proto<FoundSession>> for v1::FoundSession {
    fn from(Proto(found): Proto<FoundSession>) -> Self {
        Self {
            room_id: found.room.room.0,
            generation: found.room.generation,
            room_labels: labels(found.room_labels),
            session: Some(Proto(found.session).into()),
        }
    }
}

impl From<Proto<SessionStats>> for v1::SessionStats {
    fn from(Proto(stats): Proto<SessionStats>) -> Self {
        Self {
            session_id: stats.session,
            participant_id: stats.participant,
            at_ms: unix(stats.at_ms),
            duration_ms: stats.duration_ms,
            rtt_ms: stats.rtt_ms,
            estimate_bps: stats.estimate_bps,
            tracks: stats.tracks.into_iter().map(|t| Proto(t).into()).collect(),
            drops: stats
                .drops
                .into_iter()
                .map(|(cause, n)| (cause.to_owned(), n))
                .collect(),
            client_loss: stats.client_loss,
            client_jitter_s: stats.client_jitter_s,
            client_rtt_s: stats.client_rtt_s,
        }
    }
}

impl From<Proto<TrackStats>> for v1::TrackStats {
    fn from(Proto(track): Proto<TrackStats>) -> Self {
        let direction = if track.up {
            v1::TrackDirection::Up
        } else {
            v1::TrackDirection::Down
        };
        Self {
            kind: track.kind.to_owned(),
            direction: direction.into(),
            mid: track.mid,
            rid: track.rid,
            ssrc: track.ssrc,
            packets: track.packets,
            bytes: track.bytes,
            packets_lost: track.packets_lost,
            jitter_ms: track.jitter_ms,
            nacks: track.nacks,
            plis: track.plis,
            retransmitted: track.retransmitted,
            bitrate_bps: track.bitrate_bps,
            source_session_id: track.source_session,
        }
    }
}

fn leave_reason(reason: LeaveReason) -> v1::LeaveReason {
    match reason {
        LeaveReason::Left => v1::LeaveReason::Left,
        LeaveReason::Removed => v1::LeaveReason::Removed,
        LeaveReason::Forbidden => v1::LeaveReason::Forbidden,
        LeaveReason::SignallingLost => v1::LeaveReason::SignallingLost,
        LeaveReason::MediaLost => v1::LeaveReason::MediaLost,
        LeaveReason::NoMedia => v1::LeaveReason::NoMedia,
        LeaveReason::RoomEnded => v1::LeaveReason::RoomEnded,
        LeaveReason::Protocol => v1::LeaveReason::Protocol,
        LeaveReason::Internal => v1::LeaveReason::Internal,
    }
}

fn end_reason(reason: RoomEndReason) -> v1::RoomEndReason {
    match reason {
        RoomEndReason::Ended => v1::RoomEndReason::Ended,
        RoomEndReason::Empty => v1::RoomEndReason::Empty,
        RoomEndReason::NobodyJoined => v1::RoomEndReason::NobodyJoined,
        RoomEndReason::Alone => v1::RoomEndReason::Alone,
        RoomEndReason::Replaced => v1::RoomEndReason::Replaced,
        RoomEndReason::Shutdown => v1::RoomEndReason::Shutdown,
        RoomEndReason::Internal => v1::RoomEndReason::Internal,
    }
}

fn session_field(field: SessionField) -> v1::SessionField {
    match field {
        SessionField::Unmuted => v1::SessionField::Unmuted,
        SessionField::Hand => v1::SessionField::Hand,
        SessionField::Screen => v1::SessionField::Screen,
        SessionField::Video => v1::SessionField::Video,
    }
}

fn session(view: SessionView) -> Option<v1::Session> {
    Some(Proto(view).into())
}

impl From<Proto<EventKind>> for v1::event::Kind {
    fn from(Proto(kind): Proto<EventKind>) -> Self {
        match kind {
            EventKind::RoomOpened(room) => Self::RoomOpened(v1::RoomOpened {
                room: Some(Proto(room).into()),
            }),
            EventKind::RoomEnded {
                reason,
                actor,
                opened_at_ms,
                participants_ever,
            } => Self::RoomEnded(v1::RoomEnded {
                reason: end_reason(reason).into(),
                actor_id: actor.map(|id| id.0).unwrap_or_default(),
                opened_at_ms: unix(opened_at_ms),
                participants_ever: participants(participants_ever),
            }),
            EventKind::SessionJoined {
                session: view,
                first,
                replaced,
            } => Self::SessionJoined(v1::SessionJoined {
                session: session(view),
                first,
                replaced,
            }),
            EventKind::SessionLeft {
                session: view,
                reason,
                stats,
                remaining,
            } => Self::SessionLeft(v1::SessionLeft {
                session: session(view.clone()),
                reason: leave_reason(reason).into(),
                r#final: Some(v1::SessionWithStats {
                    session: session(view),
                    stats: Some(Proto(stats).into()),
                }),
                remaining,
            }),
            EventKind::SessionChanged {
                session: view,
                field,
            } => Self::SessionChanged(v1::SessionChanged {
                session: session(view),
                field: session_field(field).into(),
            }),
            EventKind::MediaChanged { session: view } => Self::MediaChanged(v1::MediaChanged {
                session: session(view),
            }),
            EventKind::VoiceChanged {
                session,
                participant,
                on,
            } => Self::VoiceChanged(v1::VoiceChanged {
                session_id: session.0,
                participant_id: participant.0,
                on,
            }),
            EventKind::Signal {
                session,
                participant,
                connection,
                json,
            } => Self::Signal(v1::Signal {
                session_id: session.0,
                participant_id: participant.0,
                connection_id: connection.0,
                json,
            }),
            EventKind::TimerFired { name, payload } => {
                Self::TimerFired(v1::TimerFired { name, payload })
            }
            EventKind::AloneNotice {
                session: view,
                ends_in,
            } => Self::AloneNotice(v1::AloneNotice {
                session: session(view),
                ends_in_ms: millis(ends_in),
            }),
            EventKind::RecordingChanged(view) => Self::RecordingChanged(v1::RecordingChanged {
                recording: Some(Proto(view).into()),
            }),
            EventKind::RecordingReminder { recording, ends_in } => {
                Self::RecordingReminder(v1::RecordingReminder {
                    recording: Some(Proto(recording).into()),
                    ends_in_ms: millis(ends_in),
                })
            }
        }
    }
}

impl From<Proto<RoomEvent>> for v1::Event {
    fn from(Proto(event): Proto<RoomEvent>) -> Self {
        Self {
            room_id: event.room.room.0,
            generation: event.room.generation,
            seq: event.seq,
            at_ms: unix(event.at_ms),
            room_labels: labels(event.room_labels),
            kind: Some(Proto(event.kind).into()),
        }
    }
}

/// What the hub says, as a message of the stream.
pub(in crate::grpc) fn event(message: ToHost) -> v1::WatchResponse {
    use v1::watch_response::Message;
    let message = match message {
        ToHost::Event(event) => Message::Event(Proto((*event).clone()).into()),
        ToHost::Snapshot(snapshot) => Message::Event(v1::Event {
            room_id: snapshot.view.room.room.0.clone(),
            generation: snapshot.view.room.generation,
            seq: snapshot.seq,
            at_ms: unix(snapshot.at_ms),
            room_labels: labels(snapshot.view.labels.clone()),
            kind: Some(v1::event::Kind::Snapshot(v1::Snapshot {
                room: Some(Proto(snapshot.view.clone()).into()),
            })),
        }),
        ToHost::Ping(nonce) => Message::Ping(v1::Ping { nonce }),
        ToHost::Ready => Message::Ready(v1::Ready {}),
    };
    v1::WatchResponse {
        message: Some(message),
    }
}
