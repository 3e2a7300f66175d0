//! What is wrong below the data channel: messages without end, junk in place of SCTP, stream ids used
//! again. It ends at most the sender's session (P4).

use parley_media::channel::ClientMessage;

use crate::support::sctp::{ABORT, DATA, INIT, SHUTDOWN};
use crate::support::{Profile, Sim};

fn check_others(sim: &mut Sim) {
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.client("alice").keys.waiting(), 0, "all of it was sent");
    for name in ["bob", "carol"] {
        sim.client(name).heard.clear();
    }
    sim.talk(&["bob", "carol"], 500);
    sim.run_ms(50);
    assert!(sim.client("carol").heard_from("bob").len() >= 23);
    assert!(sim.client("bob").heard_from("carol").len() >= 23);
}

#[test]
fn a_message_of_16_mb_is_never_taken_in() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let before = sim.core.counters().bytes_in;
    let kept = sim.core_kept;
    sim.client("alice").deaf = true;
    let first = sim.next_tsn("alice");
    // Its own media stack keeps to the size we announce, so the fragments are made by hand: the first
    // (flag B), middles, and never a last.
    for tsn in 0..6_000u32 {
        let mut body = (first + tsn).to_be_bytes().to_vec();
        body.extend([0, 0, 0, 0, 0, 0, 0, 53]);
        body.extend([7; 1_000]);
        let flags = if tsn == 0 { 2 } else { 0 };
        let packet = sim.sctp("alice", DATA, flags, &body);
        sim.client("alice").keys.send_in_dtls(packet);
        if tsn % 100 == 99 {
            sim.flush_dtls("alice");
            // As fast as a session may send.
            sim.run_ms(60);
        }
    }
    sim.run_ms(500);
    let kept = sim.core_kept - kept;
    assert!(kept < 1 << 20, "{kept} bytes are kept");
    assert!(
        sim.core.counters().bytes_in - before > 5_000_000,
        "they came in"
    );
    check_others(&mut sim);
}

#[test]
fn a_message_larger_than_announced_is_refused() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let client = sim.client("alice");
    let id = client.channel.unwrap();
    let huge = vec![0; 16 << 20];
    // The peer's own stack knows our limit (RFC 8841 section 6) and refuses to send it.
    let written = client.rtc.channel(id).unwrap().write(true, &huge);
    assert!(!matches!(written, Ok(true)), "{written:?}");
    check_others(&mut sim);
}

#[test]
fn junk_within_dtls_harms_nobody_else() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.client("alice").deaf = true;
    for length in (0..64).chain([500, 1_000]) {
        for kind in [DATA, INIT, 2, 3, 4, 5, 7, 8, 9, 10, 14, 64, 130, 192, 255] {
            let packet = sim.sctp("alice", kind, 0xff, &vec![0xff; length]);
            sim.client("alice").keys.send_in_dtls(packet);
        }
        sim.client("alice").keys.send_in_dtls(vec![0xff; length]);
        sim.flush_dtls("alice");
    }
    let abort = sim.sctp("alice", ABORT, 0, &[]);
    sim.client("alice").keys.send_in_dtls(abort);
    sim.run_ms(500);
    check_others(&mut sim);
}

/// Once it had the core try for ever to send what waits: nothing else went on in the process.
#[test]
fn who_shuts_its_association_down_holds_nobody_up() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    sim.client("alice").deaf = true;
    // That nothing of ours has arrived (RFC 9260 section 3.3.8).
    let shutdown = sim.sctp("alice", SHUTDOWN, 0, &0u32.to_be_bytes());
    sim.client("alice").keys.send_in_dtls(shutdown);
    sim.flush_dtls("alice");
    sim.run_ms(50);
    // Each change of who speaks is told over the channel.
    for _ in 0..5 {
        sim.talk(&["bob", "carol"], 500);
        sim.run_ms(2_500);
    }
    check_others(&mut sim);
}

#[test]
fn stream_ids_used_again_open_no_second_channel() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let first = sim.client("alice").channel.unwrap();
    let stream = {
        let api = sim.client("alice").rtc.direct_api();
        api.sctp_stream_id_by_channel_id(first).unwrap()
    };
    // DATA_CHANNEL_OPEN (RFC 8832 section 5.1) for the stream that is open already, again and again.
    let label = b"calls-dc";
    let mut open = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, label.len() as u8, 0, 0];
    open.extend(label);
    sim.client("alice").deaf = true;
    let first_tsn = sim.next_tsn("alice");
    for n in 0..50u32 {
        let mut body = (first_tsn + n).to_be_bytes().to_vec();
        body.extend(stream.to_be_bytes());
        body.extend([0, n as u8, 0, 0, 0, 50]);
        body.extend(&open);
        let packet = sim.sctp("alice", DATA, 3, &body);
        sim.client("alice").keys.send_in_dtls(packet);
    }
    sim.flush_dtls("alice");
    sim.run_ms(500);
    // At most her own session is gone.
    assert!(sim.view().sessions.len() >= 2);
    check_others(&mut sim);
    let answers = sim.client("bob").messages.len();
    sim.client("bob").send(&ClientMessage::Ping);
    sim.run_ms(50);
    assert!(sim.client("bob").messages.len() > answers);
}
