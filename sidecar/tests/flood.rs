//! A signalling flood by one participant must not slow the others down (P10).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Sidecar, next_id, room_ref, session_ref};
use parley_proto::v1::set_state_request::Change;
use parley_proto::v1::signal_request::Message;
use parley_proto::v1::{GetRoomRequest, SetStateRequest, SignalRequest};
use tonic::Code;

/// Calls in flight at a time from the one who floods.
const FLOODERS: usize = 16;
/// Calls of the flood that may be answered while another's call waits.
const OVERTAKING_MAX: u64 = 4 * FLOODERS as u64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_floods_is_refused_and_the_others_do_not_wait() {
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    host.open("noisy").await;
    host.join("noisy", "flooder").await;
    host.open("calm").await;
    host.join("calm", "other").await;

    let stop = Arc::new(AtomicBool::new(false));
    let (done, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for n in 0..FLOODERS {
        let host = sidecar.host().await;
        let (stop, done, refused) = (Arc::clone(&stop), Arc::clone(&done), Arc::clone(&refused));
        tasks.push(tokio::spawn(async move {
            let mut hand = n % 2 == 0;
            while !stop.load(Ordering::Relaxed) {
                let signal = SignalRequest {
                    request_id: next_id(),
                    session: Some(session_ref("noisy", "flooder")),
                    message: Some(Message::SdpJson(format!(
                        "{{\"type\":\"offer\",\"sdp\":\"{}\"}}",
                        "a=x\\r\\n".repeat(1000)
                    ))),
                    ..Default::default()
                };
                let answer = host.sessions().signal(signal).await;
                let code = answer.err().map(|status| status.code());
                refused.fetch_add(
                    u64::from(code == Some(Code::ResourceExhausted)),
                    Ordering::Relaxed,
                );
                hand = !hand;
                let raise = SetStateRequest {
                    request_id: next_id(),
                    session: Some(session_ref("noisy", "flooder")),
                    change: Some(Change::HandRaised(hand)),
                };
                let _ = host.sessions().set_state(raise).await;
                done.fetch_add(2, Ordering::Relaxed);
            }
        }));
    }
    let started = Instant::now();
    // By how many calls of the flood: a busy machine makes all of them slow.
    let mut waits = Vec::new();
    while started.elapsed() < Duration::from_secs(3) {
        let asked = done.load(Ordering::Relaxed);
        let request = GetRoomRequest {
            room: Some(room_ref("calm")),
        };
        host.rooms().get_room(request).await.unwrap();
        waits.push(done.load(Ordering::Relaxed) - asked);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    waits.sort();
    let median = waits[waits.len() / 2];
    let p95 = waits[waits.len() * 95 / 100];
    let done = done.load(Ordering::Relaxed);
    let refused = refused.load(Ordering::Relaxed);
    eprintln!(
        "{done} calls in 3 s, {refused} refused; others waited for {median} (median), {p95} (p95)"
    );
    assert!(done > 1000, "no flood: {done}");
    assert!(refused > 0, "nobody said stop");
    // Those in flight were there first; none of those that come later is preferred for long.
    assert!(p95 <= OVERTAKING_MAX, "{p95}");
}
