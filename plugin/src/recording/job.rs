//! A recording as clients know it: the job state of their protocol, told whenever it changes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::Guest;
use crate::env::PlatformError;
use crate::ids::{ChannelId, UserId};
use crate::media::{Recording, RecordingEnd, RecordingTrouble, Room};
use crate::record::{Kept, Record};
use crate::text::{Lang, Text};

impl Guest<'_> {
    /// `call_job_state`, to everybody in the call.
    pub(super) fn tell_recording(
        &self,
        channel: &ChannelId,
        room: &Room,
        recording: &Recording,
    ) -> Result<(), PlatformError> {
        let users: BTreeSet<&UserId> = room.sessions.iter().map(|one| &one.user_id).collect();
        users.into_iter().try_for_each(|user| {
            let data = json!({
                // As the clients know it: the channel's id.
                "callID": channel,
                "channelID": channel,
                "jobState": self.job_state_for(user, recording),
            });
            self.to_user("call_job_state", channel, user, data)
        })
    }

    /// The job state in the user's language.
    pub(crate) fn job_state_for(&self, user: &UserId, recording: &Recording) -> Value {
        // The language matters only where there is a text.
        let lang = match wrong(recording) {
            Some(_) => self.lang(user),
            None => Lang::En,
        };
        job_state(recording, lang)
    }
}

/// The recording in progress of a call, or its last one.
pub(crate) fn recording_of_call(record: &Record, room: &Room) -> Option<Recording> {
    let kept = || record.recording.as_ref().map(recording_of_kept);
    room.recording.clone().or_else(kept)
}

/// What the record alone knows: the media server goes on with it in a moment, or nobody does.
pub(super) fn recording_of_kept(kept: &Kept) -> Recording {
    Recording {
        id: kept.id.clone(),
        started_at: kept.started_at,
        ended_at: kept.ended_at,
        starter_id: kept.starter_id.clone(),
        end: match kept.ended_at {
            0 => RecordingEnd::Stopped,
            _ => RecordingEnd::Crash,
        },
        max_duration_ms: kept.max_duration_ms,
        ..Recording::default()
    }
}

/// The object of the clients' protocol.
pub(super) fn job_state(recording: &Recording, lang: Lang) -> Value {
    let mut state = json!({
        "type": "recording",
        "init_at": recording.started_at,
        "start_at": recording.started_at,
        "end_at": recording.ended_at,
    });
    if let Some(text) = wrong(recording) {
        state["err"] = text.get(lang).into();
    }
    if !recording.pinned.is_empty() {
        state["parley"] = json!({ "pinned_session_id": recording.pinned });
    }
    state
}

/// What is or went wrong with it.
fn wrong(recording: &Recording) -> Option<Text> {
    let end = match recording.end {
        RecordingEnd::Disk => Some(Text::RecordingBroken),
        RecordingEnd::Crash | RecordingEnd::Internal => Some(Text::RecordingInterrupted),
        RecordingEnd::Stopped | RecordingEnd::Limit | RecordingEnd::CallEnded => None,
    };
    end.filter(|_| !recording.in_progress())
        .or_else(|| trouble_text(recording.trouble))
}

/// What those in the call are told of a trouble.
pub(super) fn trouble_text(trouble: RecordingTrouble) -> Option<Text> {
    match trouble {
        RecordingTrouble::None => None,
        RecordingTrouble::VideoDropped => Some(Text::RecordingVideoDropped),
        RecordingTrouble::AudioDropped => Some(Text::RecordingAudioDropped),
        RecordingTrouble::AudioOnly => Some(Text::RecordingAudioOnly),
        RecordingTrouble::Stopped => Some(Text::RecordingBroken),
    }
}
