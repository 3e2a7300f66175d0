//! The media server's events about recordings: kept in the call's record, told to those in the call.
//!
//! What may not be told twice (a note in the thread, a message to everybody) goes with a change of the
//! record, which happens once: an event is looked at for changes only if its number is new.

use std::collections::BTreeSet;

use super::job::trouble_text;
use crate::Guest;
use crate::env::{Level, PlatformError, Post};
use crate::events::EventError;
use crate::ids::UserId;
use crate::media::{Event, Recording, RecordingEnd, RecordingTrouble, Room};
use crate::publish::thread_id;
use crate::record::{self, Kept, Record};
use crate::text::{Text, fill};

const MINUTE_MS: u64 = 60_000;

/// What is to be told once.
#[derive(Debug, Default)]
struct News {
    /// To everybody in the call: it is worse than ever before.
    worse: Option<Text>,
    /// It ended at its longest time.
    limit: bool,
}

impl Guest<'_> {
    /// A recording began, ended, or is in trouble; or the state as it is, after lost events.
    pub(crate) async fn recording_changed(
        &self,
        event: &Event,
        recording: &Recording,
    ) -> Result<(), EventError> {
        let Some(record) = self.record_of(event)? else {
            return Ok(());
        };
        // Those in the call hear of it after it is in the record.
        let news = self.keep_recording(event, recording)?;
        if let Some(room) = self.room(event).await? {
            self.tell_recording(&event.labels.channel_id, &room, recording)?;
            if let Some(text) = news.worse {
                self.tell_everybody(&record, &room, text);
            }
        }
        if news.limit {
            let minutes = (recording.max_duration_ms / MINUTE_MS).to_string();
            self.note(&record, Text::RecordingLimitNote, &minutes);
        }
        Ok(())
    }

    /// A recording's end is near.
    pub(crate) async fn recording_reminder(
        &self,
        event: &Event,
        recording: &Recording,
        ends_in_ms: u64,
    ) -> Result<(), EventError> {
        let record = self.update_once(event, |record| {
            record.recording.as_mut().is_some_and(|kept| {
                kept.id == recording.id && !std::mem::replace(&mut kept.reminded, true)
            })
        })?;
        let Some(record) = record else {
            return Ok(());
        };
        let minutes = ends_in_ms.div_ceil(MINUTE_MS).to_string();
        if let Some(room) = self.room(event).await? {
            let host = record.host(&room.sessions);
            let host = host.unwrap_or_else(|| recording.starter_id.clone());
            let text = Text::RecordingEndsSoon.get(self.lang(&host));
            self.tell_privately(&record, &host, fill(text, &[("minutes", &minutes)]));
        }
        self.note(&record, Text::RecordingEndsSoonNote, &minutes);
        Ok(())
    }

    fn keep_recording(&self, event: &Event, recording: &Recording) -> Result<News, PlatformError> {
        let mut news = News::default();
        let kept = self.update_once(event, |record| {
            let before = record.recording.clone();
            news = keep(&mut record.recording, recording);
            record.recording != before
        })?;
        Ok(kept.map(|_| news).unwrap_or_default())
    }

    /// Changes the call's record, unless that was done for this event, or for a later one, before. `None` =
    /// it was, or there is nothing to change.
    fn update_once(
        &self,
        event: &Event,
        mut change: impl FnMut(&mut Record) -> bool,
    ) -> Result<Option<Record>, PlatformError> {
        let channel = &event.labels.channel_id;
        let mut changed = false;
        let record = record::update(self.env, channel, &event.call_id, |record| {
            let new = record.generation == event.generation && record.last_seq < event.seq;
            changed = new && change(record);
            if changed {
                record.last_seq = event.seq;
            }
            changed
        })?;
        Ok(record.filter(|_| changed))
    }

    /// To each user in the call, seen by nobody else.
    fn tell_everybody(&self, record: &Record, room: &Room, text: Text) {
        let people = room.sessions.iter().filter(|one| !one.labels.bot);
        let users: BTreeSet<&UserId> = people.map(|one| &one.user_id).collect();
        for user in users {
            let message = text.get(self.lang(user)).to_owned();
            self.tell_privately(record, user, message);
        }
    }

    /// To one user, in the call's channel. What cannot be told is in the log: it is no reason to hold up
    /// the events of the call.
    pub(super) fn tell_privately(&self, record: &Record, user: &UserId, message: String) {
        let told = self.env.bot_id().and_then(|bot| {
            let post = Post {
                user_id: bot,
                channel_id: record.channel_id.clone(),
                message,
                ..Post::default()
            };
            self.env.send_ephemeral(user, post)
        });
        self.note_failure(record, told);
    }

    /// The bot writes into the call's thread, in the language of the call's post.
    fn note(&self, record: &Record, text: Text, minutes: &str) {
        let lang = self.lang(&record.owner_id);
        let noted = self.env.bot_id().and_then(|bot| {
            self.env.create_post(Post {
                user_id: bot,
                channel_id: record.channel_id.clone(),
                root_id: crate::PostId::new(thread_id(record)),
                message: fill(text.get(lang), &[("minutes", minutes)]),
                ..Post::default()
            })
        });
        self.note_failure(record, noted.map(|_| ()));
    }

    fn note_failure(&self, record: &Record, done: Result<(), PlatformError>) {
        if let Err(error) = done {
            let line = format!("{}: not told: {error}", record.call_id);
            self.env.log(Level::Warn, "recording", &line);
        }
    }
}

/// Brings what the record keeps up to date.
fn keep(kept: &mut Option<Kept>, recording: &Recording) -> News {
    let mut news = News::default();
    let known = kept.as_ref().is_some_and(|kept| kept.id == recording.id);
    if !known && recording.in_progress() {
        *kept = Some(Kept {
            id: recording.id.clone(),
            started_at: recording.started_at,
            starter_id: recording.starter_id.clone(),
            max_duration_ms: recording.max_duration_ms,
            ..Kept::default()
        });
    }
    let Some(present) = kept.as_mut().filter(|kept| kept.id == recording.id) else {
        // The end of one that is over as far as anybody was told.
        return news;
    };
    let told = present.worst;
    if recording.trouble > told {
        present.worst = recording.trouble;
        news.worse = trouble_text(recording.trouble);
    }
    if !recording.in_progress() {
        match recording.end {
            RecordingEnd::Limit => news.limit = true,
            RecordingEnd::Disk if told < RecordingTrouble::Stopped => {
                news.worse = Some(Text::RecordingBroken);
            }
            RecordingEnd::Crash | RecordingEnd::Internal => {
                news.worse = Some(Text::RecordingInterrupted);
            }
            RecordingEnd::Stopped | RecordingEnd::CallEnded | RecordingEnd::Disk => {}
        }
        *kept = None;
    }
    news
}
