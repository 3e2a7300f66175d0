//! Descriptions meant to hurt: refused with a reason, quickly, and the session lives on (P1, P2).

use std::time::{Duration, Instant};

use crate::support::{Profile, Sim, session_ref};
use parley_core::api::{Command, CommandError, SignalIn};

fn offer(sdp: &str) -> String {
    serde_json::json!({ "type": "offer", "sdp": sdp }).to_string()
}

fn base() -> String {
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n".into()
}

const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\n";

fn audio(mid: &str, pt: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF {pt}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sendrecv\r\n\
         a=rtcp-mux\r\na=rtpmap:{pt} opus/48000/2\r\n{TRANSPORT}"
    )
}

fn video(mid: &str, pt: &str) -> String {
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF {pt}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=sendrecv\r\n\
         a=rtcp-mux\r\na=rtpmap:{pt} VP8/90000\r\n{TRANSPORT}"
    )
}

/// What a refusal may cost the thread that carries everybody's media: so many times what it takes to read
/// the largest of these texts as JSON, which is most of it. Compared and not timed, since both are slow in a
/// build that is not optimised or on a machine that is busy; where the media stack reads such a text, it is
/// hundreds.
const READINGS_MAX: u32 = 15;

/// The best of some: a busy machine slows one of them.
fn best(mut work: impl FnMut()) -> Duration {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    times.min().unwrap()
}

#[test]
fn hostile_descriptions_are_refused_and_the_call_goes_on() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let many: String = (0..1_000).map(|n| audio(&n.to_string(), "111")).collect();
    let candidates = "a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n".repeat(10_000);
    let attacks = [
        base() + &audio("0", "111") + &video("1", "111"),
        base() + &audio("0", "111") + &audio("0", "111"),
        base() + &audio("0", "200"),
        base() + &many,
        base() + &audio("0", "111") + &candidates,
        "\0".repeat(1_000),
        "v=0\r".repeat(1_000),
        String::new(),
        "a=group:BUNDLE ".repeat(20_000),
        // As large as is allowed, and wrong in its last line.
        base() + &audio("0", "111") + &"a=rtcp-fb:111 nack pli\r\n".repeat(9_000) + "a=x\0\r\n",
    ];
    let texts = attacks.map(|sdp| offer(&sdp));
    let largest = texts.iter().max_by_key(|text| text.len()).unwrap();
    let reading = best(|| drop(serde_json::from_str::<serde_json::Value>(largest).unwrap()));
    for (n, text) in texts.iter().enumerate() {
        let cost = best(|| {
            let result = sim.signal("alice", text.clone());
            let refused = matches!(result, Err(CommandError::Invalid { .. }));
            assert!(refused, "attack {n}: {result:?}");
        });
        assert!(
            cost < reading * READINGS_MAX,
            "attack {n}: {cost:?}, {reading:?}"
        );
    }
    assert_eq!(sim.core.counters().panics, 0);
    sim.talk(&["alice", "bob"], 400);
    assert!(!sim.client("bob").heard_from("alice").is_empty());
}

#[test]
fn an_ice_restart_is_refused() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Official);
    let (_, json) = sim
        .client("alice")
        .offer_line(str0m::media::MediaKind::Audio, "x", &[]);
    let text = json.replace("a=ice-ufrag:", "a=ice-ufrag:zz");
    let refused = sim.signal("alice", text);
    assert!(
        matches!(refused, Err(CommandError::Invalid { .. })),
        "{refused:?}"
    );
}

#[test]
fn zip_bombs_stop_while_inflating() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let bomb = parley_media::sdp::deflate(&vec![b' '; 8 << 20]);
    let result = sim.command(Command::Signal {
        session: session_ref("alice"),
        connection: None,
        message: SignalIn::SdpZlib(bomb.clone()),
    });
    assert!(matches!(result, Err(CommandError::Invalid { .. })));
    sim.client("alice")
        .send(&parley_media::channel::ClientMessage::Sdp(&bomb[..8_000]));
    sim.run_ms(100);
    assert_eq!(sim.drop_of("sdp_malformed"), 2);
}

#[test]
fn too_many_signals_are_refused_and_candidates_never_used() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let candidate = || Command::Signal {
        session: session_ref("alice"),
        connection: None,
        message: SignalIn::Candidate(
            r#"{"candidate":"candidate:1 1 udp 1 203.0.113.77 9 typ host","sdpMid":"0"}"#.into(),
        ),
    };
    let refused = (0..300)
        .filter(|_| {
            matches!(
                sim.command(candidate()),
                Err(CommandError::Limit("signal_rate"))
            )
        })
        .count();
    assert!(refused >= 150, "{refused}");
    sim.run_ms(2_000);
    assert_eq!(sim.strays, 0, "nothing was sent to the candidate");
}
