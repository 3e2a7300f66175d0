//! The platform as clients and the plugin see it: requests through the router, real WebSockets.

mod accounts;
mod channels;
mod flood;
mod limits;
mod page;
mod plugin;
mod posts;
mod sockets;
mod storage;
mod uploads;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::serve::ListenerExt;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::ServiceExt;

use super::{Account, Local, LocalConfig, ManualClock};
use crate::hooks::{
    ClientMessage, CommandArgs, CommandResponse, HookFuture, Hooks, HttpRequest, HttpResponse,
    PlatformEvent, SettingError,
};
use crate::platform::ChannelKind;

pub(super) const PLUGIN: &str = "app.parley.calls";
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A plugin that remembers what it was asked.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) commands: Mutex<Vec<CommandArgs>>,
    pub(super) messages: Mutex<Vec<ClientMessage>>,
    pub(super) requests: Mutex<Vec<HttpRequest>>,
    pub(super) events: Mutex<Vec<PlatformEvent>>,
    /// Client messages that began.
    pub(super) arrived: AtomicUsize,
    /// How long every other client's message takes.
    pub(super) message_takes: Mutex<Duration>,
    /// How long the answer to a request takes.
    pub(super) answer_takes: Mutex<Duration>,
}

impl Hooks for Recorder {
    fn command(&self, args: CommandArgs) -> HookFuture<'_, CommandResponse> {
        self.commands.lock().unwrap().push(args);
        let (text, goto_location) = ("done".to_owned(), String::new());
        Box::pin(async move {
            CommandResponse {
                text,
                goto_location,
            }
        })
    }

    fn client_message(&self, message: ClientMessage) -> HookFuture<'_, ()> {
        Box::pin(async move {
            let takes = *self.message_takes.lock().unwrap();
            // Every other message is quick: were they handled side by side, it would overtake.
            if self
                .arrived
                .fetch_add(1, Ordering::SeqCst)
                .is_multiple_of(2)
            {
                tokio::time::sleep(takes).await;
            }
            self.messages.lock().unwrap().push(message);
        })
    }

    fn http(&self, request: HttpRequest) -> HookFuture<'_, HttpResponse> {
        self.requests.lock().unwrap().push(request);
        let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
        Box::pin(async move {
            let takes = *self.answer_takes.lock().unwrap();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            HttpResponse {
                status: 202,
                headers,
                body: b"plugin".to_vec(),
            }
        })
    }

    fn platform_event(&self, event: PlatformEvent) -> HookFuture<'_, ()> {
        self.events.lock().unwrap().push(event);
        Box::pin(async {})
    }

    fn check_settings<'a>(&'a self, text: &'a str) -> HookFuture<'a, Result<(), SettingError>> {
        Box::pin(async move {
            if text.contains("wrong") {
                return Err(SettingError {
                    key: "Key".into(),
                    reason: "wrong".into(),
                });
            }
            Ok(())
        })
    }
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        if self.header("content-type") == "application/json" {
            self.json()
        } else {
            Value::Null
        }
    }

    /// The error's id, if the status is this one.
    #[track_caller]
    pub(super) fn error(&self, status: u16) -> String {
        let json = self.expect(status);
        assert_eq!(json["status_code"], status);
        assert_eq!(json["request_id"], self.header("x-request-id"));
        json["id"].as_str().unwrap().to_owned()
    }

    /// The same where no common headers are added (outside of the API).
    #[track_caller]
    pub(super) fn error_id(&self, status: u16) -> String {
        self.expect(status)["id"].as_str().unwrap().to_owned()
    }

    pub(super) fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|v| v.to_str().unwrap().to_owned()).collect()
    }

    /// `name=value; name=value` of all cookies set.
    pub(super) fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self
            .cookies()
            .iter()
            .map(|c| c.split(';').next().unwrap().to_owned())
            .collect();
        pairs.join("; ")
    }
}

/// A server with a team, an open channel, and people.
pub(super) struct World {
    pub(super) local: Arc<Local>,
    pub(super) hooks: Arc<Recorder>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) router: axum::Router,
    pub(super) team: String,
    pub(super) open: String,
    pub(super) private: String,
    pub(super) base: String,
}

/// Somebody signed in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) token: String,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut LocalConfig)) -> Self {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let mut config = LocalConfig::new("http://localhost:8065", PLUGIN, "0.1.0");
        config.clock = clock.clone();
        config.autocomplete = |locale| {
            let help = if locale == "de" { "Anrufe" } else { "Calls" };
            json!({"Trigger": "call", "HelpText": help, "SubCommands": []})
        };
        change(&mut config);
        let local = Arc::new(Local::open(config).unwrap());
        let hooks = Arc::new(Recorder::default());
        let router = local.router(hooks.clone());
        let team = local.create_team("team", "Team").await.unwrap();
        let open = local
            .create_channel(&team, "open", "Open", ChannelKind::Open)
            .await
            .unwrap();
        let private = local
            .create_channel(&team, "private", "Private", ChannelKind::Private)
            .await
            .unwrap();
        let base = local.site.subpath.clone();
        Self {
            local,
            hooks,
            clock,
            router,
            team,
            open,
            private,
            base,
        }
    }

    pub(super) async fn account(&self, account: Account) -> Person {
        let id = self.local.create_user(account).await.unwrap();
        let token = self.local.create_session(&id).await.unwrap();
        Person { id, token }
    }

    /// Signed in, in no team.
    pub(super) async fn stranger(&self, name: &str) -> Person {
        self.account(Account {
            username: name.into(),
            ..Account::default()
        })
        .await
    }

    /// A member of the team and of its open channel.
    pub(super) async fn member(&self, name: &str) -> Person {
        let person = self.stranger(name).await;
        self.local
            .add_to_channel(&self.open, &person.id)
            .await
            .unwrap();
        person
    }

    /// A guest in the open channel.
    pub(super) async fn guest(&self, name: &str) -> Person {
        let account = Account {
            username: name.into(),
            guest: true,
            ..Account::default()
        };
        let person = self.account(account).await;
        self.local
            .add_to_channel(&self.open, &person.id)
            .await
            .unwrap();
        person
    }

    pub(super) async fn admin(&self) -> Person {
        self.account(Account {
            username: "root".into(),
            admin: true,
            ..Account::default()
        })
        .await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX)
            .await
            .unwrap()
            .to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    /// A request with headers, not below `/api/v4`.
    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    /// An API call with a bearer token.
    pub(super) async fn call(
        &self,
        who: &Person,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let body = body.map_or(Body::empty(), |json| Body::from(json.to_string()));
        let bearer = format!("Bearer {}", who.token);
        let headers = [("authorization", bearer.as_str())];
        self.raw(method, &format!("/api/v4{path}"), &headers, body)
            .await
    }

    pub(super) async fn get(&self, who: &Person, path: &str) -> Answer {
        self.call(who, "GET", path, None).await
    }

    pub(super) async fn post(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.call(who, "POST", path, Some(body)).await
    }

    pub(super) async fn put(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.call(who, "PUT", path, Some(body)).await
    }

    pub(super) async fn delete(&self, who: &Person, path: &str) -> Answer {
        self.call(who, "DELETE", path, None).await
    }

    /// Writes a post; its id.
    pub(super) async fn say(&self, who: &Person, channel: &str, text: &str) -> String {
        let body = json!({"channel_id": channel, "message": text});
        let made = self.post(who, "/posts", body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Listens on loopback; the port.
    pub(super) async fn listen(&self) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        port
    }

    /// An authenticated WebSocket; `hello` is read.
    pub(super) async fn connect(&self, port: u16, who: &Person) -> Socket {
        let bearer = format!("Bearer {}", who.token);
        let mut socket = Socket::open(port, &self.base, &[("authorization", &bearer)])
            .await
            .unwrap();
        let hello = socket.event("hello").await;
        socket.connection_id = hello["data"]["connection_id"].as_str().unwrap().to_owned();
        socket
    }

    /// Waits until the plugin heard of something.
    #[track_caller]
    pub(super) fn heard(
        &self,
        what: impl Fn(&PlatformEvent) -> bool,
    ) -> impl Future<Output = PlatformEvent> {
        let hooks = self.hooks.clone();
        let caller = std::panic::Location::caller();
        async move {
            for _ in 0..100 {
                let found = hooks
                    .events
                    .lock()
                    .unwrap()
                    .iter()
                    .find(|e| what(e))
                    .cloned();
                if let Some(event) = found {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!(
                "{caller}: not heard within 1 s: {:?}",
                hooks.events.lock().unwrap()
            );
        }
    }
}

type Stream =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A client's WebSocket.
pub(super) struct Socket {
    stream: Stream,
    seen: VecDeque<Value>,
    pub(super) connection_id: String,
}

impl Socket {
    pub(super) async fn open(
        port: u16,
        base: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let url = format!("ws://127.0.0.1:{port}{base}/api/v4/websocket");
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self {
            stream,
            seen: VecDeque::new(),
            connection_id: String::new(),
        })
    }

    pub(super) async fn send(&mut self, json: Value) {
        self.stream
            .send(Message::Text(json.to_string().into()))
            .await
            .unwrap();
    }

    pub(super) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.stream
            .send(Message::Binary(bytes.into()))
            .await
            .unwrap();
    }

    /// The next JSON frame; `None` = closed, or nothing for a while.
    pub(super) async fn next(&mut self) -> Option<Value> {
        if let Some(frame) = self.seen.pop_front() {
            return Some(frame);
        }
        loop {
            match tokio::time::timeout(SECOND, self.stream.next())
                .await
                .ok()??
                .ok()?
            {
                Message::Text(text) => return serde_json::from_str(text.as_str()).ok(),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next event of this name; others are skipped.
    #[track_caller]
    pub(super) fn event(&mut self, name: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let name = name.to_owned();
        async move {
            while let Some(frame) = self.next().await {
                if frame["event"] == name.as_str() {
                    return frame;
                }
            }
            panic!("{caller}: no {name} within 1 s");
        }
    }

    /// The reply to this sequence number.
    pub(super) async fn reply(&mut self, seq: i64) -> Value {
        while let Some(frame) = self.next().await {
            if frame["seq_reply"] == seq {
                return frame;
            }
        }
        panic!("no reply to {seq} within 1 s");
    }

    /// Everything until it is quiet for a while.
    pub(super) async fn drain(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        let quiet = Duration::from_millis(150);
        loop {
            match tokio::time::timeout(quiet, self.stream.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    all.push(serde_json::from_str(text.as_str()).unwrap());
                }
                Ok(Some(Ok(_))) => {}
                _ => return all,
            }
        }
    }

    /// Waits for the end; true = within a second.
    pub(super) async fn closed(&mut self) -> bool {
        let end = async {
            while let Some(Ok(message)) = self.stream.next().await {
                if matches!(message, Message::Close(_)) {
                    return;
                }
            }
        };
        tokio::time::timeout(SECOND, end).await.is_ok()
    }

    pub(super) async fn close(mut self) {
        self.stream.close(None).await.unwrap();
    }
}
