//! The call record: which call a channel has. One key per channel, written by compare-and-set only.

use serde::{Deserialize, Serialize};

use crate::env::{Env, Level, PlatformError};
use crate::ids::{CallId, ChannelId, PostId, RecordingId, UserId};
use crate::media::{RecordingTrouble, RoomRef, Session};

/// How often a lost compare-and-set is tried again.
const RETRIES_MAX: usize = 8;
/// Prefix of the records' keys.
const PREFIX: &str = "c_";
/// Prefix of the keys of records that a reader ended before the sidecar's event arrived.
const ENDED_PREFIX: &str = "e_";
/// Prefix of the keys of calls whose room a sweep did not find.
const MISSING_PREFIX: &str = "m_";
/// How long a room has to be missing. Each node of a server sweeps, so that counting sweeps would not do.
const MISSING_FOR_MS: i64 = 8_000;
/// For how long a first miss is remembered: several sweeps.
const MISSING_EXPIRES_S: u32 = 60;
/// How long that event may take.
const ENDED_EXPIRES_S: u32 = 600;
/// Keys per page when all records are read.
const PAGE: u32 = 200;

/// A call that a channel has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// The call; the sidecar's room.
    pub call_id: CallId,
    /// Where.
    pub channel_id: ChannelId,
    /// Counts the rooms that this call had: one more per restart of the sidecar.
    pub generation: u64,
    /// Which start of the sidecar holds the room.
    pub start_id: String,
    /// Unix ms.
    pub start_at: i64,
    /// As given, shortened.
    pub title: String,
    /// Root of its thread.
    pub thread_id: PostId,
    /// Its post; empty = not made yet.
    pub post_id: PostId,
    /// Who started it.
    pub owner_id: UserId,
    /// A host that was chosen; empty = nobody was.
    pub explicit_host: UserId,
    /// The last event whose unrepeatable effects were done, of this generation.
    pub last_seq: u64,
    /// How it was started.
    pub started_by: StartedBy,
    /// Who does not want to be called any more, in direct and group channels.
    pub dismissed: Vec<UserId>,
    /// Unix ms when it moved to its present room; 0 = it never did.
    pub moved_at: i64,
    /// Who took part before the last restart of the sidecar.
    pub participants: Vec<UserId>,
    /// The recording in progress: a restarted sidecar goes on with it.
    pub recording: Option<Kept>,
}

/// What a call remembers of its recording.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    /// The recording.
    pub id: RecordingId,
    /// Unix ms.
    pub started_at: i64,
    /// Unix ms when it turned out that no sidecar goes on with it; 0 = in progress.
    pub ended_at: i64,
    /// Who started it.
    pub starter_id: UserId,
    /// Longest time, ms; 0 = without limit.
    pub max_duration_ms: u64,
    /// The worst trouble that people were told of.
    pub worst: RecordingTrouble,
    /// Its end was announced.
    pub reminded: bool,
}

/// How a call was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StartedBy {
    /// `/call start`: announced at once.
    #[default]
    Command,
    /// A client's `join`: announced with the first session.
    Join,
}

/// A record with the bytes that a compare-and-set compares.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// What it says.
    pub record: Record,
    raw: Vec<u8>,
}

impl Record {
    /// The sidecar's room.
    pub(crate) fn room(&self) -> RoomRef {
        RoomRef {
            call_id: self.call_id.clone(),
            generation: self.generation,
        }
    }

    /// Who is the host, given the sessions: the chosen one while present, else the earliest joiner of the
    /// call who is no bot. Of the same moment, the first one given.
    pub(crate) fn host<'s>(
        &self,
        sessions: impl IntoIterator<Item = &'s Session> + Clone,
    ) -> Option<UserId> {
        let people = || {
            sessions
                .clone()
                .into_iter()
                .filter(|session| !session.labels.bot)
        };
        people()
            .find(|session| session.user_id == self.explicit_host)
            .or_else(|| people().min_by_key(|session| session.since_ms()))
            .map(|session| session.user_id.clone())
    }

    fn encode(&self) -> Vec<u8> {
        // Strings and numbers only: this cannot fail; an empty value would be refused by `decode`.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The record of a channel.
pub(crate) fn load(env: &dyn Env, channel: &ChannelId) -> Result<Option<Stored>, PlatformError> {
    let key = key(channel);
    let Some(raw) = env.kv_get(&key)? else {
        return Ok(None);
    };
    match serde_json::from_slice(&raw) {
        Ok(record) => Ok(Some(Stored { record, raw })),
        Err(error) => {
            // Nobody can use it, and it would keep the channel from having calls.
            env.log(
                Level::Error,
                "record",
                &format!("{key} is not readable, dropped: {error}"),
            );
            env.kv_compare_and_set(&key, Some(&raw), None, 0)?;
            Ok(None)
        }
    }
}

/// Makes the record of a channel that has none; false = it has one now.
pub(crate) fn create(env: &dyn Env, record: &Record) -> Result<bool, PlatformError> {
    env.kv_compare_and_set(&key(&record.channel_id), None, Some(&record.encode()), 0)
}

/// Puts `new` in the place of exactly `old`; false = somebody was faster.
pub(crate) fn replace(env: &dyn Env, old: &Stored, new: &Record) -> Result<bool, PlatformError> {
    env.kv_compare_and_set(
        &key(&new.channel_id),
        Some(&old.raw),
        Some(&new.encode()),
        0,
    )
}

/// Deletes exactly this record; false = somebody was faster.
pub(crate) fn delete(env: &dyn Env, old: &Stored) -> Result<bool, PlatformError> {
    env.kv_compare_and_set(&key(&old.record.channel_id), Some(&old.raw), None, 0)
}

/// Changes the record of a call, again and again until nobody interferes. `change` returns false to leave
/// it as it is. Returns the record after it; `None` = the channel has another call or none.
pub(crate) fn update(
    env: &dyn Env,
    channel: &ChannelId,
    call: &CallId,
    mut change: impl FnMut(&mut Record) -> bool,
) -> Result<Option<Record>, PlatformError> {
    for _ in 0..RETRIES_MAX {
        let Some(stored) = load(env, channel)?.filter(|s| s.record.call_id == *call) else {
            return Ok(None);
        };
        let mut record = stored.record.clone();
        if !change(&mut record) || replace(env, &stored, &record)? {
            return Ok(Some(record));
        }
    }
    Err(PlatformError::Unavailable(
        "the call record is contended".to_owned(),
    ))
}

/// Channels that have a record, in order.
pub(crate) fn channels(env: &dyn Env) -> Result<Vec<ChannelId>, PlatformError> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let keys = env.kv_list(PREFIX, &after, PAGE)?;
        found.extend(
            keys.iter()
                .filter_map(|k| ChannelId::parse(k.strip_prefix(PREFIX)?)),
        );
        match keys.last() {
            Some(last) if keys.len() >= PAGE as usize => after.clone_from(last),
            _ => return Ok(found),
        }
    }
}

/// Remembers a record that was ended without the sidecar's word, until that comes.
pub(crate) fn remember_ended(env: &dyn Env, record: &Record) -> Result<(), PlatformError> {
    let key = ended_key(&record.call_id);
    env.kv_compare_and_set(&key, None, Some(&record.encode()), ENDED_EXPIRES_S)
        .map(|_| ())
}

/// Takes what [`remember_ended`] kept.
pub(crate) fn take_ended(env: &dyn Env, call: &CallId) -> Result<Option<Record>, PlatformError> {
    let key = ended_key(call);
    let Some(raw) = env.kv_get(&key)? else {
        return Ok(None);
    };
    let won = env.kv_compare_and_set(&key, Some(&raw), None, 0)?;
    Ok(serde_json::from_slice(&raw).ok().filter(|_| won))
}

/// Whether a sweep missed the call's room before, long enough ago; remembers the first time.
pub(crate) fn missing_again(env: &dyn Env, call: &CallId) -> Result<bool, PlatformError> {
    let key = format!("{MISSING_PREFIX}{call}");
    let now_ms = env.now_ms();
    let Some(first) = env.kv_get(&key)? else {
        let now = now_ms.to_string();
        env.kv_compare_and_set(&key, None, Some(now.as_bytes()), MISSING_EXPIRES_S)?;
        return Ok(false);
    };
    let first_ms: Option<i64> = str::from_utf8(&first).ok().and_then(|ms| ms.parse().ok());
    Ok(first_ms.is_none_or(|first_ms| now_ms - first_ms >= MISSING_FOR_MS))
}

fn key(channel: &ChannelId) -> String {
    format!("{PREFIX}{channel}")
}

fn ended_key(call: &CallId) -> String {
    format!("{ENDED_PREFIX}{call}")
}
