//! Somebody in a call, by one socket at a time.

use std::time::Duration;

use futures::stream::SplitSink;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::common::PATIENCE;
use crate::server::{ID, Server};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A signed-in user.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// A socket of a person, and all events that came by it.
pub(crate) struct Connection {
    pub(crate) id: String,
    sink: SplitSink<Socket, Message>,
    events: watch::Receiver<Vec<Value>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Person {
    pub(crate) async fn new(server: &Server, name: &str) -> Self {
        let (id, token) = server.user(name).await;
        Self { id, token }
    }

    /// Opens a socket.
    pub(crate) async fn connect(&self, server: &Server) -> Connection {
        let (sink, mut stream) = server.socket(&self.token).await.split();
        let (sender, events) = watch::channel(Vec::new());
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if let Ok(text) = message.to_text()
                    && let Ok(event) = serde_json::from_str::<Value>(text)
                {
                    sender.send_modify(|all| all.push(event));
                }
            }
        });
        let mut connection = Connection {
            id: String::new(),
            sink,
            events,
            reader,
        };
        let hello = connection.event(|event| event["event"] == "hello").await;
        connection.id = hello["data"]["connection_id"].as_str().unwrap().to_owned();
        connection
    }
}

impl Connection {
    pub(crate) async fn send(&mut self, action: &str, data: Value) {
        let message = json!({"seq": 1, "action": format!("custom_{ID}_{action}"), "data": data});
        let message = Message::text(message.to_string());
        self.sink.send(message).await.unwrap();
    }

    /// Joins the channel's call, or starts it.
    pub(crate) async fn join(&mut self, channel: &str) {
        self.send("join", json!({"channelID": channel})).await;
        self.ours("join").await;
    }

    /// Takes a session up again. A node that has no media server at the moment says so, and is asked again.
    pub(crate) async fn resume(&mut self, channel: &str, resume: &Value) {
        let came = self.count("join");
        let coming_back = async {
            loop {
                let refused = self.count("error");
                let data = json!({"channelID": channel, "parley": {"v": 1, "resume": resume}});
                self.send("join", data).await;
                while self.count("join") == came && self.count("error") == refused {
                    self.events.changed().await.unwrap();
                }
                if self.count("join") > came {
                    return;
                }
                // As patient as our client.
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        };
        let back = tokio::time::timeout(PATIENCE, coming_back).await;
        assert!(
            back.is_ok(),
            "never came back: {:#?}",
            *self.events.borrow()
        );
    }

    /// Waits for an event, also one that came before.
    pub(crate) async fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let find = |all: &Vec<Value>| all.iter().find(|event| wanted(event)).cloned();
        let mut found = None;
        let came = self.events.wait_for(|all| {
            found = find(all);
            found.is_some()
        });
        let came = tokio::time::timeout(PATIENCE, came).await;
        let came = came.is_ok_and(|came| came.is_ok());
        assert!(came, "never came; what did: {:#?}", *self.events.borrow());
        found.unwrap()
    }

    /// Waits for one of our own events.
    pub(crate) async fn ours(&mut self, name: &str) -> Value {
        let name = format!("custom_{ID}_{name}");
        self.event(|event| event["event"] == *name).await["data"].take()
    }

    /// Waits for one of our own events about a session.
    pub(crate) async fn about(&mut self, name: &str, session: &str) -> Value {
        let name = format!("custom_{ID}_{name}");
        let event =
            self.event(|event| event["event"] == *name && event["data"]["session_id"] == session);
        event.await["data"].take()
    }

    /// How many of our own events of this name came so far.
    pub(crate) fn count(&self, name: &str) -> usize {
        let name = format!("custom_{ID}_{name}");
        let all = self.events.borrow();
        all.iter().filter(|event| event["event"] == *name).count()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
