//! A small world for native tests: a fake platform, a fake media server in the same process, and the
//! hops between them.

mod env;
mod sidecar;

pub(crate) use env::{FakeEnv, Published};
pub(crate) use sidecar::FakeSidecar;

use serde_json::Value as Json;

use crate::env::*;
use crate::ids::*;
use crate::record::{self, Record};
use crate::{GrpcService, Guest};

/// An id made of a short name: "alice" -> "aliceaaaaaaaaaaaaaaaaaaaaa".
pub(crate) fn id(name: &str) -> String {
    format!("{name:a<26}")
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new(id(name))
}

pub(crate) fn channel(name: &str) -> ChannelId {
    ChannelId::new(id(name))
}

/// Channel `town` (public, of team `team`) with alice, bob and the admin root; channel `dm` of alice and
/// bob; eve is in the team only.
pub(crate) struct World {
    pub(crate) env: FakeEnv,
    pub(crate) sidecar: FakeSidecar,
}

impl World {
    pub(crate) fn new() -> Self {
        let env = FakeEnv::new();
        let sidecar = FakeSidecar::new(env.clock.clone());
        let world = Self { env, sidecar };
        for name in ["alice", "bob", "carol", "eve"] {
            world.env.add_user(name, "system_user");
        }
        world.env.add_user("root", "system_user system_admin");
        world.env.add_channel(
            "town",
            ChannelKind::Open,
            &["alice", "bob", "carol", "root"],
        );
        world
            .env
            .add_channel("other", ChannelKind::Private, &["alice", "eve"]);
        world
            .env
            .add_channel("dm", ChannelKind::Direct, &["alice", "bob"]);
        world
    }

    pub(crate) fn with_settings(settings: &str) -> Self {
        let world = Self::new();
        *world.env.settings.borrow_mut() = settings.to_owned();
        world
    }

    pub(crate) fn guest(&self) -> Guest<'_> {
        let context = Context {
            trace_id: "0123456789abcdef0123456789abcdef".to_owned(),
        };
        Guest::new(&self.env, GrpcService::new(self.sidecar.clone()), &context)
    }

    /// A command's answer, events handled.
    pub(crate) fn command(&self, who: &str, at: &str, text: &str) -> String {
        self.command_in_thread(who, at, text, "")
    }

    pub(crate) fn command_in_thread(&self, who: &str, at: &str, text: &str, root: &str) -> String {
        let answer = run(self.guest().on_command(CommandArgs {
            command: text.to_owned(),
            user_id: user(who),
            channel_id: channel(at),
            root_id: PostId::new(root),
        }));
        self.pump();
        answer.text
    }

    /// A client's message, events handled. `connection`: a short name.
    pub(crate) fn send(&self, who: &str, connection: &str, action: &str, data: &[(&str, Value)]) {
        self.send_only(who, connection, action, data);
        self.pump();
    }

    /// Without handling the events that follow.
    pub(crate) fn send_only(
        &self,
        who: &str,
        connection: &str,
        action: &str,
        data: &[(&str, Value)],
    ) {
        self.send_with_login(who, connection, &format!("login-{who}"), action, data);
    }

    /// As [`Self::send`], under another login.
    pub(crate) fn send_as(
        &self,
        who: &str,
        connection: &str,
        login: &str,
        action: &str,
        data: &[(&str, Value)],
    ) {
        self.send_with_login(who, connection, login, action, data);
        self.pump();
    }

    fn send_with_login(
        &self,
        who: &str,
        connection: &str,
        login: &str,
        action: &str,
        data: &[(&str, Value)],
    ) {
        run(self.guest().on_client_message(ClientMessage {
            action: action.to_owned(),
            connection_id: ConnectionId::new(id(connection)),
            user_id: user(who),
            login_session_id: login.to_owned(),
            is_mobile: false,
            data: data
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        }));
    }

    /// Our bridge joins.
    pub(crate) fn join(&self, who: &str, connection: &str, at: &str) {
        let data = [
            ("channelID", Value::Text(id(at))),
            ("parley", Value::Json(r#"{"v":1}"#.to_owned())),
        ];
        self.send(who, connection, "join", &data);
    }

    /// A client of the official protocol joins.
    pub(crate) fn join_official(&self, who: &str, connection: &str, at: &str) {
        self.send(
            who,
            connection,
            "join",
            &[("channelID", Value::Text(id(at)))],
        );
    }

    pub(crate) fn http(&self, who: &str, method: &str, path: &str, body: &str) -> HttpResponse {
        let answer = run(self.guest().on_http(HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            body: body.as_bytes().to_vec(),
            user_id: if who.is_empty() {
                UserId::default()
            } else {
                user(who)
            },
            ..HttpRequest::default()
        }));
        self.pump();
        answer
    }

    pub(crate) fn platform(&self, event: PlatformEvent) {
        run(self.guest().on_platform_event(event));
        self.pump();
    }

    /// Hands the media server's events to the guest until there are none.
    pub(crate) fn pump(&self) {
        while let Some(event) = self.sidecar.next_event() {
            run(self.guest().on_media_event(&event)).expect("event handled");
        }
    }

    /// The same event twice: what at-least-once delivery may do.
    pub(crate) fn pump_twice(&self) {
        while let Some(event) = self.sidecar.next_event() {
            for _ in 0..2 {
                run(self.guest().on_media_event(&event)).expect("event handled");
            }
        }
    }

    pub(crate) fn record(&self, at: &str) -> Option<Record> {
        record::load(&self.env, &channel(at))
            .unwrap()
            .map(|stored| stored.record)
    }

    /// Published events since the last time.
    pub(crate) fn events(&self) -> Vec<Published> {
        self.env.published.take()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.name).collect()
    }

    /// The only `error` event since the last time: its code.
    pub(crate) fn error_code(&self) -> String {
        let events = self.events();
        let errors: Vec<_> = events
            .iter()
            .filter(|event| event.name == "error")
            .collect();
        assert_eq!(errors.len(), 1, "{events:?}");
        errors[0].data["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn advance_ms(&self, ms: i64) {
        self.env
            .clock
            .fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
    }
}

pub(crate) fn json(text: &[u8]) -> Json {
    serde_json::from_slice(text).expect("JSON")
}

/// A header of an answer; empty = absent.
pub(crate) fn header(answer: &HttpResponse, name: &str) -> String {
    let found = answer.headers.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Runs a future as the sandbox does: it has to be ready at once.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the guest waits for something"),
    }
}
