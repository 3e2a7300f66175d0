//! What must hold whatever a guest hands over: the body of the fuzz target, shared with the replay of its
//! corpus (W1). A panic anywhere is a finding.

use std::sync::Arc;

use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use parley_host::environment::SystemEnvironment;
use parley_host::hooks::CommandArgs;
use parley_host::media::{Connection, FixedLink};
use parley_host::platform::ChannelKind;
use parley_host::platform::local::{Account, Local, LocalConfig};
use parley_host::plugin::Plugin;
use parley_host::sandbox::{CallError, Limits, Services};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tonic::transport::Endpoint;

const PLUGIN: &str = "app.parley.calls";
/// What the wire between two ends holds, bytes.
const WIRE_BYTES: usize = 64 * 1024;
/// What one answer may be: the body's limit, its headers', and what the host adds.
const ANSWER_BYTES_MAX: usize = (2 << 20) + 64 * 8 * 1024 + 4096;

/// The host with a guest that does what bytes say.
pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    plugin: Plugin,
    router: axum::Router,
    /// Of things that exist, as the guest takes them.
    ids: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (plugin, router, ids) = runtime.block_on(host());
        Self {
            runtime,
            plugin,
            router,
            ids,
        }
    }

    /// The bytes' last part is the guest's; the first says what it is asked.
    pub(crate) fn boundary(&self, data: &[u8]) {
        let Some((&first, data)) = data.split_first() else {
            return;
        };
        self.runtime.block_on(async {
            match first % 8 {
                0 => self.command(data).await,
                1 => self.event(data).await,
                2 => self.config(data).await,
                _ => self.request(data).await,
            }
            // Whatever it was: the next request is fine.
            let answer = self.order("echo well".to_owned()).await;
            assert_eq!(answer.expect("an answer").0, "well");
        });
    }

    async fn order(&self, command: String) -> Result<(String, String), CallError> {
        let args = CommandArgs {
            command,
            root_id: self.ids.clone(),
            ..CommandArgs::default()
        };
        let answer = self.plugin.on_command(args).await?;
        Ok((answer.text, answer.goto_location))
    }

    async fn command(&self, data: &[u8]) {
        if let Ok((text, goto)) = self.order(dice(data)).await {
            assert!(text.len() <= 64 * 1024, "{} bytes of text", text.len());
            assert!(goto.len() <= 2048, "{} bytes of location", goto.len());
        }
    }

    async fn event(&self, data: &[u8]) {
        let event = [b"dice ", data].concat();
        if let Ok(Err(reason)) = self.plugin.on_media_event(&event).await {
            loggable(&reason);
        }
    }

    async fn config(&self, data: &[u8]) {
        if let Ok(Err(error)) = self.plugin.on_config(&dice(data)).await {
            loggable(&error.key);
            loggable(&error.reason);
        }
    }

    /// A request over the wire: what comes back is one answer, and HTTP.
    async fn request(&self, data: &[u8]) {
        let (mut client, server) = duplex(WIRE_BYTES);
        let service = TowerToHyperService::new(self.router.clone());
        let serving = tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new()).http1_only();
            let connection = builder.serve_connection(TokioIo::new(server), service);
            connection.await.map_err(|error| error.to_string())
        });
        let head = format!(
            "POST /plugins/{PLUGIN}/dice?{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            self.ids,
            data.len()
        );
        client.write_all(head.as_bytes()).await.expect("open");
        client.write_all(data).await.expect("open");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("an answer");
        assert_eq!(serving.await.expect("no panic"), Ok(()));
        answer_is_one(&answer);
    }
}

/// What the guest said goes into lines of a log: short, and one line each.
fn loggable(text: &str) {
    assert!(text.len() <= 8 * 1024, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn answer_is_one(answer: &[u8]) {
    assert!(answer.len() <= ANSWER_BYTES_MAX, "{} bytes", answer.len());
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let (status, headers) = head.split_once("\r\n").expect("headers");
    let status: u16 = status["http/1.1 ".len()..][..3].parse().expect("a status");
    assert!((200..=599).contains(&status), "{status}");
    let of = |name: &str| {
        let is = |line: &&str| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        headers.split("\r\n").filter(is).count()
    };
    assert!(
        of("content-length") + of("transfer-encoding") <= 1,
        "{headers}"
    );
    assert!(of("connection") <= 1, "{headers}");
    assert_eq!(
        of("smuggled") + of("upgrade") + of("trailer"),
        0,
        "{headers}"
    );
    let length = headers
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length.filter(|_| !matches!(status, 204 | 304)) {
        assert_eq!(length.parse(), Ok(answer.len() - end - 4));
    }
}

/// Bytes for an export that takes text.
fn dice(data: &[u8]) -> String {
    let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("dice {digits}")
}

async fn host() -> (Plugin, axum::Router, String) {
    let config = LocalConfig::new("http://localhost:8065", PLUGIN, "0.1.0");
    let local = Arc::new(Local::open(config).expect("a database"));
    let made = "the database is empty";
    let team = local.create_team("team", "Team").await.expect(made);
    let open = local.create_channel(&team, "open", "Open", ChannelKind::Open);
    let channel = open.await.expect(made);
    let user = local
        .create_user(Account {
            username: "alice".into(),
            ..Account::default()
        })
        .await
        .expect(made);
    local.add_to_channel(&channel, &user).await.expect(made);
    let ids = format!("{user},{channel},{team}");
    let services = Services {
        platform: local.clone(),
        media: Arc::new(FixedLink::new(Some(sidecar()))),
        environment: Arc::new(SystemEnvironment),
    };
    let plugin = Plugin::new(parley_hostile::COMPONENT, services, Limits::default());
    let plugin = plugin.expect("the component fits");
    let router = local.router(Arc::new(plugin.clone()));
    (plugin, router, ids)
}

/// A sidecar behind one real HTTP/2 connection, which must outlive everything: all calls share it.
fn sidecar() -> Connection {
    let (client, server) = duplex(WIRE_BYTES);
    tokio::spawn(async move {
        let service = TowerToHyperService::new(axum::Router::new().fallback(grpc));
        let builder = Builder::new(TokioExecutor::new()).http2_only();
        let ended = builder
            .serve_connection(TokioIo::new(server), service)
            .await;
        panic!("the connection to the sidecar ended: {ended:?}");
    });
    let mut client: Option<DuplexStream> = Some(client);
    let connector = tower::service_fn(move |_: http::Uri| {
        let client = client.take().expect("connected once");
        async { Ok::<_, std::io::Error>(TokioIo::new(client)) }
    });
    let endpoint = Endpoint::from_static("http://sidecar");
    Connection::new(endpoint.connect_with_connector_lazy(connector), "start")
}

/// What reaches the sidecar is granted, and says whose it is.
async fn grpc(request: Request<axum::body::Body>) -> Response<axum::body::Body> {
    const GRANTED: [&str; 5] = [
        "Rooms/",
        "Sessions/",
        "Stats/",
        "Node/GetHealth",
        "Info/GetInfo",
    ];
    let (path, headers) = (request.uri().to_string(), request.headers());
    let method = path
        .split_once("/parley.media.v1.")
        .map(|(_, method)| method);
    let granted = GRANTED
        .iter()
        .any(|one| method.is_some_and(|m| m.starts_with(one)));
    assert!(granted, "{path}");
    let all = |name: &str| headers.get_all(name).iter().count();
    assert_eq!(all("x-trace-id"), 1);
    assert_eq!(headers["x-trace-id"].len(), 32);
    assert_eq!(all("content-type"), 1);
    assert_eq!(all("authorization") + all("grpc-timeout"), 0);
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    assert!(size <= 16 * 1024 + 1024, "{size} bytes of metadata");
    let body = axum::body::to_bytes(request.into_body(), 512 * 1024 + 5).await;
    assert!(body.is_ok(), "a message over the limit");
    let mut response = Response::new(axum::body::Body::empty());
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        http::HeaderValue::from_static("application/grpc"),
    );
    headers.insert("grpc-status", (tonic::Code::NotFound as i32).into());
    response
}
