//! Events of the platform and restarts of the media server: who loses a right leaves the call at once.

use serde_json::json;

use crate::Guest;
use crate::access::{self, Action};
use crate::env::{Level, PlatformError, PlatformEvent};
use crate::events::{EventError, removal_reason};
use crate::ids::{ChannelId, ConnectionId, UserId};
use crate::media::{LeaveReason, MediaError, RoomRef, Session, Who};
use crate::record;
use crate::refusal::Refusal;

impl Guest<'_> {
    /// Handles an event of the platform. What fails here is made up for once a minute.
    pub async fn on_platform_event(&self, event: PlatformEvent) {
        let done = match &event {
            PlatformEvent::Connected { .. } | PlatformEvent::JoinedChannel { .. } => Ok(()),
            PlatformEvent::Disconnected { connection_id, .. } => {
                self.disconnected(connection_id).await
            }
            PlatformEvent::LeftChannel {
                channel_id,
                user_id,
            } => self.recheck(user_id, Some(channel_id)).await,
            PlatformEvent::UserDeactivated { user_id } => self.recheck(user_id, None).await,
            PlatformEvent::ChannelArchived { channel_id } => self.archived(channel_id).await,
            PlatformEvent::LoginRevoked {
                login_session_id,
                user_id,
            } => self.signed_out(user_id, login_session_id).await,
        };
        if let Err(error) = done {
            // Without a media server there are no sessions to look after; the host says that it is gone.
            let level = match error {
                EventError::Media(MediaError::Unavailable(_)) => Level::Info,
                _ => Level::Warn,
            };
            self.env.log(level, "platform", &error.to_string());
        }
    }

    /// A connection is gone: perhaps a closed tab, perhaps a reload. Its sessions wait for another one; the
    /// others are told, because until then nobody knows who is there.
    async fn disconnected(&self, connection: &ConnectionId) -> Result<(), EventError> {
        if self.media.detach(connection).await? == 0 {
            return Ok(());
        }
        for found in self.media.find_by_connection(connection).await? {
            let room = self.media.room(&found.call_id).await?;
            self.publish_connection(&found.channel_id, &room, &found.session, "away")?;
        }
        Ok(())
    }

    /// Removes a user's sessions (in one channel or all) where it may not stay any more.
    async fn recheck(&self, user: &UserId, channel: Option<&ChannelId>) -> Result<(), EventError> {
        for found in self.media.find_by_user(user).await? {
            let here = &found.channel_id;
            if channel.is_some_and(|channel| channel != here) {
                continue;
            }
            // The event only says that something changed: the platform knows how it is now.
            let stay = access::check(self.env, &self.settings, Action::Stay, user, here, false);
            if let Err(refusal) = stay
                && let Some(reason) = removal_reason(refusal)
            {
                self.remove(&found.room(), here, &found.session, reason)
                    .await?;
            }
        }
        Ok(())
    }

    async fn archived(&self, channel: &ChannelId) -> Result<(), EventError> {
        match self.env.channel(channel) {
            Ok(channel) if channel.delete_at == 0 => return Ok(()),
            Ok(_) | Err(PlatformError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(stored) = record::load(self.env, channel)? else {
            return Ok(());
        };
        let call_id = stored.record.call_id;
        match self.media.room(&call_id).await {
            Ok(live) => {
                // While a call is being restored its room is ahead of the record.
                let room = RoomRef {
                    call_id,
                    generation: live.generation,
                };
                for session in &live.sessions {
                    self.publish_removed(channel, session, "archived")?;
                }
                Ok(self.media.end_room(&room, None).await?)
            }
            Err(MediaError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn signed_out(&self, user: &UserId, login_session: &str) -> Result<(), EventError> {
        if login_session.is_empty() {
            return Ok(());
        }
        for found in self.media.find_by_user(user).await? {
            if found.session.labels.login_session_id == login_session {
                let (room, channel) = (found.room(), &found.channel_id);
                self.remove(&room, channel, &found.session, "signed_out")
                    .await?;
            }
        }
        Ok(())
    }

    /// Ends a session and tells its user why.
    pub(crate) async fn remove(
        &self,
        room: &RoomRef,
        channel: &ChannelId,
        session: &Session,
        reason: &str,
    ) -> Result<(), EventError> {
        let who = Who::Session(session.id.clone());
        match self.media.leave(room, who, LeaveReason::Forbidden).await {
            Ok(_) | Err(MediaError::NotFound | MediaError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
        // After the removal: whoever cannot be told is out all the same.
        Ok(self.publish_removed(channel, session, reason)?)
    }

    /// `parley_removed`: your session was ended.
    pub(crate) fn publish_removed(
        &self,
        channel: &ChannelId,
        session: &Session,
        reason: &str,
    ) -> Result<(), PlatformError> {
        let data = json!({ "channelID": channel, "session_id": session.id, "reason": reason });
        self.to_user("parley_removed", channel, &session.user_id, data)
    }

    /// The media server is new: every call whose room it does not know gets one again. Idempotent.
    pub async fn on_media_restart(&self, start_id: &str) -> Result<(), String> {
        let channels = record::channels(self.env).map_err(|error| error.to_string())?;
        let mut failed = None;
        for channel in channels {
            if let Err(refusal) = self.restore_channel(&channel, start_id).await {
                // The others first; the host tries again.
                failed = Some(format!("{channel}: {}", refusal.code()));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn restore_channel(&self, channel: &ChannelId, start_id: &str) -> Result<(), Refusal> {
        let Some(stored) = record::load(self.env, channel)? else {
            return Ok(());
        };
        match self.media.room(&stored.record.call_id).await {
            Err(MediaError::NotFound) if stored.record.start_id != start_id => {
                self.restore(&stored, start_id).await
            }
            // Known, or ended on this very start: its event is on the way.
            Ok(_) | Err(MediaError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
