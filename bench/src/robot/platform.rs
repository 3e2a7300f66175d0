//! The robot's way into the platform: a one-time sign-in, then the WebSocket every client uses.

use anyhow::{Context as _, bail};
use futures::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::Orders;

/// Largest event taken, bytes.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// What the robot cares about.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A call began.
    CallStart { channel_id: String },
    /// Answer to `call_state`.
    CallState { channel_id: String, sessions: usize },
    /// Our join was accepted.
    Joined,
    /// Our join was refused.
    Refused(String),
    /// SDP or a candidate, JSON text.
    Signal(String),
    /// Somebody came (+1) or left (-1).
    Presence { channel_id: String, change: i32 },
    /// The call ended for all.
    CallEnd,
    /// Anything else.
    Other,
}

/// A signed-in connection.
pub(super) struct Platform {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    prefix: String,
    sequence: u64,
}

impl Platform {
    pub(super) async fn sign_in(orders: &Orders) -> anyhow::Result<Self> {
        let link: http::Uri = orders.sign_in.parse().context("sign_in")?;
        let authority = link.authority().context("sign_in has no host")?.to_string();
        let client = HttpClient::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let response = client.get(link).await.context("signing in")?;
        let token = response
            .headers()
            .get_all(http::header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok())
            .find_map(|cookie| cookie.strip_prefix("MMAUTHTOKEN=")?.split(';').next())
            .context("the one-time link was refused")?
            .to_owned();
        response.into_body().collect().await.context("signing in")?;

        let mut request = format!("ws://{authority}/api/v4/websocket").into_client_request()?;
        request
            .headers_mut()
            .insert("authorization", format!("Bearer {token}").parse()?);
        let (socket, _) = tokio_tungstenite::connect_async(request)
            .await
            .context("web socket")?;
        Ok(Self {
            socket,
            prefix: format!("custom_{}_", orders.plugin_id),
            sequence: 0,
        })
    }

    /// Sends an action of the plugin as JSON.
    pub(super) async fn send(&mut self, action: &str, data: Value) -> anyhow::Result<()> {
        self.sequence += 1;
        let message =
            json!({"action": self.prefix.clone() + action, "seq": self.sequence, "data": data});
        self.put(Message::text(message.to_string())).await
    }

    async fn put(&mut self, message: Message) -> anyhow::Result<()> {
        match self.socket.send(message).await {
            // `next` says that it is over.
            Err(error) if is_end(&error) => Ok(()),
            sent => sent.context("web socket"),
        }
    }

    /// Sends SDP: a binary frame, for JSON has no bytes.
    pub(super) async fn send_sdp(&mut self, zlib: &[u8]) -> anyhow::Result<()> {
        self.sequence += 1;
        let mut frame = Vec::new();
        rmp::encode::write_map_len(&mut frame, 3)?;
        rmp::encode::write_str(&mut frame, "action")?;
        rmp::encode::write_str(&mut frame, &(self.prefix.clone() + "sdp"))?;
        rmp::encode::write_str(&mut frame, "seq")?;
        rmp::encode::write_uint(&mut frame, self.sequence)?;
        rmp::encode::write_str(&mut frame, "data")?;
        rmp::encode::write_map_len(&mut frame, 1)?;
        rmp::encode::write_str(&mut frame, "data")?;
        rmp::encode::write_bin(&mut frame, zlib)?;
        self.put(Message::binary(frame)).await
    }

    /// The next event; `None` when the platform closed the connection.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Incoming>> {
        while let Some(message) = self.socket.next().await {
            match message {
                Ok(Message::Text(text)) => return self.parse(text.as_str()).map(Some),
                Ok(Message::Close(_)) => return Ok(None),
                Ok(_) => {}
                Err(error) if is_end(&error) => return Ok(None),
                Err(error) => return Err(error).context("web socket"),
            }
        }
        Ok(None)
    }

    fn parse(&self, text: &str) -> anyhow::Result<Incoming> {
        if text.len() > EVENT_BYTES_MAX {
            bail!("event too large");
        }
        let event: Value = serde_json::from_str(text).context("event")?;
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = event["event"].as_str().unwrap_or_default();
        Ok(match name.strip_prefix(&self.prefix) {
            Some("call_start") => Incoming::CallStart {
                channel_id: text(&data["channelID"]),
            },
            Some("call_state") => {
                let call: Value =
                    serde_json::from_str(data["call"].as_str().unwrap_or("{}")).unwrap_or_default();
                let sessions = call["sessions"].as_array().map_or(0, Vec::len);
                Incoming::CallState {
                    channel_id: text(&data["channel_id"]),
                    sessions,
                }
            }
            Some("join") => Incoming::Joined,
            Some("error") => Incoming::Refused(text(&data["data"])),
            Some("signal") => Incoming::Signal(text(&data["data"])),
            Some("user_joined") => Incoming::Presence {
                channel_id: text(&data["channelID"]),
                change: 1,
            },
            Some("user_left") => Incoming::Presence {
                channel_id: text(&data["channelID"]),
                change: -1,
            },
            Some("call_end") => Incoming::CallEnd,
            _ => Incoming::Other,
        })
    }
}

/// Whether the connection is closed, in order or not: the robot ends with its platform.
fn is_end(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => true,
        Error::Protocol(error) => matches!(
            error,
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing
        ),
        Error::Io(error) => matches!(error.kind(), BrokenPipe | ConnectionReset),
        _ => false,
    }
}
