//! What strangers can do to the media port of the real process (N6, N7, N11): nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::Sidecar;
use common::client::{negotiate, socket};
use common::stun::{binding, is_success, sign};
use parley_proto::v1::ListRoomsRequest;

/// Sends one datagram and returns all that comes back.
fn ask(to: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
    let socket = socket(to);
    socket.send(datagram).unwrap();
    let mut answers = Vec::new();
    let mut buffer = vec![0; 2048];
    while let Ok(length) = socket.recv(&mut buffer) {
        answers.push(buffer[..length].to_vec());
    }
    answers
}

#[tokio::test]
async fn only_a_known_fragment_with_integrity_is_answered_and_no_longer_than_the_question() {
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let known = negotiate(&host, "r", "s").await;
    let to = sidecar.media();

    let request = binding(&known.ufrag, "clnt", &known.password, 1);
    let answers = ask(to, &request);
    let answer = answers
        .iter()
        .find(|answer| is_success(answer, 1))
        .expect("no answer");
    let most = request.len() * 12 / 10;
    assert!(
        answer.len() <= most,
        "{} for {}",
        answer.len(),
        request.len()
    );

    let silent = [
        (
            "wrong password",
            binding(&known.ufrag, "clnt", "x".repeat(24).as_str(), 2),
        ),
        (
            "unknown fragment",
            binding("nobodyknows", "clnt", &known.password, 3),
        ),
        ("empty fragment", binding("", "clnt", &known.password, 4)),
        ("no integrity", {
            let mut bare = binding(&known.ufrag, "clnt", &known.password, 5);
            bare.truncate(bare.len() - 32);
            let length = u16::try_from(bare.len() - 20).unwrap().to_be_bytes();
            bare[2..4].copy_from_slice(&length);
            bare
        }),
        ("no username", {
            let mut bare = vec![0, 1, 0, 0];
            bare.extend(common::stun::COOKIE);
            bare.extend([9; 12]);
            sign(&mut bare, &known.password);
            bare
        }),
        ("flipped bit", {
            let mut flipped = binding(&known.ufrag, "clnt", &known.password, 6);
            flipped[30] ^= 1;
            flipped
        }),
    ];
    for (what, datagram) in silent {
        assert_eq!(ask(to, &datagram).len(), 0, "{what}");
    }
    // Nor does the log tell who was there, or what would let somebody in.
    let log = sidecar.log();
    for personal in ["127.0.0.", "[::1]", &known.ufrag, &known.password] {
        assert!(!log.contains(personal), "{personal} in\n{log}");
    }
}

#[tokio::test]
async fn a_stranger_beside_a_checked_address_gets_nothing() {
    // Another port of the same machine sends what only the checked one may: DTLS, RTP, RTCP.
    let sidecar = Sidecar::start(&[]);
    let host = sidecar.host().await;
    let known = negotiate(&host, "r", "s").await;
    let checked = ask(
        sidecar.media(),
        &binding(&known.ufrag, "clnt", &known.password, 1),
    );
    assert!(!checked.is_empty());
    let mut client_hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100];
    client_hello.resize(113, 1);
    let mut rtp = vec![0x80, 111, 0, 1];
    rtp.resize(120, 3);
    let mut rtcp = vec![0x80, 200, 0, 6];
    rtcp.resize(28, 4);
    for datagram in [client_hello, rtp, rtcp] {
        assert_eq!(ask(sidecar.media(), &datagram).len(), 0);
    }
}

#[tokio::test]
async fn noise_of_every_length_is_dropped_in_silence() {
    let sidecar = Sidecar::start(&["--http-listen", "127.0.0.1:0"]);
    let host = sidecar.host().await;
    let known = negotiate(&host, "r", "s").await;
    let socket = socket(sidecar.media());
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_be_bytes()[0]
    };
    for length in (0..2000).chain([65_507, 0, 1]) {
        let datagram: Vec<u8> = (0..length).map(|_| next()).collect();
        socket.send(&datagram).unwrap();
        // Every first byte that some protocol claims, with the rest noise.
        if length > 0 {
            for first in [0, 1, 22, 64, 128, 144, 191] {
                let mut datagram = datagram.clone();
                datagram[0] = first;
                socket.send(&datagram).unwrap();
            }
        }
        if length % 100 == 0 {
            // Loopback drops what the receiver's buffer cannot hold: let it follow.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert!(socket.recv(&mut [0; 2048]).is_err(), "an answer to noise");
    let answers = ask(
        sidecar.media(),
        &binding(&known.ufrag, "clnt", &known.password, 1),
    );
    assert!(answers.iter().any(|answer| is_success(answer, 1)));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let metrics = common::http_get(sidecar.info.http.unwrap(), "/metrics").1;
    let panics = metrics
        .lines()
        .find(|l| l.starts_with("parley_session_panics_total"))
        .unwrap();
    assert!(panics.ends_with(" 0"), "{panics}");
    assert!(metrics.contains("parley_drops_total{cause="), "{metrics}");
}

/// Bad checks that must be refused per second while everything else goes on, in an unoptimised build
/// that shares a slow machine with who sends them.
const REFUSED_PER_SECOND: f64 = 10_000.0;
/// How often a client asks before it gives up.
const CHECKS_OF_A_CLIENT: u32 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_bad_checks_neither_stops_calls_nor_good_checks() {
    let sidecar = Sidecar::start(&["--http-listen", "127.0.0.1:0"]);
    let host = sidecar.host().await;
    let known = negotiate(&host, "r", "s").await;
    let to = sidecar.media();
    let bad = binding(&known.ufrag, "clnt", "x".repeat(24).as_str(), 9);
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let flood = {
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || {
            let socket = socket(to);
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..100 {
                    // The kernel may refuse while the receiver's buffer is full: so much the better.
                    sent.fetch_add(u64::from(socket.send(&bad).is_ok()), Ordering::Relaxed);
                }
            }
        })
    };
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut checks = 0;
    for n in 0..20 {
        let asked = Instant::now();
        host.rooms().list_rooms(ListRoomsRequest {}).await.unwrap();
        slowest = slowest.max(asked.elapsed());
        // From an address of its own, as a client's: the flood may not use up its allowance.
        let good = binding(&known.ufrag, "clnt", &known.password, 100 + n);
        let answered = tokio::task::spawn_blocking(move || {
            let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
            socket
                .set_read_timeout(Some(common::client::PATIENCE))
                .unwrap();
            let mut buffer = [0; 2048];
            // As clients do, for 30 s or more: lost checks are repeated. The flood is several times what
            // the socket's buffer takes, so that the kernel drops two of three datagrams, good ones too.
            (0..CHECKS_OF_A_CLIENT).any(|_| {
                socket.send_to(&good, to).unwrap();
                let answer = socket.recv(&mut buffer);
                answer.is_ok_and(|length| is_success(&buffer[..length], 100 + n))
            })
        });
        checks += u32::from(answered.await.unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    // The numbers for metrics are taken once a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let metrics = common::http_get(sidecar.info.http.unwrap(), "/metrics").1;
    let of = |cause: &str| -> f64 {
        let name = format!("parley_drops_total{{cause=\"{cause}\"}} ");
        let mut lines = metrics.lines();
        let count = lines.find_map(|line| line.strip_prefix(&name));
        count.map_or(0.0, |count| count.parse().unwrap())
    };
    let rate = (of("stun_rate") + of("stun_integrity")) / elapsed;
    eprintln!(
        "{rate:.0} bad checks/s of {:.0} sent, slowest call {slowest:?}, {checks} of 20 good checks \
         answered",
        sent.load(Ordering::Relaxed) as f64 / elapsed
    );
    assert!(rate >= REFUSED_PER_SECOND, "{rate:.0} per second");
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    assert!(checks >= 18, "{checks}");
}
