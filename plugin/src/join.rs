//! `join` and `reconnect`: how a client gets a session, and keeps it.

use serde::Deserialize;

use crate::Guest;
use crate::access::{self, Action};
use crate::call::Start;
use crate::env::{ChannelKind, ClientMessage};
use crate::ids::{ChannelId, ConnectionId, PostId, SessionId};
use crate::media::{Capabilities, Join, MediaError, Room, SessionLabels};
use crate::messages::{json_field, optional_text, text};
use crate::record::{Record, StartedBy};
use crate::refusal::Refusal;
use crate::resume;

/// How often a join is tried again when the call ends or moves at the same moment.
const ATTEMPTS_MAX: usize = 3;
/// How long after a call moved its sessions come back to the places that they had. Later ones are new: they
/// may have left long ago, and nobody remembers.
const PLACES_KEPT_MS: i64 = 60_000;

/// `parley` in `join`: what our own bridge says of itself.
#[derive(Debug, Clone, Deserialize)]
struct Parley {
    v: u32,
    resume: Option<Resume>,
    #[serde(default)]
    unmuted: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Resume {
    session: String,
    token: String,
}

/// The session that a token stands for.
struct Resumed {
    session: SessionId,
    /// For [`SessionLabels::since_ms`].
    since_ms: i64,
}

impl Guest<'_> {
    /// A client joins, or resumes its session. Everything it is told on success follows from the
    /// sidecar's event, so that the order is the same for everybody.
    pub(crate) async fn join(&self, message: &ClientMessage) -> Result<(), Refusal> {
        let channel_id = ChannelId::parse(text(message, "channelID")?)
            .ok_or(Refusal::BadRequest("channelID"))?;
        let parley: Option<Parley> = json_field(message, "parley")?;
        let parley = parley.filter(|parley| parley.v >= 1);
        let user = &message.user_id;
        let grant = access::check(
            self.env,
            &self.settings,
            Action::Join,
            user,
            &channel_id,
            false,
        )?;

        let resumed = match parley.as_ref().and_then(|parley| parley.resume.as_ref()) {
            Some(wanted) => Some(self.resume_session(message, &channel_id, wanted).await?),
            None => None,
        };
        let already = self
            .media
            .find_by_connection(&message.connection_id)
            .await?;
        if already
            .iter()
            .any(|found| Some(&found.session.id) != resumed.as_ref().map(|known| &known.session))
        {
            return Err(Refusal::AlreadyJoined);
        }

        let start = Start {
            title: optional_text(message, "title").to_owned(),
            thread_id: thread(message)?,
            by: StartedBy::Join,
        };
        let slots = parley.is_some();
        let join = Join {
            session_id: match &resumed {
                Some(known) => known.session.clone(),
                None => SessionId::new(message.connection_id.as_str()),
            },
            user_id: user.clone(),
            connection_id: message.connection_id.clone(),
            labels: SessionLabels {
                bot: grant.user.is_bot,
                name: grant.user.shown_name().to_owned(),
                login_session_id: message.login_session_id.clone(),
                resumed: resumed.is_some(),
                since_ms: resumed.as_ref().map_or(0, |known| known.since_ms),
            },
            capabilities: Capabilities {
                dc_signaling: flag(message, "dcSignaling"),
                av1: self.settings.enable_av1 && flag(message, "av1Support"),
                slots,
                // Phones show any remote video as a shared screen, so they get no cameras.
                cameras: !message.is_mobile && self.settings.enable_video,
                max_audio_slots: u32::from(slots && grant.channel.kind == ChannelKind::Direct),
            },
            replaces_session: resumed.is_some(),
            unmuted: parley.is_some_and(|parley| parley.unmuted),
        };
        for _ in 0..ATTEMPTS_MAX {
            let record = if resumed.is_some() {
                let live = self.live(&channel_id).await?;
                live.map(|(record, _)| record)
                    .ok_or(Refusal::ResumeInvalid)?
            } else {
                self.call_to_join(&grant, &channel_id, &start).await?.0
            };
            match self.media.join(&record.room(), join.clone()).await {
                Ok(_) => return Ok(()),
                // The call ended or moved between the two steps: look again.
                Err(MediaError::NotFound | MediaError::Stale) => {}
                Err(MediaError::Forbidden) => return Err(Refusal::ResumeInvalid),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Unavailable)
    }

    /// The running call, else a new one if the user may start one.
    async fn call_to_join(
        &self,
        grant: &access::Grant,
        channel_id: &ChannelId,
        start: &Start,
    ) -> Result<(Record, Room), Refusal> {
        if let Some(live) = self.live(channel_id).await? {
            return Ok(live);
        }
        let user = &grant.user.id;
        access::check(
            self.env,
            &self.settings,
            Action::Start,
            user,
            channel_id,
            false,
        )?;
        let (record, room, _) = self
            .start_or_join(&grant.user, &grant.channel, start)
            .await?;
        Ok((record, room))
    }

    /// The session that the token was given for, with its place among the others: that of the session while
    /// it is there, the token's in the first minute after the call moved, the last one otherwise.
    async fn resume_session(
        &self,
        message: &ClientMessage,
        channel_id: &ChannelId,
        wanted: &Resume,
    ) -> Result<Resumed, Refusal> {
        let session = SessionId::parse(&wanted.session).ok_or(Refusal::ResumeInvalid)?;
        let (record, room) = self.live(channel_id).await?.ok_or(Refusal::ResumeInvalid)?;
        let user = &message.user_id;
        let token = resume::verify(self.env, user, &record.call_id, &session, &wanted.token)?;
        let token_since_ms = token.ok_or(Refusal::ResumeInvalid)?;
        let present = room.sessions.iter().find(|known| known.id == session);
        let since_ms = match present {
            Some(known) => known.labels.since_ms,
            None if self.env.now_ms() - record.moved_at <= PLACES_KEPT_MS => token_since_ms,
            None => 0,
        };
        Ok(Resumed { session, since_ms })
    }

    /// A client came back on another connection: its session's signals go there from now on. Never
    /// answered; what is not the user's own session is ignored.
    pub(crate) async fn reconnect(&self, message: &ClientMessage) -> Result<(), Refusal> {
        let channel_id = ChannelId::parse(text(message, "channelID")?)
            .ok_or(Refusal::BadRequest("channelID"))?;
        let session = SessionId::new(text(message, "originalConnID")?);
        let previous = ConnectionId::new(text(message, "prevConnID")?);
        let user = &message.user_id;
        access::check(
            self.env,
            &self.settings,
            Action::Stay,
            user,
            &channel_id,
            false,
        )?;
        let Some((record, live)) = self.live(&channel_id).await? else {
            return Ok(());
        };
        let Some(known) = live.sessions.iter().find(|known| known.id == session) else {
            return Ok(());
        };
        let mut labels = known.labels.clone();
        // From now on it is this login that the session must not outlive.
        if !message.login_session_id.is_empty() {
            labels
                .login_session_id
                .clone_from(&message.login_session_id);
        }
        // A connection speaks for one session only.
        let speaks = self
            .media
            .find_by_connection(&message.connection_id)
            .await?;
        if speaks.iter().any(|found| found.session.id != session) {
            return Ok(());
        }
        let room = record.room();
        match self
            .media
            .reconnect(
                &room,
                &session,
                user,
                &previous,
                &message.connection_id,
                &labels,
            )
            .await
        {
            // A lost race, a foreign session or none: ignored.
            Err(
                MediaError::NotFound
                | MediaError::Stale
                | MediaError::Forbidden
                | MediaError::Invalid(_),
            ) => Ok(()),
            Ok(()) if known.away => {
                Ok(self.publish_connection(&channel_id, &live, known, "back")?)
            }
            other => other.map_err(Refusal::from),
        }
    }
}

fn flag(message: &ClientMessage, name: &str) -> bool {
    let value = message
        .data
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value);
    matches!(value, Some(crate::env::Value::Boolean(true)))
}

fn thread(message: &ClientMessage) -> Result<PostId, Refusal> {
    match optional_text(message, "threadID") {
        "" => Ok(PostId::default()),
        id => PostId::parse(id).ok_or(Refusal::ThreadInvalid),
    }
}
