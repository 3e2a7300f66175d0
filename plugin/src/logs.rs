//! Logs that a client's `/call logs` hands in: given back to the user as a file, for whoever helps them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Guest;
use crate::access::{self, Action};
use crate::env::File;
use crate::ids::{ChannelId, UserId};
use crate::rate::{self, Limited};
use crate::refusal::Refusal;
use crate::text::Text;

/// Longest request with logs: what clients of the published protocol may send.
pub(crate) const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The team is sent, too, and says nothing that the channel does not.
#[derive(Deserialize)]
struct Body {
    logs: String,
    channel_id: String,
}

impl Guest<'_> {
    /// Sends the user their logs.
    pub(crate) fn upload_logs(&self, user: &UserId, body: &[u8]) -> Result<Value, Refusal> {
        let body: Body = serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("body"))?;
        let channel =
            ChannelId::parse(&body.channel_id).ok_or(Refusal::BadRequest("channel_id"))?;
        if body.logs.trim().is_empty() {
            return Err(Refusal::BadRequest("logs"));
        }
        let read = Action::Read;
        access::check(self.env, &self.settings, read, user, &channel, false)?;
        if !rate::take(self.env, Limited::Logs, user)? {
            return Err(Refusal::RateLimited);
        }
        let file = File {
            name: format!("call-logs-{}.txt", self.env.now_ms()),
            data: body.logs.into_bytes(),
        };
        // Whatever the platform says: what it refuses is this file.
        self.env
            .send_file(user, Text::LogsSent.get(self.lang(user)), file)
            .map_err(|_| Refusal::FileRefused)?;
        Ok(json!({}))
    }
}
