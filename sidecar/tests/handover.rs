//! Datagrams that arrive at another shard than that of their session, in the real process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::client::{Credentials, negotiate, socket};
use common::stun::{binding, is_success};
use common::{Host, Sidecar, http_get};

/// How often a client asks before it gives up.
const CHECKS_OF_A_CLIENT: u32 = 25;

/// Whether a signed check from a new port is answered; it is sent again, as by a client.
fn answered(to: SocketAddr, from: &str, known: &Credentials, transaction: u32) -> bool {
    let socket = UdpSocket::bind(from).unwrap();
    socket.connect(to).unwrap();
    answered_at(&socket, known, transaction)
}

fn answered_at(socket: &UdpSocket, known: &Credentials, transaction: u32) -> bool {
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let check = binding(&known.ufrag, "clnt", &known.password, transaction);
    let mut buffer = [0; 2048];
    (0..CHECKS_OF_A_CLIENT).any(|_| {
        socket.send(&check).unwrap();
        let length = socket.recv(&mut buffer).unwrap_or_default();
        is_success(&buffer[..length], transaction)
    })
}

/// One session in each of some rooms, which are on all shards.
async fn sessions(host: &Host) -> Vec<Credentials> {
    let mut sessions = Vec::new();
    for n in 0..4 {
        sessions.push(negotiate(host, &format!("r{n}"), &format!("s{n}")).await);
    }
    sessions
}

/// The sum over all shards.
fn metric(sidecar: &Sidecar, name: &str) -> f64 {
    let text = http_get(sidecar.info.http.unwrap(), "/metrics").1;
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

#[tokio::test]
async fn a_check_is_answered_wherever_it_arrives() {
    let sidecar = Sidecar::start(&["--shards", "2", "--http-listen", "127.0.0.1:0"]);
    let host = sidecar.host().await;
    let sessions = sessions(&host).await;
    let to = sidecar.media();
    let mut transaction = 0;
    for known in &sessions {
        // The kernel spreads ports over both.
        for _ in 0..8 {
            transaction += 1;
            assert!(
                answered(to, "127.0.0.1:0", known, transaction),
                "{transaction}"
            );
        }
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let over = metric(&sidecar, "parley_datagrams_handed_over_total");
    assert!((4.0..32.0).contains(&over), "{over} of 32 were handed over");
    assert_eq!(
        metric(&sidecar, "parley_drops_total{cause=\"handover_full\"}"),
        0.0
    );
    let text = http_get(sidecar.info.http.unwrap(), "/metrics").1;
    for shard in 0..2 {
        let line = format!("parley_shard_rooms{{shard=\"{shard}\"}} 2.0");
        assert!(text.contains(&line), "{text}");
    }
}

#[tokio::test]
async fn the_kernel_learns_where_clients_belong() {
    let sidecar = Sidecar::start(&["--shards", "2", "--http-listen", "127.0.0.1:0"]);
    let host = sidecar.host().await;
    let to = sidecar.media();
    let sessions = sessions(&host).await;
    let clients: Vec<(&Credentials, UdpSocket)> = sessions
        .iter()
        .flat_map(|known| (0..6).map(move |_| (known, socket(to))))
        .collect();
    let mut transaction = 0;
    let mut handed_over = Vec::new();
    // Some rounds for the kernel to be told in, then one in which nothing arrives at the wrong shard.
    for _ in 0..10 {
        for (known, socket) in &clients {
            transaction += 1;
            assert!(answered_at(socket, known, transaction), "{transaction}");
        }
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        handed_over.push(metric(&sidecar, "parley_datagrams_handed_over_total"));
        if let [.., before, after] = handed_over[..]
            && before == after
        {
            break;
        }
    }
    assert!(handed_over[0] > 0.0, "{handed_over:?}");
    let last = &handed_over[handed_over.len() - 2..];
    assert!(last[0] == last[1], "{handed_over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_for_other_shards_starve_nobody() {
    let sidecar = Sidecar::start(&["--shards", "2", "--http-listen", "127.0.0.1:0"]);
    let host = sidecar.host().await;
    let sessions = sessions(&host).await;
    let to = sidecar.media();
    // Two who know where sessions of both shards are, and send what is not signed right, from many ports;
    // and one who sends noise.
    let stop = Arc::new(AtomicBool::new(false));
    let bad = "x".repeat(24);
    let mut floods: Vec<Vec<u8>> = sessions
        .iter()
        .map(|known| binding(&known.ufrag, "clnt", &bad, 9))
        .collect();
    floods.push(vec![0x80; 200]);
    let flooding: Vec<_> = (0..5)
        .map(|n| {
            let (stop, floods) = (stop.clone(), floods.clone());
            std::thread::spawn(move || {
                let socket = socket(to);
                while !stop.load(Ordering::Relaxed) {
                    let flood = &floods[n % floods.len()];
                    for _ in 0..4 {
                        // The kernel may refuse while the receiver's buffer is full: so much the better.
                        let _ = socket.send(flood);
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    let asking = tokio::task::spawn_blocking(move || {
        let mut transaction = 1_000;
        for known in &sessions {
            for _ in 0..3 {
                transaction += 1;
                // From an address of its own, as a client's.
                assert!(
                    answered(to, "127.0.0.2:0", known, transaction),
                    "{transaction}"
                );
            }
        }
    });
    let asked = asking.await;
    // Whoever is answered at once has not seen the flood reach its bound yet.
    let refused = || metric(&sidecar, "parley_drops_total{cause=\"stun_rate\"}");
    for _ in 0..50 {
        if refused() > 0.0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for flood in flooding {
        flood.join().unwrap();
    }
    asked.unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(metric(&sidecar, "parley_session_panics_total"), 0.0);
    assert!(refused() > 0.0);
}
