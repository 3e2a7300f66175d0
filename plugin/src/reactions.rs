//! Reactions: an emoji that everybody in the call sees for a moment. Nothing is kept.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Guest;
use crate::access::{self, Action};
use crate::env::ClientMessage;
use crate::media::MediaError;
use crate::messages::state_data;
use crate::rate::{self, Limited};
use crate::refusal::Refusal;

/// Longest part of an emoji, in bytes: the longest name there is has 54.
const PART_BYTES_MAX: usize = 64;

/// As the client named it.
#[derive(Serialize, Deserialize)]
struct Emoji {
    name: String,
    /// Code points in hexadecimal, joined by `-`.
    unified: String,
    #[serde(default)]
    skin: String,
    #[serde(default)]
    literal: String,
}

impl Guest<'_> {
    /// `react`: who is not in a call reacts to nothing.
    pub(crate) async fn react(&self, message: &ClientMessage) -> Result<(), Refusal> {
        let Some(found) = self.own_session(message).await? else {
            return Ok(());
        };
        let emoji: Emoji = state_data(message)?;
        let parts = [&emoji.name, &emoji.unified, &emoji.skin, &emoji.literal];
        let too_long = parts.iter().any(|part| part.len() > PART_BYTES_MAX);
        if too_long || emoji.name.is_empty() {
            return Err(Refusal::BadRequest("data"));
        }
        let (user, channel) = (&message.user_id, &found.channel_id);
        access::check(self.env, &self.settings, Action::Stay, user, channel, false)?;
        if !rate::take(self.env, Limited::Reactions, user)? {
            return Err(Refusal::RateLimited);
        }
        let room = match self.media.room(&found.call_id).await {
            // It ended meanwhile.
            Err(MediaError::NotFound) => return Ok(()),
            other => other?,
        };
        let data = json!({
            "user_id": user,
            "session_id": found.session.id,
            "emoji": emoji,
            "timestamp": self.env.now_ms(),
            "channelID": channel,
        });
        Ok(self.to_users_of("user_reacted", channel, &room.sessions, &data)?)
    }
}
