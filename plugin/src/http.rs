//! HTTP under `/plugins/<id>`: routes as in docs/protocol.md.

use std::collections::BTreeSet;

use parley_flavour::Flavour;
use serde_json::{Value, json};

use crate::Guest;
use crate::access::{self, Action};
use crate::channel_switch;
use crate::env::{ChannelKind, HttpRequest, HttpResponse, Level};
use crate::ids::{ChannelId, UserId};
use crate::logs;
use crate::rate::{self, Limited};
use crate::record;
use crate::refusal::Refusal;

/// Longest body of any request but one with logs.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl Guest<'_> {
    /// Answers a request.
    pub async fn on_http(&self, request: HttpRequest) -> HttpResponse {
        let segments: Vec<&str> = request
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let user = &request.user_id;
        let get = matches!(request.method.as_str(), "GET" | "HEAD");
        // Served to everybody.
        match segments.as_slice() {
            ["version"] if get => {
                let (id, ours) = (self.env.plugin_id(), self.env.plugin_version());
                let flavour = Flavour::of(&id).unwrap_or(Flavour::Own);
                return ok(json!({
                    "version": flavour.version_before_clients(&ours),
                    "build": "",
                }));
            }
            ["standalone", "widget.html"] if get => return self.standalone_page(),
            ["join", channel] if get => {
                let followed = self.follow_link(ChannelId::parse(channel).as_ref(), user);
                return followed.unwrap_or_else(|refusal| self.refused(refusal, 503, user));
            }
            _ => {}
        }
        if user.is_empty() {
            return error(401, "sign in first");
        }
        match rate::take(self.env, Limited::Requests, user) {
            Ok(true) => {}
            Ok(false) => return self.refused(Refusal::RateLimited, 429, user),
            Err(_) => return self.refused(Refusal::Unavailable, 503, user),
        }
        let is_logs = segments == ["logs", "upload"];
        if request.body.len()
            > if is_logs {
                logs::BODY_BYTES_MAX
            } else {
                BODY_BYTES_MAX
            }
        {
            return error(413, "the body is too long");
        }
        let answer = match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["config"]) => Ok(self.client_config()),
            ("GET", ["channels"]) => self.channels(user).await,
            ("GET", ["calls", channel, "active"]) => self.active(channel, user).await,
            ("GET", ["turn-credentials"]) => self.turn_credentials(user),
            ("POST", ["calls", channel, "end"] | ["calls", channel, "host", "end"]) => {
                self.end(channel, user).await
            }
            (
                "POST",
                [
                    "calls",
                    channel,
                    "host",
                    action @ ("make" | "mute" | "mute-others" | "screen-off" | "lower-hand"
                    | "remove"),
                ],
            ) => self.control(channel, user, action, &request.body).await,
            ("POST", ["calls", channel, "recording", action]) => {
                self.record(channel, user, action, &request.body).await
            }
            ("POST", ["calls", channel, "dismiss-notification"]) => {
                self.dismiss(channel, user).await
            }
            ("POST", ["calls", channel, "client-stats"]) => {
                self.client_stats(channel, user, &request.body).await
            }
            ("POST", ["logs", "upload"]) => self.upload_logs(user, &request.body),
            ("GET", [channel]) => match ChannelId::parse(channel) {
                Some(channel) => self.channel(&channel, user).await,
                None => return error(404, "not found"),
            },
            ("POST", [channel]) => match ChannelId::parse(channel) {
                Some(channel) => self.switch_channel(&channel, user, &request.body),
                None => return error(404, "not found"),
            },
            _ => return error(404, "not found"),
        };
        match answer {
            Ok(value) => ok(value),
            Err(refusal) => {
                let status = match refusal {
                    Refusal::Unavailable
                    | Refusal::NoMediaServer(_)
                    | Refusal::FileRefused
                    | Refusal::RecordingNoSpace
                    | Refusal::TooManyRecordings => 503,
                    Refusal::RateLimited => 429,
                    Refusal::NoPermission if segments.len() == 1 || is_logs => 403,
                    // As the clients of the official protocol expect it.
                    Refusal::BadRequest(_) if request.method == "POST" => 400,
                    _ if segments.get(2) == Some(&"recording") => 403,
                    // As above: see `end`.
                    _ if request.method == "POST" => 400,
                    _ => 403,
                };
                self.refused(refusal, status, user)
            }
        }
    }

    /// Channels of the user that have a call or a switch of their own.
    async fn channels(&self, user: &UserId) -> Result<Value, Refusal> {
        // Calls are few, a user's channels may be many.
        let with_call: BTreeSet<ChannelId> = record::channels(self.env)?.into_iter().collect();
        let switched = channel_switch::all(self.env)?;
        let mut found = Vec::new();
        if !with_call.is_empty() || !switched.is_empty() {
            for channel in self.env.channels_of_user(user)? {
                let id = &channel.id;
                let matters = with_call.contains(id) || switched.contains(id);
                if matters
                    && self.may_read(user, id)
                    && let Some(shown) = self.shown(user, id).await?
                {
                    found.push(shown);
                }
            }
        }
        Ok(Value::Array(found))
    }

    fn may_read(&self, user: &UserId, channel: &ChannelId) -> bool {
        let read = Action::Read;
        access::check(self.env, &self.settings, read, user, channel, false).is_ok()
    }

    async fn channel(&self, channel: &ChannelId, user: &UserId) -> Result<Value, Refusal> {
        let read = Action::Read;
        access::check(self.env, &self.settings, read, user, channel, false)?;
        let shown = self.shown(user, channel).await?;
        Ok(shown.unwrap_or_else(|| json!({ "channel_id": channel })))
    }

    /// What there is to say of a channel; `None` = nothing.
    async fn shown(&self, user: &UserId, channel: &ChannelId) -> Result<Option<Value>, Refusal> {
        let mut shown = json!({ "channel_id": channel });
        let enabled = self.shown_enabled(channel)?;
        if let Some(enabled) = enabled {
            shown["enabled"] = json!(enabled);
        }
        let live = self.live(channel).await?;
        if let Some((record, room)) = &live {
            shown["call"] = self.call_object_for(user, record, room);
        }
        Ok((enabled.is_some() || live.is_some()).then_some(shown))
    }

    async fn active(&self, channel: &str, user: &UserId) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        access::check(
            self.env,
            &self.settings,
            Action::Read,
            user,
            &channel,
            false,
        )?;
        Ok(json!({ "active": self.live(&channel).await?.is_some() }))
    }

    async fn end(&self, channel: &str, user: &UserId) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        self.end_for_all(&channel, user).await?;
        Ok(success())
    }

    async fn control(
        &self,
        channel: &str,
        user: &UserId,
        action: &str,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        self.host_control(&channel, user, action, body).await?;
        Ok(success())
    }

    async fn record(
        &self,
        channel: &str,
        user: &UserId,
        action: &str,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        self.recording_control(&channel, user, action, body).await
    }

    /// The user does not want to be called any more: told to all of the user's devices.
    async fn dismiss(&self, channel: &str, user: &UserId) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        let read = Action::Read;
        let grant = access::check(self.env, &self.settings, read, user, &channel, false)?;
        let (record, _) = self.live(&channel).await?.ok_or(Refusal::NoCall)?;
        // Nobody is called elsewhere, and there the list could grow without end.
        if matches!(grant.channel.kind, ChannelKind::Direct | ChannelKind::Group) {
            record::update(self.env, &channel, &record.call_id, |record| {
                let new = !record.dismissed.contains(user);
                if new {
                    record.dismissed.push(user.clone());
                }
                new
            })?;
        }
        let data = json!({ "userID": user, "callID": record.call_id, "channelID": channel });
        self.to_user("user_dismissed_notification", &channel, user, data)?;
        Ok(success())
    }

    async fn client_stats(
        &self,
        channel: &str,
        user: &UserId,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let channel = ChannelId::parse(channel).ok_or(Refusal::BadRequest("channel_id"))?;
        self.keep_report(&channel, user, body).await?;
        Ok(success())
    }

    fn refused(&self, refusal: Refusal, status: u16, user: &UserId) -> HttpResponse {
        self.env.log(
            Level::Debug,
            "http",
            &format!("refused: {}", refusal.code()),
        );
        error(status, &refusal.text(self.lang(user)))
    }
}

fn success() -> Value {
    json!({ "message": "success", "status_code": 200 })
}

fn ok(value: Value) -> HttpResponse {
    json_response(200, &value)
}

fn error(status: u16, message: &str) -> HttpResponse {
    json_response(
        status,
        &json!({ "message": message, "status_code": status }),
    )
}

fn json_response(status: u16, value: &Value) -> HttpResponse {
    let headers = [
        // Exactly so: the platform's own client takes nothing else for JSON.
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    HttpResponse {
        status,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: value.to_string().into_bytes(),
    }
}
