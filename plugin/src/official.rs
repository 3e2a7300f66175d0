//! Sessions of clients that do not come back by themselves when the media server died: official ones.
//!
//! Who is in a call is known to the media server alone. Ours take their sessions up again; the others would
//! look at a frozen call, so they are told that they left, and the platform's store keeps who they are: a key
//! per session, written when it joins and deleted when it leaves.

use serde::{Deserialize, Serialize};

use crate::env::{Env, PlatformError};
use crate::ids::{CallId, ChannelId, SessionId, UserId};
use crate::media::{Event, Session};
use crate::record::Record;

const PREFIX: &str = "o_";
/// A longer call's clients are not told of its move: left behind by a call that ended with its media server,
/// keys go by themselves.
const EXPIRES_S: u32 = 86_400;
/// Of the session's id, as much as a key has room for; it is random.
const SESSION_CHARS: usize = 20;
/// Keys per page.
const PAGE: u32 = 200;

/// One of them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Official {
    pub session_id: SessionId,
    pub user_id: UserId,
    call_id: CallId,
    /// Which room of the call.
    generation: u64,
}

/// The session joined.
pub(crate) fn remember(
    env: &dyn Env,
    event: &Event,
    session: &Session,
) -> Result<(), PlatformError> {
    let Some((key, value)) = entry(event, session) else {
        return Ok(());
    };
    // There already: the event came again.
    env.kv_compare_and_set(&key, None, Some(&value), EXPIRES_S)
        .map(|_| ())
}

/// The session left.
pub(crate) fn forget(env: &dyn Env, event: &Event, session: &Session) -> Result<(), PlatformError> {
    let Some((key, value)) = entry(event, session) else {
        return Ok(());
    };
    env.kv_compare_and_set(&key, Some(&value), None, 0)
        .map(|_| ())
}

/// Takes those that were in the call's room as the record names it.
pub(crate) fn take(env: &dyn Env, record: &Record) -> Result<Vec<Official>, PlatformError> {
    let prefix = prefix(&record.channel_id);
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let keys = env.kv_list(&prefix, &after, PAGE)?;
        for key in &keys {
            let Some(value) = env.kv_get(key)? else {
                continue;
            };
            let won = env.kv_compare_and_set(key, Some(&value), None, 0)?;
            let official = serde_json::from_slice::<Official>(&value).ok();
            found.extend(official.filter(|official| {
                won && official.call_id == record.call_id
                    && official.generation == record.generation
            }));
        }
        match keys.last() {
            Some(last) if keys.len() >= PAGE as usize => after.clone_from(last),
            _ => return Ok(found),
        }
    }
}

/// Key and value; `None` = it comes back by itself, or nobody sees it.
fn entry(event: &Event, session: &Session) -> Option<(String, Vec<u8>)> {
    if session.slots || session.labels.bot {
        return None;
    }
    let short: String = session.id.as_str().chars().take(SESSION_CHARS).collect();
    let official = Official {
        session_id: session.id.clone(),
        user_id: session.user_id.clone(),
        call_id: event.call_id.clone(),
        generation: event.generation,
    };
    let key = format!("{}{short}", prefix(&event.labels.channel_id));
    // Strings and numbers only: this cannot fail.
    Some((key, serde_json::to_vec(&official).unwrap_or_default()))
}

fn prefix(channel: &ChannelId) -> String {
    format!("{PREFIX}{channel}_")
}
