//! HTTP under `/plugins/<id>`: routes as in docs/protocol.md.

use std::collections::BTreeSet;

use parley_flavour::Flavour;
use serde_json::{Value, json};

use crate::Guest;
use crate::access::{self, Action};
use crate::env::{HttpRequest, HttpResponse, Level};
use crate::ids::{ChannelId, UserId};
use crate::publish::call_object;
use crate::rate;
use crate::record;
use crate::refusal::Refusal;

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
            ["join", channel] if get => {
                let followed = self.follow_link(ChannelId::parse(channel).as_ref(), user);
                return followed.unwrap_or_else(|refusal| self.refused(refusal, 503, user));
            }
            _ => {}
        }
        if user.is_empty() {
            return error(401, "sign in first");
        }
        match rate::take(self.env, user) {
            Ok(true) => {}
            Ok(false) => return self.refused(Refusal::RateLimited, 429, user),
            Err(_) => return self.refused(Refusal::Unavailable, 503, user),
        }
        let answer = match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["config"]) => Ok(self.client_config()),
            ("GET", ["channels"]) => self.channels(user).await,
            ("GET", ["calls", channel, "active"]) => self.active(channel, user).await,
            ("POST", ["calls", channel, "end"]) => self.end(channel, user).await,
            ("POST", ["calls", channel, "client-stats"]) => {
                self.client_stats(channel, user, &request.body).await
            }
            ("GET", [channel]) => match ChannelId::parse(channel) {
                Some(channel) => self.channel(&channel, user).await,
                None => return error(404, "not found"),
            },
            _ => return error(404, "not found"),
        };
        match answer {
            Ok(value) => ok(value),
            Err(refusal) => {
                let status = match refusal {
                    Refusal::Unavailable => 503,
                    Refusal::RateLimited => 429,
                    // As the clients of the official protocol expect it: see `end`.
                    _ if request.method == "POST" => 400,
                    _ => 403,
                };
                self.refused(refusal, status, user)
            }
        }
    }

    /// Channels of the user that have a call.
    async fn channels(&self, user: &UserId) -> Result<Value, Refusal> {
        // Calls are few, a user's channels may be many.
        let with_call: BTreeSet<ChannelId> = record::channels(self.env)?.into_iter().collect();
        let mut found = Vec::new();
        if !with_call.is_empty() {
            for channel in self.env.channels_of_user(user)? {
                if with_call.contains(&channel.id)
                    && access::check(
                        self.env,
                        &self.settings,
                        Action::Read,
                        user,
                        &channel.id,
                        false,
                    )
                    .is_ok()
                    && let Some((record, room)) = self.live(&channel.id).await?
                {
                    found.push(json!({
                        "channel_id": channel.id,
                        "enabled": true,
                        "call": call_object(&record, &room),
                    }));
                }
            }
        }
        Ok(Value::Array(found))
    }

    async fn channel(&self, channel: &ChannelId, user: &UserId) -> Result<Value, Refusal> {
        access::check(self.env, &self.settings, Action::Read, user, channel, false)?;
        let mut answer = json!({ "channel_id": channel, "enabled": true });
        if let Some((record, room)) = self.live(channel).await? {
            answer["call"] = call_object(&record, &room);
        }
        Ok(answer)
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
