//! What must hold for any datagrams: the bodies of the fuzz targets, shared with the replay of their
//! corpora.

use parley_core::api::StateChange;
use str0m::media::{MediaKind, Mid};

use crate::support::sctp::DATA;
use crate::support::{Profile, Sim};

/// Longest header of RTP without extensions that authentic packets are given.
const RTP_HEADER: usize = 12;
/// What stays unencrypted of RTCP (RFC 3711 section 3.4).
const RTCP_HEADER: usize = 8;
/// What fits into a datagram with all that is around it.
const SCTP_PACKET_MAX: usize = 1_100;

/// Door and media stack together, in a call of two: `data` is datagrams, each after a byte that says
/// where from (0 a stranger, 1 the client, 2 the client's RTCP and 3 its RTP, encrypted here) and two
/// bytes of length. No panic, and the other one stays.
pub(crate) fn datagram(data: &[u8]) {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let alice = sim.client("alice").address;
    for (from, bytes) in records(data) {
        match from % 4 {
            1 => sim.inject(alice, bytes),
            2 if bytes.len() >= RTCP_HEADER => sim.inject_rtcp("alice", bytes),
            3 if bytes.len() >= RTP_HEADER => sim.inject_rtp("alice", bytes, RTP_HEADER, 0),
            _ => sim.inject("203.0.113.9:5555".parse().unwrap(), bytes),
        }
    }
    sim.run_ms(50);
    assert_eq!(sim.core.counters().panics, 0);
    assert!(is_there(&mut sim, "bob"));
}

/// SCTP within the DTLS of one of three: `data` is records of a byte that says what is made of the bytes
/// (0 an SCTP packet as it is, 1 chunks behind a good header, 2 the body of a DATA chunk with the next
/// number, 3 nothing: time passes) and two bytes of length. No panic, bounded memory, the others stay
/// and hear each other.
pub(crate) fn sctp(data: &[u8]) {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let kept = sim.core_kept;
    let mut tsn = sim.next_tsn("alice");
    // Her own media stack must not see answers to what it never sent.
    sim.client("alice").deaf = true;
    for (kind, bytes) in records(data) {
        let bytes = &bytes[..bytes.len().min(SCTP_PACKET_MAX)];
        let packet = match kind % 4 {
            0 => bytes.to_vec(),
            1 => sim.sctp_of("alice", bytes),
            2 => {
                let body = [&tsn.to_be_bytes(), bytes].concat();
                tsn = tsn.wrapping_add(1);
                // Beginning, middle or end of a message, or all of it (RFC 9260 section 3.3.1).
                sim.sctp("alice", DATA, kind >> 2 & 7, &body)
            }
            _ => {
                sim.run_ms(u64::from(kind));
                continue;
            }
        };
        sim.client("alice").keys.send_in_dtls(packet);
        sim.flush_dtls("alice");
    }
    sim.run_ms(50);
    assert_eq!(sim.core.counters().panics, 0);
    let kept = sim.core_kept - kept;
    assert!(kept < 4 << 20, "{kept} bytes are kept");
    sim.talk(&["bob"], 100);
    assert!(!sim.client("carol").heard_from("bob").is_empty());
}

/// Decrypted RTCP of one who sees another one's pictures: `data` is records of a byte that says what is
/// made of the bytes (with 1 the picture's SSRC in place of bytes 8 to 11, as most feedback has it; with
/// 2 a moment passes and pictures flow) and two bytes of length. No panic, all stay, and pictures still
/// come.
pub(crate) fn rtcp(data: &[u8]) {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.run_ms(200);
    let change = StateChange::Screen(Some("screen".into()));
    sim.set("alice", change).unwrap();
    let client = sim.client("alice");
    let (mid, offer) = client.offer_line(MediaKind::Video, "screen", &[]);
    client.send_description(offer);
    sim.run_ms(200);
    film(&mut sim, mid, 5);
    let picture = sim.client("bob").heard_from("alice")[0].ssrc;
    for (kind, bytes) in records(data) {
        if bytes.len() >= RTCP_HEADER {
            let mut packet = bytes.to_vec();
            if let (1, Some(ssrc)) = (kind & 1, packet.get_mut(8..12)) {
                ssrc.copy_from_slice(&picture.to_be_bytes());
            }
            sim.inject_rtcp("bob", &packet);
        }
        if kind & 2 == 2 {
            film(&mut sim, mid, 1);
        }
    }
    // What a report may do to the estimate is over soon.
    film(&mut sim, mid, 60);
    assert_eq!(sim.core.counters().panics, 0);
    assert!(is_there(&mut sim, "alice") && is_there(&mut sim, "bob"));
    sim.client("bob").heard.clear();
    film(&mut sim, mid, 30);
    assert!(!sim.client("bob").heard_from("alice").is_empty());
}

/// Each a byte, two bytes of length, and so many bytes or what is left.
fn records(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let [kind, high, low, tail @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        let (bytes, after) = tail.split_at(length);
        rest = after;
        Some((*kind, bytes))
    })
}

/// Pictures of alice, a key frame whenever one is asked for.
fn film(sim: &mut Sim, mid: Mid, frames: usize) {
    for _ in 0..frames {
        let now = sim.now;
        let client = sim.client("alice");
        let key = client.video_seq.is_empty() || !client.keyframe_requests.is_empty();
        client.keyframe_requests.clear();
        client.send_video(now, mid, None, key);
        sim.run_ms(33);
    }
}

fn is_there(sim: &mut Sim, name: &str) -> bool {
    let mut sessions = sim.view().sessions.into_iter();
    sessions.any(|session| session.session.0 == name)
}
