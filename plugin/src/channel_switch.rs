//! Calls switched on or off in single channels, in the place of the setting for all of them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Guest;
use crate::access::{self, Action};
use crate::env::{Env, PlatformError};
use crate::ids::{ChannelId, UserId};
use crate::refusal::Refusal;

/// Prefix of the keys.
const PREFIX: &str = "n_";
/// How often a lost compare-and-set is tried again.
const RETRIES_MAX: usize = 8;
/// Keys per page.
const PAGE: u32 = 1_000;
const ON: &[u8] = b"on";
const OFF: &[u8] = b"off";

/// What was chosen for a channel; `None` = nothing, the setting for all channels counts.
pub(crate) fn load(env: &dyn Env, channel: &ChannelId) -> Result<Option<bool>, PlatformError> {
    Ok(env.kv_get(&key(channel))?.map(|raw| raw == ON))
}

/// Channels for which something was chosen.
pub(crate) fn all(env: &dyn Env) -> Result<BTreeSet<ChannelId>, PlatformError> {
    let mut found = BTreeSet::new();
    let mut after = String::new();
    loop {
        let keys = env.kv_list(PREFIX, &after, PAGE)?;
        let channels = keys
            .iter()
            .filter_map(|key| ChannelId::parse(key.strip_prefix(PREFIX)?));
        found.extend(channels);
        match keys.last() {
            Some(last) if keys.len() >= PAGE as usize => after.clone_from(last),
            _ => return Ok(found),
        }
    }
}

fn store(env: &dyn Env, channel: &ChannelId, enabled: bool) -> Result<(), PlatformError> {
    let key = key(channel);
    let new = if enabled { ON } else { OFF };
    for _ in 0..RETRIES_MAX {
        let old = env.kv_get(&key)?;
        if env.kv_compare_and_set(&key, old.as_deref(), Some(new), 0)? {
            return Ok(());
        }
    }
    Err(PlatformError::Unavailable(
        "the channel's switch is contended".to_owned(),
    ))
}

fn key(channel: &ChannelId) -> String {
    format!("{PREFIX}{channel}")
}

impl Guest<'_> {
    /// `POST /{channel_id}`: a running call goes on, another cannot be started.
    pub(crate) fn switch_channel(
        &self,
        channel: &ChannelId,
        user: &UserId,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        #[derive(Deserialize)]
        struct Wanted {
            enabled: bool,
        }
        access::check(
            self.env,
            &self.settings,
            Action::Switch,
            user,
            channel,
            false,
        )?;
        let wanted: Wanted =
            serde_json::from_slice(body).map_err(|_| Refusal::BadRequest("enabled"))?;
        store(self.env, channel, wanted.enabled)?;
        let name = if wanted.enabled {
            "channel_enable_voice"
        } else {
            "channel_disable_voice"
        };
        self.to_channel(name, channel, json!({ "channelID": channel }))?;
        Ok(json!({ "channel_id": channel, "enabled": wanted.enabled }))
    }

    /// What clients shall show; `None` = they go by the configuration, in which calls are in test mode.
    pub(crate) fn shown_enabled(&self, channel: &ChannelId) -> Result<Option<bool>, Refusal> {
        let chosen = load(self.env, channel)?;
        Ok(chosen.or(self.settings.default_enabled.then_some(true)))
    }
}
