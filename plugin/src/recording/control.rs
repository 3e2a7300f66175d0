//! Starting and stopping, by command and by HTTP: for the call's host and system admins.

use serde::Deserialize;
use serde_json::Value;

use super::job::job_state;
use crate::Guest;
use crate::access::Action;
use crate::ids::{ChannelId, RecordingId, SessionId, UserId, new_id};
use crate::media::{MediaError, Recording, RecordingLabels, Room, RoomRef, StartRecording};
use crate::rate::{self, Limited};
use crate::record::{self, Kept, Record};
use crate::refusal::Refusal;
use crate::text::{Lang, Text};

/// Those in the call are told so long before a recording's limit. Shorter recordings end without a word.
const REMIND_BEFORE_MS: u64 = 10 * 60_000;

/// Whose camera is to be recorded; empty = that of who speaks.
#[derive(Deserialize)]
struct Pin {
    session_id: String,
}

impl Guest<'_> {
    /// `POST /calls/{channel_id}/recording/{action}`: the recording's state as clients know it.
    pub(crate) async fn recording_control(
        &self,
        channel: &ChannelId,
        user: &UserId,
        action: &str,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let recording = match action {
            "start" => self.start_recording(channel, user).await?,
            "stop" => self.stop_recording(channel, user).await?,
            "pin" => self.pin_in_recording(channel, user, body).await?,
            _ => return Err(Refusal::BadRequest("action")),
        };
        Ok(job_state(&recording, self.lang(user)))
    }

    /// `/call recording …`.
    pub(crate) async fn command_recording(
        &self,
        channel: &ChannelId,
        user: &UserId,
        lang: Lang,
        action: &str,
    ) -> Result<String, Refusal> {
        let text = match action {
            "start" => {
                self.start_recording(channel, user).await?;
                Text::RecordingStarted
            }
            "stop" => {
                self.stop_recording(channel, user).await?;
                Text::RecordingStopped
            }
            _ => Text::RecordingUsage,
        };
        Ok(text.get(lang).to_owned())
    }

    async fn start_recording(
        &self,
        channel: &ChannelId,
        user: &UserId,
    ) -> Result<Recording, Refusal> {
        let (record, room) = self.call_of_host(channel, user, Action::Record).await?;
        if running(&record, &room).is_some() {
            return Err(Refusal::RecordingRuns);
        }
        if !rate::take(self.env, Limited::Recordings, user)? {
            return Err(Refusal::RateLimited);
        }
        let max_duration_ms = u64::from(self.settings.max_recording_duration) * 60_000;
        let kept = Kept {
            id: RecordingId::new(new_id(&self.env.random(32))),
            starter_id: user.clone(),
            max_duration_ms,
            ..Kept::default()
        };
        let start = self.recording_to_start(&record, &room, &kept);
        let started = self.media.start_recording(&record.room(), start).await;
        started.map_err(refusal_of)
    }

    /// What the media server is asked for, the first time and after its restart.
    pub(super) fn recording_to_start(
        &self,
        record: &Record,
        room: &Room,
        kept: &Kept,
    ) -> StartRecording {
        let longer = kept.max_duration_ms > REMIND_BEFORE_MS;
        let host = record.host(&room.sessions);
        StartRecording {
            id: kept.id.clone(),
            starter_id: kept.starter_id.clone(),
            max_duration_ms: kept.max_duration_ms,
            remind_before_ms: if longer { REMIND_BEFORE_MS } else { 0 },
            max_height: self.settings.recording_quality.height(),
            labels: RecordingLabels {
                channel_id: record.channel_id.clone(),
                call_id: record.call_id.clone(),
                thread_id: record.thread_id.clone(),
                post_id: record.post_id.clone(),
                owner_id: record.owner_id.clone(),
                host_id: host.unwrap_or_else(|| kept.starter_id.clone()),
                title: record.title.clone(),
                lang: self.lang(&record.owner_id).code().to_owned(),
            },
        }
    }

    async fn stop_recording(
        &self,
        channel: &ChannelId,
        user: &UserId,
    ) -> Result<Recording, Refusal> {
        // What is switched off meanwhile can still be stopped.
        let (record, room) = self.call_of_host(channel, user, Action::End).await?;
        let Some(running) = running(&record, &room) else {
            return Err(Refusal::NotRecording);
        };
        let room_ref = record.room();
        match self.media.stop_recording(&room_ref, user).await {
            Ok(Some(stopped)) => Ok(stopped),
            // The media server is new and was not asked to go on with it: nor will it be.
            Ok(None) => self.forget_recording(&record, &room, running),
            Err(error) => Err(refusal_of(error)),
        }
    }

    fn forget_recording(
        &self,
        record: &Record,
        room: &Room,
        running: Recording,
    ) -> Result<Recording, Refusal> {
        record::update(self.env, &record.channel_id, &record.call_id, |record| {
            let kept = record.recording.take_if(|kept| kept.id == running.id);
            kept.is_some()
        })?;
        let stopped = Recording {
            ended_at: self.env.now_ms(),
            ..running
        };
        self.tell_recording(&record.channel_id, room, &stopped)?;
        Ok(stopped)
    }

    async fn pin_in_recording(
        &self,
        channel: &ChannelId,
        user: &UserId,
        body: &[u8],
    ) -> Result<Recording, Refusal> {
        let pin: Pin = serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("body"))?;
        let (record, room) = self.call_of_host(channel, user, Action::Record).await?;
        if running(&record, &room).is_none() {
            return Err(Refusal::NotRecording);
        }
        let session = SessionId::new(pin.session_id);
        let present = |session: &SessionId| room.sessions.iter().any(|one| one.id == *session);
        if !session.is_empty() && !present(&session) {
            return Err(Refusal::BadRequest("session_id"));
        }
        match self.media.pin_in_recording(&record.room(), &session).await {
            Ok(Some(recording)) => Ok(recording),
            Ok(None) | Err(MediaError::Precondition) => Err(Refusal::NotRecording),
            // It left meanwhile.
            Err(MediaError::NotFound | MediaError::Invalid(_)) => {
                Err(Refusal::BadRequest("session_id"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The recording in progress. While a call moves to a new media server only its record knows of it.
pub(super) fn running(record: &Record, room: &Room) -> Option<Recording> {
    super::job::recording_of_call(record, room).filter(Recording::in_progress)
}

fn refusal_of(error: MediaError) -> Refusal {
    match error {
        MediaError::Exists => Refusal::RecordingRuns,
        MediaError::Precondition => Refusal::RecordingImpossible,
        // A media server of an older version.
        MediaError::Other(what) if what.starts_with("Unimplemented") => {
            Refusal::RecordingImpossible
        }
        MediaError::Limit(what) if what.contains("in progress") => Refusal::TooManyRecordings,
        MediaError::Limit(_) => Refusal::RecordingNoSpace,
        error => error.into(),
    }
}

/// The room that the media server has for this call.
pub(super) fn room_ref(record: &Record, room: &Room) -> RoomRef {
    RoomRef {
        call_id: record.call_id.clone(),
        generation: room.generation.max(record.generation),
    }
}
