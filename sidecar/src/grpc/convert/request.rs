//! Requests -> commands.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parley_core::api::{
    Capabilities, Command, ConnectionId, FindBy, Join, Labels, LeaveReason, ParticipantId,
    RoomEndReason, RoomId, RoomPolicy, RoomRef, SessionId, SessionRef, SignalIn, StateChange,
    VideoDown, Who,
};
use parley_proto::v1;

use super::{Malformed, required};

/// A duration in milliseconds where 0 means "off".
fn timer(ms: u32) -> Option<Duration> {
    (ms > 0).then(|| millis(u64::from(ms)))
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn labels(labels: HashMap<String, String>) -> Labels {
    labels.into_iter().collect::<BTreeMap<_, _>>()
}

/// An id that may be left out.
pub(super) fn optional(id: String) -> Option<String> {
    (!id.is_empty()).then_some(id)
}

pub(in crate::grpc) fn room_ref(room: Option<v1::RoomRef>) -> Result<RoomRef, Malformed> {
    let room = required(room, "room")?;
    Ok(RoomRef {
        room: RoomId(room.room_id),
        generation: room.generation,
    })
}

fn session_ref(session: Option<v1::SessionRef>) -> Result<SessionRef, Malformed> {
    let session = required(session, "session")?;
    Ok(SessionRef {
        room: RoomRef {
            room: RoomId(session.room_id),
            generation: session.generation,
        },
        session: SessionId(session.session_id),
    })
}

fn policy(policy: Option<v1::RoomPolicy>) -> RoomPolicy {
    let policy = policy.unwrap_or_default();
    RoomPolicy {
        first_session_timeout: timer(policy.first_session_timeout_ms),
        end_when_empty: policy.end_when_empty,
        alone_timeout: timer(policy.alone_timeout_ms),
        alone_notice: timer(policy.alone_notice_ms),
        media_timeout: timer(policy.media_timeout_ms),
        disconnect_timeout: timer(policy.disconnect_timeout_ms),
        max_sessions: policy.max_sessions,
        max_sessions_per_participant: policy.max_sessions_per_participant,
    }
}

fn capabilities(capabilities: Option<v1::Capabilities>) -> Capabilities {
    let proto = capabilities.unwrap_or_default();
    Capabilities {
        dc_signaling: proto.dc_signaling,
        av1: proto.av1,
        slots_v1: proto.slots_v1,
        video_down: match proto.video_down() {
            v1::VideoDown::OnDemand => VideoDown::OnDemand,
            v1::VideoDown::Slots => VideoDown::Slots,
            v1::VideoDown::None | v1::VideoDown::Unspecified => VideoDown::None,
        },
        // More than a u8 holds is more than the most there are.
        max_audio_slots: u8::try_from(proto.max_audio_slots).unwrap_or(u8::MAX),
        needs_audio_level: proto.needs_audio_level,
    }
}

impl TryFrom<v1::OpenRoomRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::OpenRoomRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::OpenRoom {
            room: room_ref(request.room)?,
            policy: policy(request.policy),
            labels: labels(request.labels),
        }))
    }
}

/// The command that a request stands for.
pub(in crate::grpc) struct CommandOf(pub(in crate::grpc) Command);

impl TryFrom<v1::EndRoomRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::EndRoomRequest) -> Result<Self, Malformed> {
        let reason = match request.reason() {
            v1::RoomEndReason::Empty => RoomEndReason::Empty,
            v1::RoomEndReason::NobodyJoined => RoomEndReason::NobodyJoined,
            v1::RoomEndReason::Alone => RoomEndReason::Alone,
            v1::RoomEndReason::Replaced => RoomEndReason::Replaced,
            v1::RoomEndReason::Shutdown => RoomEndReason::Shutdown,
            v1::RoomEndReason::Internal => RoomEndReason::Internal,
            v1::RoomEndReason::Ended | v1::RoomEndReason::Unspecified => RoomEndReason::Ended,
        };
        Ok(Self(Command::EndRoom {
            room: room_ref(request.room)?,
            actor: optional(request.actor_id).map(ParticipantId),
            reason,
        }))
    }
}

impl TryFrom<v1::SetTimerRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::SetTimerRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::SetTimer {
            room: room_ref(request.room)?,
            name: request.name,
            after: millis(request.after_ms),
            payload: request.payload,
        }))
    }
}

impl TryFrom<v1::ClearTimerRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::ClearTimerRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::ClearTimer {
            room: room_ref(request.room)?,
            name: request.name,
        }))
    }
}

impl TryFrom<v1::JoinRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::JoinRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::Join(Join {
            session: session_ref(request.session)?,
            participant: ParticipantId(request.participant_id),
            connection: ConnectionId(request.connection_id),
            labels: labels(request.labels),
            capabilities: capabilities(request.capabilities),
            replaces_session: request.replaces_session,
            unmuted: request.unmuted,
        })))
    }
}

impl TryFrom<v1::SignalRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::SignalRequest) -> Result<Self, Malformed> {
        use v1::signal_request::Message;
        Ok(Self(Command::Signal {
            session: session_ref(request.session)?,
            connection: optional(request.connection_id).map(ConnectionId),
            message: match required(request.message, "message")? {
                Message::SdpJson(json) => SignalIn::SdpJson(json),
                Message::SdpZlib(bytes) => SignalIn::SdpZlib(bytes),
                Message::CandidateJson(json) => SignalIn::Candidate(json),
            },
        }))
    }
}

impl TryFrom<v1::LeaveRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::LeaveRequest) -> Result<Self, Malformed> {
        use v1::leave_request::Who as Named;
        let reason = match request.reason() {
            v1::LeaveReason::Removed => LeaveReason::Removed,
            v1::LeaveReason::Forbidden => LeaveReason::Forbidden,
            v1::LeaveReason::SignallingLost => LeaveReason::SignallingLost,
            v1::LeaveReason::MediaLost => LeaveReason::MediaLost,
            v1::LeaveReason::NoMedia => LeaveReason::NoMedia,
            v1::LeaveReason::RoomEnded => LeaveReason::RoomEnded,
            v1::LeaveReason::Protocol => LeaveReason::Protocol,
            v1::LeaveReason::Internal => LeaveReason::Internal,
            v1::LeaveReason::Left | v1::LeaveReason::Unspecified => LeaveReason::Left,
        };
        Ok(Self(Command::Leave {
            room: RoomRef {
                room: RoomId(request.room_id),
                generation: request.generation,
            },
            who: match required(request.who, "who")? {
                Named::SessionId(id) => Who::Session(SessionId(id)),
                Named::ParticipantId(id) => Who::Participant(ParticipantId(id)),
            },
            reason,
        }))
    }
}

impl TryFrom<v1::SetStateRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::SetStateRequest) -> Result<Self, Malformed> {
        use v1::set_state_request::Change;
        let published = |state: v1::PublicationState| state.on.then_some(state.stream_id);
        Ok(Self(Command::SetState {
            session: session_ref(request.session)?,
            change: match required(request.change, "change")? {
                Change::Unmuted(on) => StateChange::Unmuted(on),
                Change::HandRaised(on) => StateChange::HandRaised(on),
                Change::Screen(state) => StateChange::Screen(published(state)),
                Change::Video(state) => StateChange::Video(published(state)),
            },
        }))
    }
}

impl TryFrom<v1::ReconnectRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::ReconnectRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::Reconnect {
            session: session_ref(request.session)?,
            participant: ParticipantId(request.participant_id),
            previous: ConnectionId(request.previous_connection_id),
            connection: ConnectionId(request.connection_id),
            labels: labels(request.labels),
        }))
    }
}

impl TryFrom<v1::DetachRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::DetachRequest) -> Result<Self, Malformed> {
        Ok(Self(Command::Detach {
            connection: ConnectionId(request.connection_id),
        }))
    }
}

impl TryFrom<v1::FindSessionsRequest> for CommandOf {
    type Error = Malformed;

    fn try_from(request: v1::FindSessionsRequest) -> Result<Self, Malformed> {
        use v1::find_sessions_request::By;
        Ok(Self(Command::FindSessions {
            by: match required(request.by, "by")? {
                By::ParticipantId(id) => FindBy::Participant(ParticipantId(id)),
                By::ConnectionId(id) => FindBy::Connection(ConnectionId(id)),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Option<v1::SessionRef> {
        Some(v1::SessionRef {
            room_id: "r".into(),
            generation: 3,
            session_id: "s".into(),
        })
    }

    #[test]
    fn what_misses_is_named() {
        let field = |result: Result<CommandOf, Malformed>| result.err().map(|e| e.field);
        assert_eq!(
            field(v1::OpenRoomRequest::default().try_into()),
            Some("room")
        );
        assert_eq!(
            field(v1::JoinRequest::default().try_into()),
            Some("session")
        );
        let signal = v1::SignalRequest {
            session: session(),
            ..Default::default()
        };
        assert_eq!(field(signal.try_into()), Some("message"));
        assert_eq!(field(v1::LeaveRequest::default().try_into()), Some("who"));
        let state = v1::SetStateRequest {
            session: session(),
            ..Default::default()
        };
        assert_eq!(field(state.try_into()), Some("change"));
        assert_eq!(
            field(v1::FindSessionsRequest::default().try_into()),
            Some("by")
        );
    }

    #[test]
    fn zero_switches_a_rule_off() {
        let request = v1::OpenRoomRequest {
            room: Some(v1::RoomRef {
                room_id: "r".into(),
                generation: 1,
            }),
            policy: Some(v1::RoomPolicy {
                alone_timeout_ms: 5,
                ..Default::default()
            }),
            ..Default::default()
        };
        let CommandOf(Command::OpenRoom { policy, .. }) = request.try_into().unwrap() else {
            panic!("another command");
        };
        assert_eq!(policy.alone_timeout, Some(Duration::from_millis(5)));
        assert_eq!(policy.first_session_timeout, None);
    }

    #[test]
    fn unknown_enum_values_get_the_default() {
        let request = v1::LeaveRequest {
            who: Some(v1::leave_request::Who::SessionId("s".into())),
            reason: 4711,
            ..Default::default()
        };
        let CommandOf(Command::Leave { reason, .. }) = request.try_into().unwrap() else {
            panic!("another command");
        };
        assert_eq!(reason, LeaveReason::Left);
        let wide = v1::Capabilities {
            video_down: 99,
            max_audio_slots: 70_000,
            ..Default::default()
        };
        let taken = capabilities(Some(wide));
        assert_eq!(
            (taken.video_down, taken.max_audio_slots),
            (VideoDown::None, 255)
        );
    }

    #[test]
    fn a_publication_that_is_off_has_no_stream() {
        let request = v1::SetStateRequest {
            session: session(),
            change: Some(v1::set_state_request::Change::Screen(
                v1::PublicationState {
                    on: false,
                    stream_id: "x".into(),
                },
            )),
            ..Default::default()
        };
        let CommandOf(Command::SetState { change, .. }) = request.try_into().unwrap() else {
            panic!("another command");
        };
        assert_eq!(change, StateChange::Screen(None));
    }
}
