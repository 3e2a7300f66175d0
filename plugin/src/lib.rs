//! The guest: who may do what in a call, and what clients and people are told about it.
//!
//! Plain logic over two doors: [`Env`] (platform, store, clock, random, log) and a gRPC service to the
//! media server. It keeps no state: what must last is in the store, what is live is the media server's.
//! Natively it is tested against fakes of both; `wasm/` is the thin shim of the sandbox.
//!
//! Entry points: [`Guest`] and its `on_*` methods, one per export of `wit/world.wit`.

mod access;
mod autocomplete;
mod call;
mod channel_switch;
mod client_config;
mod commands;
mod env;
mod events;
mod host_controls;
mod http;
mod ids;
mod join;
mod link;
mod logs;
mod media;
mod messages;
mod official;
mod platform_events;
mod post;
mod publish;
mod push;
mod rate;
mod reactions;
mod record;
mod recording;
mod refusal;
mod resume;
mod sabotage;
mod standalone;
mod stats;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod turn;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use autocomplete::autocomplete;
pub use env::*;
pub use ids::*;
pub use media::{BoxError, GrpcService, TRACE_METADATA};
pub use parley_settings::{SettingError, Settings};

use media::{Media, MediaError};
use refusal::Refusal;
use text::Lang;

/// The guest during one request.
pub struct Guest<'a> {
    env: &'a dyn Env,
    media: Media<'a>,
    settings: Settings,
}

impl<'a> Guest<'a> {
    /// For one request: nothing of it outlives that.
    pub fn new(env: &'a dyn Env, grpc: GrpcService, context: &Context) -> Self {
        let (settings, refused) = Settings::parse_or_default(&env.settings_json());
        for error in refused {
            env.log(
                Level::Warn,
                "settings",
                &format!("{error}: the default is used"),
            );
        }
        Self {
            env,
            media: Media::new(env, grpc, &context.trace_id),
            settings,
        }
    }

    /// Checks settings before they are stored.
    pub fn on_config(settings_json: &str) -> Result<(), SettingError> {
        Settings::parse(settings_json).map(|_| ())
    }

    /// Each 10 s: records whose room is gone are put right, should nobody look at them otherwise. Not at
    /// first sight: the event that ends a call properly may still be on its way. A recording that a new media
    /// server should go on with is looked after, too.
    pub async fn on_tick(&self) {
        if let Err(error) = self.sweep().await {
            self.env
                .log(Level::Debug, "tick", &format!("not done: {}", error.code()));
        }
    }

    async fn sweep(&self) -> Result<(), Refusal> {
        for channel in record::channels(self.env)? {
            let Some(stored) = record::load(self.env, &channel)? else {
                continue;
            };
            let call = &stored.record.call_id;
            match self.media.room(call).await {
                // Whoever restored the call may have died before its recording went on.
                Ok(room) => self.resume_recording(&stored.record, &room).await?,
                Err(MediaError::NotFound) if record::missing_again(self.env, call)? => {
                    self.live(&channel).await?;
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// The language of a user; English for unknown ones.
    fn lang(&self, user: &UserId) -> Lang {
        self.env
            .user(user)
            .map_or(Lang::En, |user| Lang::of(&user.locale))
    }
}
