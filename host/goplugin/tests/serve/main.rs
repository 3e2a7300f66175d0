//! A plugin and a host on one connection: what go-plugin's host does, in the same process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod host;
mod hostile;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use parley_goplugin::gob_struct;
use parley_goplugin::rpc::{self, Args, CallError, Client, Reply, ReplyFuture, Service, no_method};
use parley_goplugin::{Broker, Ended, Handshake, Listener, Plugin, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use self::host::{FIN, Host, RST};

/// A window of yamux: so much may be on the way unread.
const WINDOW: usize = 256 * 1024;

gob_struct! {
    struct Text = "Text" { a: String = "A" }
    struct Number = "Number" { a: i64 = "A" }
    struct Stream = "Stream" { number: u32 = "Number" }
}

struct Sample;

impl Plugin for Sample {
    fn dispense(&self, name: &str, broker: &Broker) -> Option<Arc<dyn Service>> {
        (name == "sample").then(|| Arc::new(Sampler(broker.clone())) as _)
    }
}

/// Methods that the tests call.
struct Sampler(Broker);

impl Service for Sampler {
    fn call<'a>(&'a self, method: &'a str, args: Args) -> ReplyFuture<'a> {
        Box::pin(async move {
            match method {
                "Plugin.Echo" => Ok(Reply::new(args.read::<Text>()?)),
                "Plugin.Panic" => panic!("as asked"),
                // Dials the caller's stream, reads a few bytes of it and forgets it.
                "Plugin.Abandon" => {
                    let Stream { number } = args.read()?;
                    let mut stream = self.0.dial(number).await.map_err(|e| e.to_string())?;
                    let mut start = [0; 10];
                    stream
                        .read_exact(&mut start)
                        .await
                        .map_err(|e| e.to_string())?;
                    Ok(Reply::empty())
                }
                // Dials the caller's stream and says the number of bytes that came.
                "Plugin.Count" => {
                    let Stream { number } = args.read()?;
                    let mut stream = self.0.dial(number).await.map_err(|e| e.to_string())?;
                    let mut all = Vec::new();
                    stream
                        .read_to_end(&mut all)
                        .await
                        .map_err(|e| e.to_string())?;
                    let _ = stream.shutdown().await;
                    let a = all.len() as i64;
                    Ok(Reply::new(Number { a }))
                }
                _ => Err(no_method(method)),
            }
        })
    }
}

/// A plugin at work, and its host.
async fn start() -> (Host, JoinHandle<Ended>) {
    let listener = Listener::bind(&Handshake {
        cookie_key: "SAMPLE",
        cookie_value: "sample",
        protocol_version: 1,
    })
    .unwrap();
    let line = listener.line();
    let path = line.split('|').nth(3).unwrap().to_owned();
    let plugin = tokio::spawn(async move { serve(&listener, Sample).await.unwrap() });
    (Host::connect(path.as_ref()).await, plugin)
}

async fn echo(client: &Client, text: &str) -> Result<String, CallError> {
    let a = text.to_owned();
    let back: Text = client.call("Plugin.Echo", &Text { a }).await?;
    Ok(back.a)
}

#[tokio::test]
async fn a_service_is_dispensed_and_called() {
    let (host, _plugin) = start().await;
    let _: rpc::Empty = host.control.call("Control.Ping", &true).await.unwrap();
    let sample = host.dispense("sample").await.unwrap();
    assert_eq!(echo(&sample, "hello").await.unwrap(), "hello");
    let unknown = host.dispense("other").await.err().unwrap().to_string();
    assert_eq!(unknown, "unknown plugin type: other");
}

#[tokio::test]
async fn after_arguments_of_the_wrong_type_a_call_works() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let wrong = sample
        .call::<Text>("Plugin.Echo", &Number { a: 5 })
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("a string wanted"), "{wrong}");
    assert_eq!(echo(&sample, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_missing_method_is_told_in_gos_words() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let missing = sample
        .call::<Text>("Plugin.Missing", &true)
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "rpc: can't find method Plugin.Missing");
    assert!(missing.is_no_method());
}

#[tokio::test]
async fn a_call_that_panics_is_answered() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let panicked = sample.call::<Text>("Plugin.Panic", &true).await;
    assert!(
        matches!(panicked, Err(CallError::Remote(_))),
        "{panicked:?}"
    );
    assert_eq!(echo(&sample, "alive").await.unwrap(), "alive");
}

#[tokio::test]
async fn four_hundred_streams_at_once() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let calls = (0..400usize).map(|index| {
        let (host, sample) = (&host, &sample);
        async move {
            let number = host.number();
            let bytes = 300_000 + index;
            let args = Stream { number };
            let counting = sample.call::<Number>("Plugin.Count", &args);
            let sending = async {
                let (mut read, mut write) = tokio::io::split(host.accept(number).await);
                let body = vec![7; bytes];
                let writing = async {
                    write.write_all(&body).await.unwrap();
                    write.shutdown().await.unwrap();
                };
                // Whoever writes has to read, too: that is where the window grows.
                let mut nothing = Vec::new();
                let _ = tokio::join!(writing, read.read_to_end(&mut nothing));
            };
            let (counted, ()) = tokio::join!(counting, sending);
            assert_eq!(counted.unwrap().a, bytes as i64);
        }
    });
    join_all(calls).await;
}

/// A host in Go has a backlog of 256 and resets what is beyond.
#[tokio::test]
async fn no_more_streams_are_opened_than_a_host_has_places_for() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let held = host.answers.write().await;
    let opened = || {
        let frames = host.frames();
        let opening =
            |frame: &&host::Frame| frame.flags & host::SYN > 0 && frame.stream.is_multiple_of(2);
        frames.iter().filter(opening).count()
    };
    let calls = (0..600).map(|_| async {
        let number = host.number();
        let args = Stream { number };
        let counting = sample.call::<Number>("Plugin.Count", &args);
        let sending = async { host.accept(number).await.shutdown().await.unwrap() };
        let (counted, ()) = tokio::join!(counting, sending);
        counted.unwrap().a
    });
    let watching = async {
        while opened() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // All that would be opened without a bound is opened by now.
        for _ in 0..3 {
            let ping = host.control.call::<rpc::Empty>("Control.Ping", &true);
            ping.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let most = opened();
        drop(held);
        most
    };
    let (counts, most) = tokio::join!(join_all(calls), watching);
    assert_eq!(counts, vec![0; 600]);
    assert!(most < 256, "{most} streams without an answer");
}

#[tokio::test]
async fn a_body_that_is_left_unread_holds_up_nobody() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    for _ in 0..20 {
        let number = host.number();
        let args = Stream { number };
        let abandoned = sample.call::<rpc::Empty>("Plugin.Abandon", &args);
        let sending = async {
            let mut stream = host.accept(number).await;
            // In many frames: more than a stream that is not read can keep.
            for _ in 0..WINDOW / 4096 {
                if stream.write_all(&[7; 4096]).await.is_err() {
                    break;
                }
            }
        };
        let (abandoned, ()) = tokio::join!(abandoned, sending);
        abandoned.unwrap();
    }
    let ping = host.control.call::<rpc::Empty>("Control.Ping", &true);
    tokio::time::timeout(Duration::from_secs(5), ping)
        .await
        .expect("an answer")
        .unwrap();
}

#[tokio::test]
async fn every_stream_is_acknowledged_at_once_and_ended_once() {
    let (host, plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    for _ in 0..3 {
        let number = host.number();
        let args = Stream { number };
        let counting = sample.call::<Number>("Plugin.Count", &args);
        let sending = async {
            let mut stream = host.accept(number).await;
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        assert_eq!(tokio::join!(counting, sending).0.unwrap().a, 0);
    }
    // Control, output, errors: the silent ones too, or the host gives up the session after 75 s.
    let frames = host.frames();
    for id in [1, 3, 5] {
        let acknowledged = frames
            .iter()
            .any(|f| f.stream == id && f.flags & host::ACK > 0);
        assert!(acknowledged, "stream {id}");
    }
    sample.close().await;
    host.control
        .call::<rpc::Empty>("Control.Quit", &true)
        .await
        .unwrap();
    let frames = host.end().await;
    assert_eq!(plugin.await.unwrap(), Ended::Quit);
    let mut ends: Vec<u32> = frames
        .iter()
        .filter(|frame| frame.flags & (FIN | RST) > 0)
        .map(|frame| frame.stream)
        .collect();
    assert!(ends.len() > 3, "{ends:?}");
    ends.sort_unstable();
    let all = ends.len();
    ends.dedup();
    assert_eq!(ends.len(), all, "a stream was ended twice: {ends:?}");
}

#[tokio::test]
async fn the_end_of_the_host_is_the_end() {
    let (host, plugin) = start().await;
    host.end().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), plugin).await;
    assert_eq!(ended.expect("in time").unwrap(), Ended::Disconnected);
}

#[tokio::test]
async fn quit_is_answered_and_ends_the_plugin_although_the_host_stays() {
    let (host, plugin) = start().await;
    let quit = host.control.call::<rpc::Empty>("Control.Quit", &true);
    quit.await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), plugin).await;
    assert_eq!(ended.expect("in time").unwrap(), Ended::Quit);
}

/// The keep-alive of the session, with nothing else on it, for longer than any timeout of go-plugin's host.
#[tokio::test]
async fn a_silent_connection_stays() {
    let (host, plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(200)).await;
    tokio::time::resume();
    assert_eq!(echo(&sample, "still here").await.unwrap(), "still here");
    assert!(!plugin.is_finished());
}
