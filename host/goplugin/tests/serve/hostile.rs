//! A host that breaks the rules: what it spoils is its own stream.

use std::time::Duration;

use parley_goplugin::rpc::Empty;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Number, Stream, echo, start};

/// Waits for the end of a stream on which nothing is said before.
async fn assert_ended(stream: &mut parley_goplugin::Stream) {
    let mut byte = [0];
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut byte)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
}

#[tokio::test]
async fn a_message_longer_than_allowed_ends_its_stream_alone() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let mut broken = host.dispense_raw("sample").await;
    // A message of 2^56 bytes.
    broken
        .write_all(&[0xf8, 1, 0, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    assert_ended(&mut broken).await;
    assert_eq!(echo(&sample, "as before").await.unwrap(), "as before");
}

#[tokio::test]
async fn a_call_that_is_no_gob_ends_its_stream_alone() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let mut broken = host.dispense_raw("sample").await;
    broken
        .write_all(b"\x05hello GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert_ended(&mut broken).await;
    assert_eq!(echo(&sample, "as before").await.unwrap(), "as before");
}

#[tokio::test]
async fn streams_that_nobody_awaits_are_closed_after_five_seconds() {
    let (host, _plugin) = start().await;
    let mut unwanted = Vec::new();
    for number in 1_000..1_400u32 {
        let mut stream = host.open().await;
        stream.write_all(&number.to_le_bytes()).await.unwrap();
        unwanted.push(stream);
    }
    let ping = host.control.call::<Empty>("Control.Ping", &true);
    ping.await.unwrap();
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(6)).await;
    tokio::time::resume();
    for mut stream in unwanted {
        assert_ended(&mut stream).await;
    }
}

#[tokio::test]
async fn a_stream_that_the_host_does_not_accept_is_given_up() {
    let (host, _plugin) = start().await;
    let sample = host.dispense("sample").await.unwrap();
    let _held = host.answers.write().await;
    let args = Stream { number: 77 };
    let counting = sample.call::<Number>("Plugin.Count", &args);
    tokio::time::pause();
    let refused = counting.await.unwrap_err().to_string();
    tokio::time::resume();
    assert_eq!(refused, "stream 77: nobody came in 5 s");
}
