//! Requests under `/plugins/<id>`: the body is read from one stream, the answer is written to another.

use std::sync::Arc;

use parley_goplugin::rpc::{CallError, Client, Empty};
use parley_goplugin::{Broker, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::places::Places;
use super::wire::{Header, HttpRequest, ServeHttpArgs};
use super::{Activation, limits};
use crate::hooks;
use crate::platform::HEADERS_NOT_FORWARDED;

/// Set by the server for signed-in users, and by nobody else.
const USER_ID: &str = "mattermost-user-id";
/// "All of the body", as a zig-zag varint of 2^62: what the server sends is then the body and its end.
const WHOLE_BODY: [u8; 10] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];

/// Said to who asks too much at once.
pub(super) const TOO_BUSY: &str = "Calls are very busy right now. Please try again in a moment.";

/// An answer of our own, when the plugin has none.
fn answer(status: u16, message: &str) -> hooks::HttpResponse {
    let body = serde_json::json!({"message": message, "status_code": status});
    hooks::HttpResponse {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

/// All requests, and how many of them there may be.
pub(super) struct Requests {
    broker: Broker,
    places: Arc<Places>,
}

impl Requests {
    pub(super) fn new(broker: Broker, places: Arc<Places>) -> Self {
        Self { broker, places }
    }

    /// Answers one request. An error is one of the connection to the server.
    pub(super) async fn serve(
        &self,
        activation: &Arc<dyn Activation>,
        args: ServeHttpArgs,
    ) -> Result<(), String> {
        let dial = async |number| {
            let stream = self.broker.dial(number).await;
            stream.map_err(|error| error.to_string())
        };
        // Both at once: the server waits 5 s for each, whatever the turn.
        let body = async {
            match args.request_body {
                0 => Ok(None),
                number => dial(number).await.map(Some),
            }
        };
        let (writer, body) = tokio::try_join!(dial(args.response_writer), body)?;
        let writer = Client::start(writer);
        let response = self.respond(activation, args.request, body).await;
        let sent = send(&writer, response).await;
        writer.close().await;
        match sent {
            Ok(()) => Ok(()),
            // Whoever asked went away.
            Err(error @ CallError::Remote(_)) => {
                tracing::debug!(%error, "an answer was not taken");
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    async fn respond(
        &self,
        activation: &Arc<dyn Activation>,
        request: HttpRequest,
        body: Option<Stream>,
    ) -> hooks::HttpResponse {
        let (headers, user_id) = headers(request.header);
        // Held until the answer is there.
        let Some(_turn) = self.places.request(&user_id).await else {
            return answer(503, TOO_BUSY);
        };
        // Nothing that strangers may ask for has a body: what they send is neither kept nor waited for.
        let body = match body.filter(|_| !user_id.is_empty()) {
            None => Vec::new(),
            Some(stream) => match timeout(limits::BODY_WAIT, read_body(stream)).await {
                Ok(Ok(Some(body))) => body,
                Ok(Ok(None)) => return answer(413, "the body is too long"),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a request broke off");
                    return answer(400, "the body broke off");
                }
                Err(_) => return answer(408, "the body took too long"),
            },
        };
        let url = request.url.unwrap_or_default().0;
        let url = url.split('#').next().unwrap_or_default();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let hooks = activation.hooks().await;
        hooks
            .http(hooks::HttpRequest {
                method: request.method,
                path: path.to_owned(),
                query: query.to_owned(),
                headers,
                body,
                user_id,
            })
            .await
    }
}

/// The headers for the plugin, and the user, of which the server's word is the only one.
fn headers(header: Header) -> (Vec<(String, String)>, String) {
    let mut user_id = String::new();
    let mut list = Vec::new();
    for (name, values) in header {
        let lower = name.to_lowercase();
        if lower == USER_ID {
            user_id = values.first().cloned().unwrap_or_default();
        }
        if !HEADERS_NOT_FORWARDED.contains(&lower.as_str()) {
            list.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
    }
    (list, user_id)
}

/// `None` = more than the limit; the rest is not asked for.
async fn read_body(mut stream: Stream) -> std::io::Result<Option<Vec<u8>>> {
    stream.write_all(&WHOLE_BODY).await?;
    let mut body = Vec::new();
    let most = limits::BODY_BYTES_MAX as u64 + 1;
    (&mut stream).take(most).read_to_end(&mut body).await?;
    if body.len() > limits::BODY_BYTES_MAX {
        return Ok(None);
    }
    stream.shutdown().await?;
    Ok(Some(body))
}

/// Headers, status, then the body piece by piece, each taken before the next is sent.
async fn send(writer: &Client, response: hooks::HttpResponse) -> Result<(), CallError> {
    let mut header = Header::new();
    for (name, value) in response.headers {
        if !HEADERS_NOT_FORWARDED.contains(&name.to_lowercase().as_str()) {
            header.entry(canonical(&name)).or_default().push(value);
        }
    }
    let _: Empty = writer.call("Plugin.SyncHeader", &header).await?;
    let status = match response.status {
        status @ 200..=999 => i64::from(status),
        _ => 500,
    };
    let _: Empty = writer.call("Plugin.WriteHeader", &status).await?;
    for piece in response.body.chunks(limits::BODY_CHUNK_BYTES) {
        let _: Empty = writer.call("Plugin.Write", &piece.to_vec()).await?;
    }
    Ok(())
}

/// As Go's maps of headers have their keys: `content-type` is `Content-Type`.
fn canonical(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + &rest.to_lowercase()
    });
    parts.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_as_go_looks_them_up() {
        for (name, as_go) in [
            ("content-type", "Content-Type"),
            ("X-TRACE-id", "X-Trace-Id"),
            ("", ""),
        ] {
            assert_eq!(canonical(name), as_go);
        }
    }

    #[test]
    fn the_servers_word_says_who_asks_and_hop_headers_stay() {
        let header = Header::from([
            ("Mattermost-User-Id".into(), vec!["u1".into()]),
            ("X-Forwarded-For".into(), vec!["192.0.2.1".into()]),
            ("Accept".into(), vec!["a".into(), "b".into()]),
        ]);
        let (list, user) = headers(header);
        assert_eq!(user, "u1");
        let names: Vec<_> = list.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Accept", "Accept", "Mattermost-User-Id"]);
    }
}
