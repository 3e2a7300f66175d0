//! Proto to policy: the one place where the media server's messages become our types and back.

use std::collections::HashMap;

use parley_proto::v1;
use prost::Message as _;

use super::recordings::recording_of;
use super::types::*;
use crate::ids::{CallId, ChannelId, ConnectionId, SessionId, UserId};

const CHANNEL: &str = "channel_id";
const ANNOUNCE: &str = "announce";
const BOT: &str = "bot";
/// The recorder reads it.
const NAME: &str = "name";
const LOGIN: &str = "login";
const RESUMED: &str = "resumed";
const SINCE: &str = "since";
/// The media server takes labels of at most so many bytes.
const LABEL_BYTES_MAX: usize = 256;

type Labels = HashMap<String, String>;

pub(super) fn policy(policy: &RoomPolicy) -> v1::RoomPolicy {
    v1::RoomPolicy {
        first_session_timeout_ms: policy.first_session_timeout_ms,
        end_when_empty: true,
        alone_timeout_ms: policy.alone_timeout_ms,
        alone_notice_ms: policy.alone_notice_ms,
        media_timeout_ms: policy.media_timeout_ms,
        disconnect_timeout_ms: policy.disconnect_timeout_ms,
        max_sessions: policy.max_sessions,
        max_sessions_per_participant: policy.max_sessions_per_participant,
    }
}

pub(super) fn room_labels(labels: &RoomLabels) -> Labels {
    let mut map = Labels::from([(CHANNEL.to_owned(), labels.channel_id.to_string())]);
    if labels.announce_at_first_join {
        map.insert(ANNOUNCE.to_owned(), "1".to_owned());
    }
    map
}

pub(super) fn session_labels(labels: &SessionLabels) -> Labels {
    let mut map = Labels::new();
    if labels.bot {
        map.insert(BOT.to_owned(), "1".to_owned());
    }
    if !labels.name.is_empty() {
        map.insert(NAME.to_owned(), cut(&labels.name).to_owned());
    }
    if labels.resumed {
        map.insert(RESUMED.to_owned(), "1".to_owned());
    }
    if labels.since_ms != 0 {
        map.insert(SINCE.to_owned(), labels.since_ms.to_string());
    }
    if !labels.login_session_id.is_empty() && labels.login_session_id.len() <= LABEL_BYTES_MAX {
        map.insert(LOGIN.to_owned(), labels.login_session_id.clone());
    }
    map
}

pub(super) fn capabilities(capabilities: &Capabilities) -> v1::Capabilities {
    let video_down = match (capabilities.cameras, capabilities.slots) {
        (_, true) => v1::VideoDown::Slots,
        (true, false) => v1::VideoDown::OnDemand,
        (false, false) => v1::VideoDown::None,
    };
    v1::Capabilities {
        dc_signaling: capabilities.dc_signaling,
        av1: capabilities.av1,
        slots_v1: capabilities.slots,
        video_down: video_down.into(),
        max_audio_slots: capabilities.max_audio_slots,
        needs_audio_level: false,
    }
}

pub(super) fn state_change(change: StateChange) -> v1::set_state_request::Change {
    use v1::set_state_request::Change;
    let publication = |stream: Option<String>| v1::PublicationState {
        on: stream.is_some(),
        stream_id: stream.unwrap_or_default(),
    };
    match change {
        StateChange::Unmuted(on) => Change::Unmuted(on),
        StateChange::HandRaised(on) => Change::HandRaised(on),
        StateChange::Screen(stream) => Change::Screen(publication(stream)),
        StateChange::Video(stream) => Change::Video(publication(stream)),
    }
}

pub(super) fn leave_reason(reason: LeaveReason) -> v1::LeaveReason {
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

pub(super) fn room(room: v1::Room) -> Room {
    Room {
        call_id: CallId::new(room.room_id),
        generation: room.generation,
        labels: read_room_labels(&room.labels),
        sessions: room.sessions.into_iter().map(session).collect(),
        screen_session_id: SessionId::new(room.screen_session_id),
        participants_ever: users(room.participants_ever),
        recording: room.recording.map(recording_of),
    }
}

pub(super) fn session(session: v1::Session) -> Session {
    Session {
        id: SessionId::new(session.session_id),
        user_id: UserId::new(session.participant_id),
        connection_id: ConnectionId::new(session.connection_id),
        labels: SessionLabels {
            bot: session.labels.contains_key(BOT),
            name: session.labels.get(NAME).cloned().unwrap_or_default(),
            resumed: session.labels.contains_key(RESUMED),
            since_ms: session
                .labels
                .get(SINCE)
                .and_then(|since_ms| since_ms.parse().ok())
                .unwrap_or_default(),
            login_session_id: session.labels.get(LOGIN).cloned().unwrap_or_default(),
        },
        joined_at_ms: session.joined_at_ms,
        unmuted: session.unmuted,
        hand_raised_at_ms: session.hand_raised_at_ms,
        screen: session.screen,
        video: session.video,
        away: session.detached_at_ms > 0,
        connected: session.media == i32::from(v1::MediaState::Connected),
        slots: session.capabilities.is_some_and(|c| c.slots_v1),
    }
}

pub(super) fn found(found: v1::FoundSession) -> FoundSession {
    FoundSession {
        call_id: CallId::new(found.room_id),
        generation: found.generation,
        channel_id: read_room_labels(&found.room_labels).channel_id,
        session: session(found.session.unwrap_or_default()),
    }
}

/// An encoded `parley.media.v1.Event`; kinds that are not known become [`EventKind::Other`].
pub(crate) fn event(bytes: &[u8]) -> Result<Event, prost::DecodeError> {
    use v1::event::Kind;
    let event = v1::Event::decode(bytes)?;
    let kind = match event.kind {
        Some(Kind::RoomOpened(_)) => EventKind::Opened,
        Some(Kind::RoomEnded(e)) => EventKind::Ended {
            reason: end_reason(e.reason()),
            participants: users(e.participants_ever),
        },
        Some(Kind::SessionJoined(e)) => EventKind::Joined {
            session: session(e.session.unwrap_or_default()),
            first: e.first,
            replaced: e.replaced,
        },
        Some(Kind::SessionLeft(e)) => EventKind::Left {
            reason: read_leave_reason(e.reason()),
            stats: e.r#final.and_then(|f| f.stats).map(stats),
            session: session(e.session.unwrap_or_default()),
        },
        Some(Kind::SessionChanged(e)) => match e.field() {
            v1::SessionField::Unspecified => EventKind::Other,
            field => EventKind::Changed {
                field: match field {
                    v1::SessionField::Hand => Field::Hand,
                    v1::SessionField::Screen => Field::Screen,
                    v1::SessionField::Video => Field::Video,
                    v1::SessionField::Unmuted | v1::SessionField::Unspecified => Field::Unmuted,
                },
                session: session(e.session.unwrap_or_default()),
            },
        },
        Some(Kind::VoiceChanged(e)) => EventKind::Voice {
            session_id: SessionId::new(e.session_id),
            user_id: UserId::new(e.participant_id),
            on: e.on,
        },
        Some(Kind::Signal(e)) => EventKind::Signal {
            session_id: SessionId::new(e.session_id),
            connection_id: ConnectionId::new(e.connection_id),
            json: e.json,
        },
        Some(Kind::TimerFired(e)) => EventKind::Timer { name: e.name },
        Some(Kind::AloneNotice(e)) => EventKind::Alone {
            session: session(e.session.unwrap_or_default()),
            ends_in_ms: e.ends_in_ms,
        },
        Some(Kind::Snapshot(e)) => EventKind::Snapshot {
            room: room(e.room.unwrap_or_default()),
        },
        Some(Kind::RecordingChanged(e)) => match e.recording {
            Some(recording) => EventKind::RecordingChanged {
                recording: recording_of(recording),
            },
            None => EventKind::Other,
        },
        Some(Kind::RecordingReminder(e)) => match e.recording {
            Some(recording) => EventKind::RecordingReminder {
                recording: recording_of(recording),
                ends_in_ms: e.ends_in_ms,
            },
            None => EventKind::Other,
        },
        Some(Kind::MediaChanged(_)) | None => EventKind::Other,
    };
    Ok(Event {
        call_id: CallId::new(event.room_id),
        generation: event.generation,
        seq: event.seq,
        at_ms: event.at_ms,
        labels: read_room_labels(&event.room_labels),
        kind,
    })
}

pub(super) fn stats(stats: v1::SessionStats) -> SessionStats {
    SessionStats {
        session_id: SessionId::new(stats.session_id),
        user_id: UserId::new(stats.participant_id),
        at_ms: stats.at_ms,
        duration_ms: stats.duration_ms,
        rtt_ms: stats.rtt_ms,
        estimate_bps: stats.estimate_bps,
        drops: stats.drops.into_iter().collect(),
        client_loss: stats.client_loss,
        client_jitter_s: stats.client_jitter_s,
        client_rtt_s: stats.client_rtt_s,
        tracks: stats.tracks.into_iter().map(track).collect(),
    }
}

fn track(track: v1::TrackStats) -> TrackStats {
    TrackStats {
        direction: match track.direction() {
            v1::TrackDirection::Up => "up",
            v1::TrackDirection::Down => "down",
            v1::TrackDirection::Unspecified => "unknown",
        },
        kind: track.kind,
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
        source_session_id: track.source_session_id,
    }
}

fn read_room_labels(labels: &Labels) -> RoomLabels {
    RoomLabels {
        channel_id: ChannelId::new(labels.get(CHANNEL).cloned().unwrap_or_default()),
        announce_at_first_join: labels.contains_key(ANNOUNCE),
    }
}

/// As much of a label's value as the media server takes, whole characters.
pub(super) fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(LABEL_BYTES_MAX)]
}

pub(super) fn users(ids: Vec<String>) -> Vec<UserId> {
    ids.into_iter().map(UserId::new).collect()
}

fn end_reason(reason: v1::RoomEndReason) -> EndReason {
    match reason {
        v1::RoomEndReason::Ended | v1::RoomEndReason::Unspecified => EndReason::Ended,
        v1::RoomEndReason::Empty => EndReason::Empty,
        v1::RoomEndReason::NobodyJoined => EndReason::NobodyJoined,
        v1::RoomEndReason::Alone => EndReason::Alone,
        v1::RoomEndReason::Replaced => EndReason::Replaced,
        v1::RoomEndReason::Shutdown => EndReason::Shutdown,
        v1::RoomEndReason::Internal => EndReason::Internal,
    }
}

fn read_leave_reason(reason: v1::LeaveReason) -> LeaveReason {
    match reason {
        v1::LeaveReason::Left | v1::LeaveReason::Unspecified => LeaveReason::Left,
        v1::LeaveReason::Removed => LeaveReason::Removed,
        v1::LeaveReason::Forbidden => LeaveReason::Forbidden,
        v1::LeaveReason::SignallingLost => LeaveReason::SignallingLost,
        v1::LeaveReason::MediaLost => LeaveReason::MediaLost,
        v1::LeaveReason::NoMedia => LeaveReason::NoMedia,
        v1::LeaveReason::RoomEnded => LeaveReason::RoomEnded,
        v1::LeaveReason::Protocol => LeaveReason::Protocol,
        v1::LeaveReason::Internal => LeaveReason::Internal,
    }
}
