//! The life of a call: started once per channel, restored when the media server is new, ended when its
//! room is gone.
//!
//! Invariant: whoever finds a record finds its room, but for the moments between a death and its repair;
//! every reader repairs ([`Guest::live`]), so no call is stuck after any crash.

use serde_json::json;

use crate::Guest;
use crate::env::{Channel, Level, PlatformError, User};
use crate::ids::{CallId, ChannelId, PostId, UserId, new_id};
use crate::media::{MediaError, Room, RoomLabels, RoomPolicy};
use crate::official;
use crate::record::{self, Record, StartedBy, Stored};
use crate::refusal::Refusal;
use crate::sabotage::{self, Fault};

/// How often starting is tried again when others start and end calls in the same channel meanwhile.
const START_ATTEMPTS_MAX: usize = 5;
/// How long a new call waits for its first session.
const FIRST_SESSION_MS: u32 = 60_000;
/// How long a restored call waits for the first one who comes back.
const FIRST_SESSION_RESTORED_MS: u32 = 30_000;
/// How long a session may take to connect its media.
const MEDIA_TIMEOUT_MS: u32 = 60_000;
/// Most sessions of one user in a call: windows and devices. Without it one user could fill the call.
pub(crate) const SESSIONS_PER_USER_MAX: u32 = 8;
/// How long before its end a participant alone is told.
const ALONE_NOTICE_BEFORE_MS: u32 = 60_000;
/// Longest title, in characters.
const TITLE_CHARS_MAX: usize = 128;
/// Name and period of the timer that keeps statistics.
pub(crate) const STATS_TIMER: &str = "stats";
pub(crate) const STATS_PERIOD_MS: u64 = 60_000;
/// A post that is still missing after this time is made by the next event: its maker died.
const POST_REPAIR_AFTER_MS: i64 = 10_000;

/// What somebody wants to start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    pub(crate) title: String,
    pub(crate) thread_id: PostId,
    pub(crate) by: StartedBy,
}

impl Guest<'_> {
    /// The call of a channel, put right first if need be.
    pub(crate) async fn live(
        &self,
        channel: &ChannelId,
    ) -> Result<Option<(Record, Room)>, Refusal> {
        // Twice: the second look is at what the first one restored.
        for _ in 0..2 {
            let Some(stored) = record::load(self.env, channel)? else {
                return Ok(None);
            };
            match self.media.room(&stored.record.call_id).await {
                Ok(room) => {
                    // While a call is being restored its room is ahead of the record for a moment.
                    let mut record = stored.record;
                    if room.generation != record.generation {
                        record.generation = room.generation;
                        record.moved_at = self.env.now_ms();
                    }
                    return Ok(Some((record, room)));
                }
                Err(MediaError::NotFound) => self.repair(&stored).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Restores or ends a call whose room is unknown.
    async fn repair(&self, stored: &Stored) -> Result<(), Refusal> {
        let start_id = self.start_id().await?;
        if !start_id.is_empty() && start_id != stored.record.start_id {
            self.restore(stored, &start_id).await
        } else {
            self.end_stale(stored)
        }
    }

    async fn start_id(&self) -> Result<String, Refusal> {
        match self.media.start_id().await {
            Err(error @ MediaError::Unavailable(_)) => Err(error.into()),
            // Not granted or not known: then no restart can be told from an end.
            answer => Ok(answer.unwrap_or_default()),
        }
    }

    /// Joins the channel's call or starts one; true = started. The caller checked access.
    pub(crate) async fn start_or_join(
        &self,
        owner: &User,
        channel: &Channel,
        start: &Start,
    ) -> Result<(Record, Room, bool), Refusal> {
        for _ in 0..START_ATTEMPTS_MAX {
            if let Some((record, room)) = self.live(&channel.id).await? {
                return Ok((record, room, false));
            }
            self.check_thread(channel, &start.thread_id)?;
            let record = Record {
                call_id: CallId::new(new_id(&self.env.random(32))),
                channel_id: channel.id.clone(),
                generation: 1,
                start_id: self.start_id().await?,
                start_at: self.env.now_ms(),
                title: clean_title(&start.title),
                thread_id: start.thread_id.clone(),
                owner_id: owner.id.clone(),
                started_by: start.by,
                ..Record::default()
            };
            // The room first: a record always has one.
            let labels = RoomLabels {
                channel_id: channel.id.clone(),
                announce_at_first_join: start.by == StartedBy::Join,
            };
            let room = record.room();
            self.media
                .open_room(&room, &self.policy(FIRST_SESSION_MS), &labels)
                .await
                .map_err(|error| match error {
                    // Rooms, not participants: nobody is in this call yet.
                    MediaError::Limit(_) => Refusal::Unavailable,
                    other => other.into(),
                })?;
            if !record::create(self.env, &record)? {
                // Somebody else was faster: theirs is the call.
                self.media.end_room(&room, None).await?;
                if sabotage::active(Fault::PostTwice) {
                    self.create_call_post(&record, owner)?;
                }
                continue;
            }
            let record = self.make_post(record, owner)?;
            self.media
                .set_timer(&record.room(), STATS_TIMER, STATS_PERIOD_MS)
                .await?;
            let room = Room {
                call_id: record.call_id.clone(),
                labels,
                ..Room::default()
            };
            if start.by == StartedBy::Command {
                self.announce(&record, &room)?;
            }
            self.env
                .log(Level::Info, "call", &format!("started {}", record.call_id));
            return Ok((record, room, true));
        }
        Err(Refusal::Unavailable)
    }

    /// Makes the post, notes it in the record, and calls those whom it concerns: once per call, as the post.
    fn make_post(&self, record: Record, owner: &User) -> Result<Record, Refusal> {
        let post_id = self.create_call_post(&record, owner)?;
        let updated = record::update(self.env, &record.channel_id, &record.call_id, |record| {
            record.post_id = post_id.clone();
            true
        })?;
        let record = updated.unwrap_or(Record { post_id, ..record });
        self.push_start(&record, owner);
        Ok(record)
    }

    /// Makes the post of a call whose starter died in between: at most once per event.
    pub(crate) fn ensure_post(&self, record: Record, seq: u64) -> Result<Record, PlatformError> {
        let age_ms = self.env.now_ms() - record.start_at;
        let missing = record.post_id.is_empty() && age_ms > POST_REPAIR_AFTER_MS;
        if !missing && !sabotage::active(Fault::PostTwice) {
            return Ok(record);
        }
        let mut won = false;
        let claimed = record::update(self.env, &record.channel_id, &record.call_id, |record| {
            won = record.last_seq < seq || sabotage::active(Fault::PostTwice);
            record.last_seq = record.last_seq.max(seq);
            won
        })?;
        let Some(claimed) = claimed.filter(|_| won) else {
            return Ok(record);
        };
        let owner = self.env.user(&claimed.owner_id)?;
        self.make_post(claimed, &owner)
            .map_err(|_| PlatformError::Unavailable("the post could not be made".to_owned()))
    }

    /// Gives a call a room of the next generation on a new media server. Safe to run on several hosts at
    /// once: opening is idempotent, and one of them wins the record and tells the clients.
    pub(crate) async fn restore(&self, stored: &Stored, start_id: &str) -> Result<(), Refusal> {
        let record = Record {
            generation: stored.record.generation + 1,
            start_id: start_id.to_owned(),
            moved_at: self.env.now_ms(),
            last_seq: 0,
            ..stored.record.clone()
        };
        let labels = RoomLabels {
            channel_id: record.channel_id.clone(),
            announce_at_first_join: false,
        };
        let policy = self.policy(FIRST_SESSION_RESTORED_MS);
        self.media
            .open_room(&record.room(), &policy, &labels)
            .await?;
        if !record::replace(self.env, stored, &record)? {
            return Ok(());
        }
        // Before anything else that may fail: nobody else does it.
        let data = json!({ "channelID": record.channel_id, "call_id": record.call_id });
        self.to_channel("parley_media_moved", &record.channel_id, data)?;
        self.dismiss_official(&stored.record, &record)?;
        self.media
            .set_timer(&record.room(), STATS_TIMER, STATS_PERIOD_MS)
            .await?;
        self.env
            .log(Level::Info, "call", &format!("moved {}", record.call_id));
        let room = Room {
            generation: record.generation,
            ..Room::default()
        };
        // The clients are on their way already; what fails now is tried again by the next tick.
        if let Err(refusal) = self.resume_recording(&record, &room).await {
            let line = format!("{}: not yet: {}", record.call_id, refusal.code());
            self.env.log(Level::Warn, "recording", &line);
        }
        Ok(())
    }

    /// For clients that do not come back by themselves the call is over, and another one on.
    fn dismiss_official(&self, before: &Record, now: &Record) -> Result<(), PlatformError> {
        let channel = &now.channel_id;
        let gone = official::take(self.env, before)?;
        if gone.is_empty() {
            return Ok(());
        }
        self.publish_end(channel, "moved")?;
        for official in &gone {
            self.publish_left(channel, &official.user_id, &official.session_id)?;
        }
        self.announce(now, &Room::default())
    }

    /// Ends a call whose room is gone without a word (or whose word is still on its way).
    fn end_stale(&self, stored: &Stored) -> Result<(), Refusal> {
        let record = &stored.record;
        self.end_call_post(record, self.env.now_ms(), &record.participants)?;
        // First: the room's own word may come in between, and knows who was there.
        record::remember_ended(self.env, record)?;
        if record::delete(self.env, stored)? {
            self.publish_end(&record.channel_id, "ended")?;
            self.env.log(
                Level::Info,
                "call",
                &format!("ended stale {}", record.call_id),
            );
        }
        Ok(())
    }

    /// `call_end`: everybody leaves.
    pub(crate) fn publish_end(
        &self,
        channel: &ChannelId,
        reason: &str,
    ) -> Result<(), PlatformError> {
        let data = json!({ "channelID": channel, "parley": { "reason": reason } });
        self.to_channel("call_end", channel, data)
    }

    /// May `user` end this call as its host? The owner counts while nobody is in it.
    pub(crate) fn is_host(record: &Record, room: &Room, user: &UserId) -> bool {
        match record.host(&room.sessions) {
            Some(host) => host == *user,
            None => record.owner_id == *user,
        }
    }

    fn policy(&self, first_session_timeout_ms: u32) -> RoomPolicy {
        let alone_timeout_ms = self.settings.alone_timeout_minutes * 60_000;
        RoomPolicy {
            first_session_timeout_ms,
            alone_timeout_ms,
            alone_notice_ms: alone_timeout_ms.saturating_sub(ALONE_NOTICE_BEFORE_MS),
            media_timeout_ms: MEDIA_TIMEOUT_MS,
            disconnect_timeout_ms: self.settings.disconnect_timeout_seconds * 1_000,
            max_sessions: self.settings.max_call_participants,
            max_sessions_per_participant: SESSIONS_PER_USER_MAX,
        }
    }
}

fn clean_title(title: &str) -> String {
    let words: Vec<_> = title
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    let line = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    line.chars().take(TITLE_CHARS_MAX).collect()
}
