//! One floods, the others do not wait: through platform, sandbox and plugin together (P10).

use std::sync::atomic::Ordering;
use std::time::Instant;

use http::{HeaderValue, Response};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body as Reply;

use super::*;
use crate::environment::SystemEnvironment;
use crate::media::{Connection, FixedLink};
use crate::platform::local::limits;
use crate::plugin::Plugin;
use crate::sandbox::{Limits, Services};

/// What the others are asked in each half: with and without the flood.
const ROUNDS: i64 = 20;
/// Connections by which requests are flooded.
const REQUEST_CONNECTIONS: usize = 16;
/// How much longer than without the flood: the middle one of the rounds, and the worst.
const MEDIAN_MORE: Duration = Duration::from_millis(100);
const WORST_MORE: Duration = Duration::from_secs(1);

/// A sidecar that knows no room and says so at once.
fn empty_sidecar() -> FixedLink {
    let service = tower::service_fn(|_: Request<Reply>| async {
        let mut response = Response::new(Reply::empty());
        let headers = response.headers_mut();
        let (grpc, not_found) = ("application/grpc", tonic::Code::NotFound as i32);
        headers.insert("content-type", HeaderValue::from_static(grpc));
        headers.insert("grpc-status", not_found.into());
        Ok::<_, std::convert::Infallible>(response)
    });
    FixedLink::new(Some(Connection::new(service, "start")))
}

/// The real plugin instead of the recorder, on a platform that listens.
async fn with_plugin(world: &World) -> u16 {
    let services = Services {
        platform: world.local.clone(),
        media: Arc::new(empty_sidecar()),
        environment: Arc::new(SystemEnvironment),
    };
    let plugin = Plugin::new(parley_component::COMPONENT, services, Limits::default()).unwrap();
    // Also the plugin of the router that the world made.
    let _ = world.local.router(Arc::new(plugin));
    world.listen().await
}

fn call_state(world: &World, seq: i64) -> Value {
    let action = format!("custom_{PLUGIN}_call_state");
    json!({"action": action, "seq": seq, "data": {"channelID": world.open}})
}

/// A cheap request as it goes over the wire: it spends what may be asked where commands are slow.
fn question(who: &Person) -> String {
    let token = &who.token;
    format!("GET /api/v4/users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// A command as it goes over the wire.
fn command(world: &World, who: &Person) -> String {
    let body = json!({"command": "/call link", "channel_id": world.open}).to_string();
    format!(
        "POST /api/v4/commands/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        who.token,
        body.len()
    )
}

/// How long a command and a message with its answer took, the rounds of both together and in order.
async fn rounds(world: &World, who: &Person, port: u16) -> Vec<Duration> {
    let mut socket = world.connect(port, who).await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let (ask, mut answer) = (command(world, who), vec![0; 16 * 1024]);
    let mut times = Vec::new();
    for seq in 1..=ROUNDS {
        let start = Instant::now();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        times.push(start.elapsed());
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

        let start = Instant::now();
        socket.send(call_state(world, seq)).await;
        let event = format!("custom_{PLUGIN}_call_state");
        socket.event(&event).await;
        times.push(start.elapsed());
    }
    times.sort();
    times
}

/// Floods with as many sockets as one may have, and with requests, until told to end.
async fn flood(port: u16, token: String, message: String, request: String, end: CancellationToken) {
    let mut tasks = JoinSet::new();
    for _ in 0..limits::SOCKETS_PER_USER_MAX {
        tasks.spawn(flood_socket(port, token.clone(), message.clone()));
    }
    for _ in 0..REQUEST_CONNECTIONS {
        tasks.spawn(flood_requests(port, request.clone()));
    }
    end.cancelled().await;
    tasks.shutdown().await;
}

/// One that is cut off comes again.
async fn flood_socket(port: u16, token: String, message: String) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    loop {
        let Ok(socket) = Socket::open(port, "", &headers).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (mut sink, mut stream) = socket.stream.split();
        let text = || Message::Text(message.as_str().into());
        let send = async { while sink.send(text()).await.is_ok() {} };
        let drain = async { while matches!(stream.next().await, Some(Ok(_))) {} };
        tokio::select! { () = send => {}, () = drain => {} }
    }
}

async fn flood_requests(port: u16, request: String) {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    let (mut read, mut write) = stream.unwrap().into_split();
    let send = async { while write.write_all(request.as_bytes()).await.is_ok() {} };
    let mut answers = [0; 4096];
    let drain = async { while matches!(read.read(&mut answers).await, Ok(1..)) {} };
    tokio::select! { () = send => {}, () = drain => {} }
    panic!("the flood was cut off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_floods_is_refused_and_the_others_do_not_wait() {
    let world = World::new().await;
    let (mallory, carol) = (world.member("mallory").await, world.member("carol").await);
    let port = with_plugin(&world).await;
    let idle = rounds(&world, &carol, port).await;

    let end = CancellationToken::new();
    let message = call_state(&world, 1).to_string();
    let request = command(&world, &mallory) + &question(&mallory).repeat(20);
    let work = flood(port, mallory.token, message, request, end.clone());
    // On a thread of its own, as on a machine of its own.
    let flooding = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    });
    let drops = world.local.drops();
    let told = || {
        let messages = drops.rate_limited.load(Ordering::Relaxed);
        (messages, drops.requests.load(Ordering::Relaxed))
    };
    let both_refused = async {
        while told().0 < 500 || told().1 < 500 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), both_refused).await;
    assert!(waited.is_ok(), "refused: {:?} {:?}", told(), drops);
    let (before, start) = (told(), Instant::now());
    let flooded = rounds(&world, &carol, port).await;
    let (refused, took) = (told(), start.elapsed());
    end.cancel();
    flooding.join().unwrap();

    let of = |times: &[Duration]| (times[times.len() / 2], times[times.len() - 1]);
    let ((median, worst), (median_idle, worst_idle)) = (of(&flooded), of(&idle));
    let per_s = |count: u64| count as f64 / took.as_secs_f64();
    let told = format!(
        "median {median:?} ({median_idle:?} without), worst {worst:?} ({worst_idle:?} without), \
         refused per second: {:.0} messages, {:.0} requests",
        per_s(refused.0 - before.0),
        per_s(refused.1 - before.1)
    );
    assert!(median <= median_idle + MEDIAN_MORE, "{told}");
    assert!(worst <= worst_idle + WORST_MORE, "{told}");
    // It did not end while the others were asked.
    assert!(refused.0 > before.0 && refused.1 > before.1, "{told}");
}
