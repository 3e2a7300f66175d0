//! The platform's own WebSocket actions.

use serde_json::{Value, json};

use super::super::access::{self, Action};
use super::super::error::ApiResult;
use super::super::event::Target;
use super::super::ids::is_id;
use super::super::store::people;
use super::super::{SERVER_VERSION, limits};
use super::frame::Frame;
use super::{Connection, fail_reply, ok_reply};

impl Connection {
    /// Runs an action; the reply, if it gets one.
    pub(super) async fn act(&self, frame: &Frame) -> Option<String> {
        let seq = frame.seq;
        if frame.action.is_empty() || seq <= 0 {
            let id = "api.web_socket_router.bad_seq.app_error";
            return Some(fail_reply(
                seq,
                id,
                "Invalid sequence for WebSocket message.",
                400,
            ));
        }
        let done = match frame.action.as_str() {
            "ping" => Ok(json!({
                "text": "pong",
                "version": SERVER_VERSION,
                "server_time": self.local.clock.now_ms(),
                "node_id": "",
            })),
            "user_typing" => self.typing(frame).await,
            "user_update_active_status" => self.active(frame).await,
            "get_statuses" => self.statuses(Vec::new()).await,
            "get_statuses_by_ids" => self.statuses(ids(frame)).await,
            "presence" | "posted_notify_ack" | "authentication_challenge" => Ok(Value::Null),
            _ => {
                let id = "api.web_socket_router.bad_action.app_error";
                return Some(fail_reply(seq, id, "Unknown WebSocket action.", 400));
            }
        };
        Some(match done {
            Ok(Value::Null) => ok_reply(seq, None),
            Ok(data) => ok_reply(seq, Some(data)),
            Err(error) => fail_reply(seq, &error.id, &error.message, error.status.as_u16()),
        })
    }

    async fn typing(&self, frame: &Frame) -> ApiResult<Value> {
        let user = self.auth.user.clone();
        let channel = frame.text("channel_id").to_owned();
        let parent = frame.text("parent_id").to_owned();
        self.local
            .db
            .run(move |tx| {
                access::channel(tx, &user, &channel, Action::Post)?;
                let data = json!({"parent_id": parent, "user_id": user.id});
                tx.event(
                    "typing",
                    data,
                    Target::channel(&channel).omit_user(&user.id),
                );
                Ok(Value::Null)
            })
            .await
    }

    async fn active(&self, frame: &Frame) -> ApiResult<Value> {
        let active = frame
            .data
            .iter()
            .any(|(k, v)| k == "user_is_active" && *v == crate::hooks::Value::Boolean(true));
        let user = self.auth.user.id.clone();
        self.local
            .db
            .run(move |tx| {
                let now = people::status(tx, &user, true)?;
                if !now.manual {
                    let status = if active { "online" } else { "away" };
                    people::set_status(tx, &user, status, false)?;
                }
                Ok(Value::Null)
            })
            .await
    }

    async fn statuses(&self, ids: Vec<String>) -> ApiResult<Value> {
        let hub = self.local.hub.clone();
        let ids = if ids.is_empty() {
            vec![self.auth.user.id.clone()]
        } else {
            ids
        };
        self.local
            .db
            .run(move |tx| {
                let mut map = serde_json::Map::new();
                for id in ids {
                    let status = people::status(tx, &id, hub.is_connected(&id))?;
                    map.insert(id, status.status.into());
                }
                Ok(Value::Object(map))
            })
            .await
    }

    /// Tells the user's clients what the first or last connection changed.
    pub(super) async fn announce_status(&self, connected: bool) {
        let user = self.auth.user.id.clone();
        let told = self
            .local
            .db
            .run(move |tx| {
                let status = people::status(tx, &user, connected)?;
                let data = json!({"user_id": user, "status": status.status});
                tx.event("status_change", data, Target::user(&user));
                Ok(())
            })
            .await;
        if let Err(error) = told {
            tracing::debug!(%error, "status not announced");
        }
    }
}

fn ids(frame: &Frame) -> Vec<String> {
    frame
        .data
        .iter()
        .filter_map(|(key, value)| match value {
            crate::hooks::Value::Json(text) if key == "user_ids" => Some(text),
            _ => None,
        })
        .filter_map(|text| serde_json::from_str::<Vec<String>>(text).ok())
        .flatten()
        .filter(|id| is_id(id))
        .take(limits::IDS_MAX)
        .collect()
}
