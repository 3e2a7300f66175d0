//! Commands: checked here, field by field, then handed to their room.

use parley_media::sdp::{Description, DescriptionError, DescriptionKind};

use crate::api::{
    Command, CommandError, FindBy, FoundSession, Generation, Join, Labels, Reply, RoomEndReason,
    RoomId, RoomPolicy, RoomRef, SessionRef, SignalIn, StateChange, Who,
};
use crate::core::Core;
use crate::ids::Key;
use crate::session::Session;
use crate::session::negotiation::Path;

/// Limits of ids, labels, timers and stream ids; the proto names them.
const ID_CHARS_MAX: usize = 64;
const LABELS_MAX: usize = 16;
const LABEL_BYTES_MAX: usize = 256;
const TIMER_PAYLOAD_MAX: usize = 1024;
const TIMER_DAYS_MAX: u64 = 7;
const STREAM_ID_CHARS_MAX: usize = 64;
const CANDIDATE_BYTES_MAX: usize = 4 * 1024;
const AUDIO_SLOTS_MAX: u8 = 8;

pub(crate) fn handle(core: &mut Core, command: Command) -> Result<Reply, CommandError> {
    match command {
        Command::OpenRoom {
            room,
            policy,
            labels,
        } => open_room(core, room, policy, labels),
        Command::EndRoom {
            room,
            actor,
            reason,
        } => end_room(core, &room, actor, reason),
        Command::GetRoom { room } => {
            let found = core.room(&room.room, room.generation)?;
            Ok(Reply::Room {
                room: found.view(),
                created: false,
            })
        }
        Command::ListRooms => Ok(Reply::Rooms(core.each_room(|room, _| room.view()))),
        Command::SetTimer {
            room,
            name,
            after,
            payload,
        } => {
            check_id("name", &name)?;
            if payload.len() > TIMER_PAYLOAD_MAX {
                return Err(invalid("payload", "longer than 1024 bytes"));
            }
            if after.as_secs() > TIMER_DAYS_MAX * 24 * 3600 {
                return Err(invalid("after_ms", "more than 7 days"));
            }
            let at = core.shared.now.instant + after;
            let (found, shared) = core.room_mut(&room)?;
            found.set_timer(name, at, payload, shared)?;
            Ok(Reply::Done)
        }
        Command::ClearTimer { room, name } => {
            let (found, shared) = core.room_mut(&room)?;
            found.timers.remove(&name);
            found.reschedule(shared);
            Ok(Reply::Done)
        }
        Command::Join(join) => self::join(core, join),
        Command::Signal {
            session,
            connection,
            message,
        } => {
            if let Some(connection) = connection {
                let (room, _) = core.room_mut(&session.room)?;
                let known = room.session_mut(&session.session)?;
                if known.connection != connection {
                    return Err(CommandError::Stale("connection"));
                }
            }
            signal(core, &session, &message)
        }
        Command::Leave { room, who, reason } => leave(core, &room, &who, reason),
        Command::SetState { session, change } => {
            check_change(&change)?;
            let (room, shared) = core.room_mut(&session.room)?;
            let (view, changed) = room.set_state(&session.session, change, shared)?;
            Ok(Reply::Session {
                session: view,
                created: changed,
            })
        }
        Command::Reconnect {
            session,
            participant,
            previous,
            connection,
            labels,
        } => {
            check_id("connection_id", &connection.0)?;
            check_labels(&labels)?;
            let (room, shared) = core.room_mut(&session.room)?;
            let id = &session.session;
            let to = (connection, labels);
            let view = room.reconnect(id, &participant, &previous, to, shared)?;
            Ok(Reply::Session {
                session: view,
                created: false,
            })
        }
        Command::Detach { connection } => {
            let counts = core.each_room(|room, shared| room.detach(&connection, shared));
            Ok(Reply::Count(counts.into_iter().sum()))
        }
        Command::FindSessions { by } => Ok(Reply::Found(find(core, &by))),
        Command::SessionStats { room, session } => {
            let now = core.shared.now;
            let stats = core.room(&room, 0)?.session_stats(&session, now)?;
            Ok(Reply::Stats(vec![stats]))
        }
        Command::RoomStats { room } => {
            let now = core.shared.now;
            Ok(Reply::Stats(core.room(&room, 0)?.stats(now)))
        }
        Command::StartRecording(start) => {
            check_id("recording_id", &start.recording.0)?;
            check_id("starter_id", &start.starter.0)?;
            let (room, shared) = core.room_mut(&start.room)?;
            let view = room.start_recording(&start, shared)?;
            Ok(Reply::Recording(Some(view)))
        }
        Command::StopRecording {
            room,
            recording,
            actor,
        } => {
            let (room, shared) = core.room_mut(&room)?;
            let stopped = room.stop_recording(recording.as_ref(), actor, shared);
            Ok(Reply::Recording(stopped))
        }
        Command::PinInRecording { room, session } => {
            let (room, shared) = core.room_mut(&room)?;
            let view = room.pin_in_recording(session, shared)?;
            Ok(Reply::Recording(Some(view)))
        }
        Command::RecordingNews { key, news } => {
            core.each_room(|room, shared| room.handle_recording_news(key, news, shared));
            Ok(Reply::Done)
        }
    }
}

fn open_room(
    core: &mut Core,
    room: RoomRef,
    policy: RoomPolicy,
    labels: Labels,
) -> Result<Reply, CommandError> {
    check_id("room_id", &room.room.0)?;
    check_labels(&labels)?;
    if room.generation == 0 {
        return Err(invalid("generation", "must not be 0"));
    }
    if let Ok(open) = core.room(&room.room, 0) {
        if open.id.generation == room.generation {
            return Ok(Reply::Room {
                room: open.view(),
                created: false,
            });
        }
        if open.id.generation > room.generation {
            return Err(CommandError::Stale("generation"));
        }
        let former = open.id.clone();
        core.end_room(&former, RoomEndReason::Replaced, None);
    }
    if core.rooms().count() >= core.shared.config.limits.rooms_max {
        return Err(CommandError::Limit("rooms"));
    }
    let view = core.open_room(room, policy, labels);
    Ok(Reply::Room {
        room: view,
        created: true,
    })
}

fn end_room(
    core: &mut Core,
    room: &RoomRef,
    actor: Option<crate::api::ParticipantId>,
    reason: RoomEndReason,
) -> Result<Reply, CommandError> {
    match core.room_mut(room) {
        Ok(_) => core.end_room(room, reason, actor),
        Err(CommandError::NoRoom) => {}
        Err(error) => return Err(error),
    }
    Ok(Reply::Done)
}

fn join(core: &mut Core, join: Join) -> Result<Reply, CommandError> {
    check_id("session_id", &join.session.session.0)?;
    check_id("participant_id", &join.participant.0)?;
    check_id("connection_id", &join.connection.0)?;
    check_labels(&join.labels)?;
    if join.capabilities.max_audio_slots > AUDIO_SLOTS_MAX {
        return Err(invalid("max_audio_slots", "more than 8"));
    }
    let reference = join.session.room.clone();
    let (room, shared) = core.room_mut(&reference)?;
    let (session, created) = room.join(join, shared)?;
    Ok(Reply::Session { session, created })
}

fn leave(
    core: &mut Core,
    room: &RoomRef,
    who: &Who,
    reason: crate::api::LeaveReason,
) -> Result<Reply, CommandError> {
    let (room, shared) = core.room_mut(room)?;
    Ok(Reply::Count(room.leave(who, reason, shared)))
}

fn signal(
    core: &mut Core,
    session: &SessionRef,
    message: &SignalIn,
) -> Result<Reply, CommandError> {
    let max = core.shared.config.limits.sdp_bytes_max;
    let (room, shared) = core.room_mut(&session.room)?;
    let now = shared.now.instant;
    let known = room.session_mut(&session.session)?;
    let seat = known.owner.seat;
    if !known.signal_bucket.take(now, 1) {
        known.drop_one("signal_rate", shared);
        return Err(CommandError::Limit("signal_rate"));
    }
    let description = match message {
        SignalIn::Candidate(text) => {
            known.candidates += 1;
            if known.candidates > shared.config.limits.candidates_max {
                known.drop_one("candidates", shared);
                return Ok(Reply::Done);
            }
            return check_candidate(text);
        }
        SignalIn::SdpJson(text) => Description::from_json(text.as_bytes(), max),
        SignalIn::SdpZlib(bytes) => Description::from_zlib_by(bytes, max, &mut shared.inflater),
    };
    let description = description.map_err(|error: DescriptionError| {
        known.drop_one("sdp_malformed", shared);
        invalid("message", &error.to_string())
    })?;
    // An offer wants an answer, which the session may not cause now.
    if description.kind == DescriptionKind::Offer && !known.may_signal(now) {
        known.drop_one("signal_bytes", shared);
        return Err(CommandError::Limit("signal_bytes"));
    }
    room.handle_description(seat, &description, Path::Socket, shared)
        .map_err(|reason| invalid("message", &reason))?;
    Ok(Reply::Done)
}

/// Candidates are not used: the server answers whoever proves to be the client (docs/architecture.md).
fn check_candidate(text: &str) -> Result<Reply, CommandError> {
    if text.len() > CANDIDATE_BYTES_MAX {
        return Err(invalid("candidate_json", "too long"));
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(Reply::Done),
        Err(_) => Err(invalid("candidate_json", "not a JSON object")),
    }
}

fn find(core: &mut Core, by: &FindBy) -> Vec<FoundSession> {
    let hit = |session: &Session| match by {
        FindBy::Participant(participant) => session.participant == *participant,
        FindBy::Connection(connection) => session.connection == *connection,
    };
    let found = core.each_room(|room, _| -> Vec<FoundSession> {
        let hits = room.in_order().filter(|session| hit(session));
        let found = hits.map(|session| FoundSession {
            room: room.id.clone(),
            room_labels: room.labels.clone(),
            session: session.view(),
        });
        found.collect()
    });
    found.into_iter().flatten().collect()
}

/// The one room that a command is about.
pub(crate) fn room_of(command: &Command) -> Option<&RoomId> {
    match command {
        Command::OpenRoom { room, .. }
        | Command::EndRoom { room, .. }
        | Command::GetRoom { room }
        | Command::SetTimer { room, .. }
        | Command::ClearTimer { room, .. }
        | Command::StopRecording { room, .. }
        | Command::PinInRecording { room, .. }
        | Command::Leave { room, .. } => Some(&room.room),
        Command::StartRecording(start) => Some(&start.room.room),
        Command::Join(Join { session, .. })
        | Command::Signal { session, .. }
        | Command::SetState { session, .. }
        | Command::Reconnect { session, .. } => Some(&session.room.room),
        Command::SessionStats { room, .. } | Command::RoomStats { room } => Some(room),
        Command::ListRooms
        | Command::Detach { .. }
        | Command::FindSessions { .. }
        | Command::RecordingNews { .. } => None,
    }
}

/// A command may name a generation; 0 means any, and is for reads only.
pub(crate) fn check_generation(room: Generation, asked: Generation) -> Result<(), CommandError> {
    match asked {
        _ if asked == room => Ok(()),
        _ if asked < room => Err(CommandError::Stale("generation")),
        // The caller knows of a newer room, which is not open here.
        _ => Err(CommandError::NoRoom),
    }
}

fn check_id(field: &'static str, id: &str) -> Result<(), CommandError> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    if id.is_empty() || id.len() > ID_CHARS_MAX {
        return Err(invalid(field, "must have 1 to 64 characters"));
    }
    if !id.bytes().all(legal) {
        return Err(invalid(field, "only [A-Za-z0-9_-] is allowed"));
    }
    Ok(())
}

fn check_labels(labels: &Labels) -> Result<(), CommandError> {
    if labels.len() > LABELS_MAX {
        return Err(invalid("labels", "more than 16"));
    }
    let long = |text: &String| text.len() > LABEL_BYTES_MAX;
    if labels.iter().any(|(key, value)| long(key) || long(value)) {
        return Err(invalid("labels", "longer than 256 bytes"));
    }
    Ok(())
}

fn check_change(change: &StateChange) -> Result<(), CommandError> {
    let (StateChange::Screen(Some(stream)) | StateChange::Video(Some(stream))) = change else {
        return Ok(());
    };
    let legal = stream.bytes().all(|c| c.is_ascii_graphic());
    if stream.is_empty() || stream.len() > STREAM_ID_CHARS_MAX || !legal {
        return Err(invalid(
            "stream_id",
            "must have 1 to 64 visible ASCII characters",
        ));
    }
    Ok(())
}

fn invalid(field: &'static str, reason: &str) -> CommandError {
    CommandError::Invalid {
        field,
        reason: reason.to_owned(),
    }
}

/// Which room a caller means.
pub(crate) fn key_of(
    names: &std::collections::BTreeMap<RoomId, Key>,
    room: &RoomId,
) -> Result<Key, CommandError> {
    names.get(room).copied().ok_or(CommandError::NoRoom)
}
