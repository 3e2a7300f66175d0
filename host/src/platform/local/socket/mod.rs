//! `/api/v4/websocket`: one task per connection, and one beside it that hands the client's messages to
//! the plugin in order.

mod actions;
mod frame;
mod plugin;

use std::sync::{Arc, PoisonError};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::{SinkExt, StreamExt};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};
use serde_json::json;
use tokio::time::{Instant, interval_at, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::frame::Frame;
use super::auth::Auth;
use super::error::{ApiError, ApiResult};
use super::event::{Event, Target};
use super::hub::{Audience, Drops};
use super::store::sessions;
use super::{Local, limits};
use crate::hooks;
use crate::platform::rate::Bucket;

/// Close codes: RFC 6455 section 7.4.1.
const CLOSE_GOING_AWAY: u16 = 1001;
const CLOSE_POLICY: u16 = 1008;

/// `GET /api/v4/websocket`.
pub(crate) async fn upgrade(
    State(local): State<Arc<Local>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> ApiResult<Response> {
    // A browser always says where the script comes from: cookies of our users must not work elsewhere.
    if !same_origin(&local, &headers) {
        return Err(ApiError::bad(
            "api.web_socket.connect.check_origin.app_error",
            "Failed to upgrade the connection: wrong origin.",
        ));
    }
    let auth = Auth::find(&local, &Method::GET, &headers).await?;
    Ok(upgrade
        .max_message_size(limits::SOCKET_FRAME_BYTES_MAX)
        .max_frame_size(limits::SOCKET_FRAME_BYTES_MAX)
        .read_buffer_size(limits::SOCKET_READ_BUFFER_BYTES)
        .on_upgrade(move |socket| async move {
            Box::pin(serve(local, socket, auth)).await;
        }))
}

fn same_origin(local: &Local, headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &http::HeaderValue| v.to_str().ok())
    };
    let Some(origin) = text(ORIGIN) else {
        return true;
    };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let own = local
        .site
        .url
        .split_once("://")
        .map_or("", |(_, rest)| rest);
    let own = own.split('/').next().unwrap_or_default();
    text(HOST) == Some(host) || (!own.is_empty() && own == host)
}

async fn serve(local: Arc<Local>, mut socket: WebSocket, auth: Option<Auth>) {
    let (auth, challenge_seq) = match auth {
        Some(auth) => (auth, None),
        None => {
            let Ok(_place) = local.hub.unauthenticated.try_acquire() else {
                return close(&mut socket, CLOSE_POLICY, "too many connections").await;
            };
            match challenge(&local, &mut socket).await {
                Some((auth, seq)) => (auth, Some(seq)),
                None => return close(&mut socket, CLOSE_POLICY, "not authenticated").await,
            }
        }
    };
    let attached = match local
        .hub
        .attach(&auth.user.id, &auth.session.id, super::SERVER_VERSION)
    {
        Ok(attached) => attached,
        Err(_) => return close(&mut socket, CLOSE_POLICY, "too many connections").await,
    };
    if let Some(seq) = challenge_seq {
        local
            .hub
            .reply(&attached.connection_id, ok_reply(seq, None));
    }
    let connection = Connection {
        id: attached.connection_id.clone(),
        plugin: plugin::Queue::start(&local, &attached.connection_id, &auth),
        auth,
        local,
    };
    connection.announce_status(true).await;
    connection
        .run(socket, attached.outgoing, attached.closed)
        .await;
    let last = connection.local.hub.detach(&connection.id);
    if last {
        connection.announce_status(false).await;
    }
    // With the queue goes the plugin's hearing of it: the rest of the messages, then "disconnected".
    drop(connection);
}

/// `{"status":"OK","seq_reply":…}`.
fn ok_reply(seq: i64, data: Option<serde_json::Value>) -> String {
    match data {
        Some(data) => json!({"status": "OK", "data": data, "seq_reply": seq}),
        None => json!({"status": "OK", "seq_reply": seq}),
    }
    .to_string()
}

fn fail_reply(seq: i64, id: &str, message: &str, status: u16) -> String {
    json!({
        "status": "FAIL",
        "seq_reply": seq,
        "error": {
            "id": id, "message": message, "detailed_error": "", "request_id": "",
            "status_code": status,
        },
    })
    .to_string()
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let goodbye = socket.send(Message::Close(Some(frame)));
    let _ = timeout(limits::SOCKET_WRITE_TIMEOUT, goodbye).await;
}

fn parse(message: &Message) -> Option<Frame> {
    match message {
        Message::Text(text) => frame::parse_json(text.as_str()),
        Message::Binary(bytes) => frame::parse_msgpack(bytes),
        _ => None,
    }
}

/// Waits for `authentication_challenge`, not for long.
async fn challenge(local: &Local, socket: &mut WebSocket) -> Option<(Auth, i64)> {
    let deadline = Instant::now() + limits::SOCKET_AUTH_TIMEOUT;
    // A handful of other messages is answered; more is not patience but noise.
    for _ in 0..8 {
        let message = timeout_at(deadline, socket.next()).await.ok()??.ok()?;
        let Some(frame) = parse(&message) else {
            continue;
        };
        if frame.action == "authentication_challenge" {
            let auth = Auth::counted(local, frame.text("token")).await.ok()??;
            return Some((auth, frame.seq));
        }
        let text = fail_reply(
            frame.seq,
            "api.web_socket_router.not_authenticated.app_error",
            "WebSocket connection is not authenticated. Please log in and try again.",
            401,
        );
        timeout_at(deadline, socket.send(Message::Text(text.into())))
            .await
            .ok()?
            .ok()?;
    }
    None
}

/// An authenticated connection.
struct Connection {
    id: String,
    local: Arc<Local>,
    auth: Auth,
    plugin: plugin::Queue,
}

impl Connection {
    async fn run(
        &self,
        socket: WebSocket,
        mut outgoing: tokio::sync::mpsc::Receiver<String>,
        closed: CancellationToken,
    ) {
        let (mut sink, mut stream) = socket.split();
        let start = Instant::now();
        let mut ping = interval_at(start + limits::SOCKET_PING_EVERY, limits::SOCKET_PING_EVERY);
        let check = limits::SOCKET_SESSION_CHECK;
        let mut check = interval_at(start + check, check);
        let mut heard = start;
        let mut rate = Bucket::new(
            limits::SOCKET_MESSAGES_BURST,
            limits::SOCKET_MESSAGES_PER_S,
            start,
        );
        let mut refusals = Bucket::new(1.0, limits::SOCKET_REFUSALS_PER_S, start);
        let mut code = CLOSE_GOING_AWAY;
        loop {
            let message = tokio::select! {
                biased;
                // Closing comes first: a revoked session hears nothing more.
                () = closed.cancelled() => {
                    code = CLOSE_POLICY;
                    break;
                }
                text = outgoing.recv() => match text {
                    Some(text) => Message::Text(text.into()),
                    None => break,
                },
                received = stream.next() => {
                    let Some(Ok(message)) = received else { break };
                    heard = Instant::now();
                    if matches!(message, Message::Close(_)) {
                        break;
                    }
                    if rate.take(heard) && self.user_may(heard) {
                        self.handle(&message, &mut refusals, heard).await;
                    } else {
                        self.drop_one(&message, &mut refusals, heard).await;
                    }
                    continue;
                }
                _ = ping.tick() => Message::Ping(bytes::Bytes::new()),
                _ = check.tick() => {
                    if self.still_good().await { continue } else { break }
                }
                () = tokio::time::sleep_until(heard + limits::SOCKET_READ_TIMEOUT) => break,
            };
            let sent = tokio::select! {
                sent = timeout(limits::SOCKET_WRITE_TIMEOUT, sink.send(message)) => sent,
                () = closed.cancelled() => {
                    code = CLOSE_POLICY;
                    break;
                }
            };
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        let goodbye = sink.send(Message::Close(Some(frame)));
        // A client that does not read must not keep its connection's end waiting.
        let _ = timeout(std::time::Duration::from_millis(200), goodbye).await;
    }

    async fn handle(&self, message: &Message, refusals: &mut Bucket, now: Instant) {
        if matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return;
        }
        let Some(frame) = parse(message) else {
            Drops::count(&self.local.hub.drops.malformed);
            return;
        };
        if let Some(action) = frame.action.strip_prefix(&self.prefix()) {
            let sent = self.plugin.push(&self.local, action.to_owned(), frame.data);
            if !sent && refusals.take(now) {
                self.tell_dropped(action);
            }
        } else if !frame.action.starts_with("custom_")
            && let Some(answer) = self.act(&frame).await
        {
            self.local.hub.reply(&self.id, answer);
        }
    }

    /// Drops a message that is over the limit.
    async fn drop_one(&self, message: &Message, refusals: &mut Bucket, now: Instant) {
        Drops::count(&self.local.hub.drops.rate_limited);
        if refusals.take(now) {
            self.refuse(message);
        }
        // Reading what lies ready never waits: a flood would keep this thread from everybody else.
        tokio::time::sleep(limits::SOCKET_DROPPED_PAUSE).await;
    }

    /// Answers a message that was dropped. Without a number of its own it cannot be: an answer to 0 is
    /// an event for clients, out of order. Nobody's answers are those of plugins' actions.
    fn refuse(&self, message: &Message) {
        let Some(frame) = parse(message) else {
            return;
        };
        if let Some(action) = frame.action.strip_prefix(&self.prefix()) {
            return self.tell_dropped(action);
        }
        if frame.action.starts_with("custom_") || frame.seq <= 0 {
            return;
        }
        let text = fail_reply(
            frame.seq,
            "api.web_socket_router.rate_limited.app_error",
            "Too many messages. This one was dropped.",
            429,
        );
        self.local.hub.reply(&self.id, text);
    }

    /// An action of the plugin's went no further.
    fn tell_dropped(&self, action: &str) {
        let event = Event {
            name: self.prefix() + hooks::DROPPED_EVENT,
            data: hooks::dropped_data(&self.id, action),
            to: Target {
                connection_id: self.id.clone(),
                ..Target::default()
            },
        };
        let audience = Audience::Connection(self.id.clone());
        self.local.hub.deliver(&event, &audience);
    }

    /// Of the plugin's actions and events.
    fn prefix(&self) -> String {
        format!("custom_{}_", self.local.plugin_id)
    }

    /// One more message of this user, over all connections: more of them are no way around the limit.
    fn user_may(&self, now: Instant) -> bool {
        let messages = &self.local.messages;
        let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages
            .get(self.auth.user.id.clone(), now)
            .is_some_and(|bucket| bucket.take(now))
    }

    /// Revocation closes sockets at once; this is for sessions that ran out.
    async fn still_good(&self) -> bool {
        let id = self.auth.session.id.clone();
        self.local
            .db
            .run(move |tx| sessions::is_live(tx, &id))
            .await
            .unwrap_or(true)
    }
}
