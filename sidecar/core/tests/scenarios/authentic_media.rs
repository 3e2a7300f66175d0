//! RTP that is authentic and hostile: packets broken inside, numbers that lose the rollover counter,
//! another's SSRC, another's m-line (N4, N5, P6).

use parley_core::api::StateChange;
use parley_media::channel::SlotKind;

use crate::support::{Profile, Sim};
use crate::video::{film, publish};

/// One RTP packet of a client, before encryption.
struct Rtp<'a> {
    pt: u8,
    seq: u16,
    ssrc: u32,
    /// One-byte header extensions (RFC 8285 section 4.2): id and value.
    exts: Vec<(u8, &'a [u8])>,
    payload: &'a [u8],
}

impl Rtp<'_> {
    /// The packet, and how long its header is.
    fn write(&self) -> (Vec<u8>, usize) {
        let mut out = vec![0x90, self.pt];
        out.extend(self.seq.to_be_bytes());
        out.extend((u32::from(self.seq) * 960).to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        let mut exts = vec![];
        for (id, value) in &self.exts {
            exts.push(id << 4 | (value.len() as u8 - 1));
            exts.extend_from_slice(value);
        }
        exts.resize(exts.len().next_multiple_of(4), 0);
        out.extend([0xbe, 0xde]);
        out.extend((exts.len() as u16 / 4).to_be_bytes());
        out.extend(exts);
        let header = out.len();
        out.extend(self.payload);
        (out, header)
    }
}

/// Id of a header extension, from the latest offer to this client.
fn ext_id(sim: &mut Sim, name: &str, uri: &str) -> u8 {
    let offer = sim.client(name).offers_seen.last().unwrap().clone();
    let mut lines = offer
        .lines()
        .map(str::trim)
        .filter(|line| line.ends_with(uri));
    let line = lines.next().expect("the extension is offered");
    let id = line.strip_prefix("a=extmap:").unwrap();
    id.split([' ', '/']).next().unwrap().parse().unwrap()
}

fn mic(sim: &mut Sim, name: &str) -> String {
    sim.client(name).mic_mid.unwrap().to_string()
}

fn pt(sim: &mut Sim, name: &str, video: bool) -> u8 {
    let mut codecs = sim.client(name).rtc.codec_config().iter();
    let found = codecs.find(|params| params.spec().codec.is_video() == video);
    *found.unwrap().pt()
}

/// Everybody is there, and everybody hears everybody.
fn check_call(sim: &mut Sim, names: &[&str]) {
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.view().sessions.len(), names.len());
    for name in names {
        sim.client(name).heard.clear();
    }
    sim.talk(names, 600);
    sim.run_ms(50);
    for listener in names {
        for speaker in names.iter().filter(|name| *name != listener) {
            let heard = sim.client(listener).heard_from(speaker).len();
            assert!(heard >= 25, "{listener} hears {heard} of {speaker}");
        }
    }
}

#[test]
fn two_with_the_same_ssrc_are_both_heard() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let id = ext_id(&mut sim, "alice", "sdes:mid");
    for seq in 1..=50 {
        for name in ["alice", "bob"] {
            let mid = mic(&mut sim, name);
            let payload = format!("{name}:{seq}");
            let packet = Rtp {
                pt: pt(&mut sim, name, false),
                seq,
                ssrc: 0x0abc_def0,
                exts: vec![(id, mid.as_bytes())],
                payload: payload.as_bytes(),
            };
            let (packet, header) = packet.write();
            sim.inject_rtp(name, &packet, header, 0);
        }
        sim.run_ms(20);
    }
    sim.run_ms(50);
    let carol = sim.client("carol");
    for name in ["alice", "bob"] {
        let heard = carol.heard_from(name);
        assert!(heard.len() >= 48, "{} of {name}", heard.len());
        let slot = carol.slot_of(name, SlotKind::Voice).unwrap();
        for packet in heard {
            assert_eq!(packet.mid, slot, "{name} is heard where the map says");
        }
    }
}

#[test]
fn a_slot_passes_between_two_with_the_same_ssrc() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    // One slot only.
    sim.join("carol", Profile::Direct);
    sim.run_ms(1_500);
    let id = ext_id(&mut sim, "alice", "sdes:mid");
    // Bob's numbers are those that alice used up before.
    for (name, first) in [("alice", 1_000), ("bob", 980)] {
        let mid = mic(&mut sim, name);
        for seq in first..first + 30 {
            let payload = format!("{name}:{seq}");
            let packet = Rtp {
                pt: pt(&mut sim, name, false),
                seq,
                ssrc: 0x0abc_def0,
                exts: vec![(id, mid.as_bytes())],
                payload: payload.as_bytes(),
            };
            let (packet, header) = packet.write();
            sim.inject_rtp(name, &packet, header, 0);
            sim.run_ms(20);
        }
        sim.set(name, StateChange::Unmuted(false)).unwrap();
        sim.run_ms(100);
    }
    let carol = sim.client("carol");
    assert!(carol.heard_from("alice").len() >= 29);
    let heard = carol.heard_from("bob").len();
    assert!(heard >= 29, "{heard}");
    for pair in carol.heard.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq + 1, "a gap in the slot");
    }
}

#[test]
fn swapped_lines_and_layers_reach_nobody_elses_slots() {
    let names = ["alice", "bob", "carol"];
    let mut sim = Sim::call(&names, Profile::Ours);
    let video = publish(&mut sim, "alice", true, &["l", "h"]);
    film(&mut sim, "alice", video, &[Some("l"), Some("h")], 20);
    sim.talk(&names, 200);
    let mid_id = ext_id(&mut sim, "alice", "sdes:mid");
    let rid_id = ext_id(&mut sim, "alice", "sdes:rtp-stream-id");
    let voice_pt = pt(&mut sim, "alice", false);
    let video_pt = pt(&mut sim, "alice", true);
    let own = mic(&mut sim, "alice");
    let video = video.to_string();
    // Also lines of the server's, where alice receives, and one that is not there.
    let mids = [own, video, "0".into(), "1".into(), "2".into(), "99".into()];
    for name in names {
        sim.client(name).heard.clear();
    }
    let taken_in = sim.core.counters().packets_in;
    let mut seq = 0;
    for round in 0..4u32 {
        for (n, mid) in mids.iter().enumerate() {
            for (m, rid) in ["l", "h", "x"].iter().enumerate() {
                for pt in [voice_pt, video_pt] {
                    seq += 1;
                    let packet = Rtp {
                        pt,
                        seq,
                        // The same few SSRCs, each with every line and layer.
                        ssrc: 7_000 + (round + n as u32 + m as u32) % 8,
                        exts: vec![(mid_id, mid.as_bytes()), (rid_id, rid.as_bytes())],
                        payload: b"\x90\x80\x80\x01swap:",
                    };
                    let (packet, header) = packet.write();
                    sim.inject_rtp("alice", &packet, header, 0);
                }
            }
        }
        sim.run_ms(100);
    }
    let codecs = sim.drop_of("rtp_payload_type");
    let taken_in = sim.core.counters().packets_in - taken_in;
    assert!(taken_in + codecs > 50, "they are authentic");
    for listener in ["bob", "carol"] {
        let theirs = sim.client(listener).slot_map.slots.clone();
        let other = if listener == "bob" { "carol" } else { "bob" };
        let of_other = theirs.iter().filter(|slot| slot.session == other);
        let of_other: Vec<_> = of_other.map(|slot| slot.mid.clone()).collect();
        assert!(!of_other.is_empty());
        for packet in sim.client(listener).heard_from("swap") {
            assert!(!of_other.contains(&packet.mid), "in the slot of {other}");
        }
    }
    // What she muddled is hers; when her own streams went on for a while, they are heard.
    sim.run_ms(11_000);
    check_call(&mut sim, &names);
}

#[test]
fn broken_packets_that_are_authentic_are_dropped() {
    let names = ["alice", "bob", "carol"];
    let mut sim = Sim::call(&names, Profile::Ours);
    let video = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", video, &[None], 5);
    let id = ext_id(&mut sim, "alice", "sdes:mid");
    let own = mic(&mut sim, "alice");
    let video = video.to_string();
    let lines = [
        (pt(&mut sim, "alice", false), own.as_bytes(), 7_001),
        (pt(&mut sim, "alice", true), video.as_bytes(), 7_002),
    ];
    let taken_in = sim.core.counters().packets_in;
    let mut seq = 0;
    for length in 0..300 {
        for (pt, mid, ssrc) in lines {
            for last in [0, 1, 255] {
                seq += 1;
                let mut payload = vec![0xff; length];
                if let Some(byte) = payload.last_mut() {
                    *byte = last;
                }
                let packet = Rtp {
                    pt,
                    seq,
                    ssrc,
                    exts: vec![(id, mid)],
                    payload: &payload,
                };
                let (mut packet, header) = packet.write();
                // Padding: as much as the last byte says, of none, of too much.
                packet[0] |= 0x20;
                sim.inject_rtp("alice", &packet, header, 0);
            }
        }
        if length % 20 == 0 {
            sim.run_ms(20);
        }
    }
    assert!(
        sim.core.counters().packets_in > taken_in + 500,
        "they are authentic"
    );
    // Headers that end before their CSRCs and extensions do.
    for end in 12..60 {
        for first in [0x8f, 0x9f, 0x90, 0xbf] {
            let mut packet = vec![first, lines[0].0, 0, 1, 0, 0, 0, 1, 0, 0, 0x1b, 0x59];
            packet.resize(end, 0xff);
            sim.inject_rtp("alice", &packet, 12, 0);
        }
    }
    sim.run_ms(11_000);
    check_call(&mut sim, &names);
}

#[test]
fn who_loses_the_rollover_counter_is_heard_again_with_a_new_connection() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 400);
    sim.tap = Some(vec![]);
    // RFC 3711 section 3.3.1: a receiver cannot follow a leap of more than 2^15.
    sim.client("b").jump(40_000);
    sim.talk(&["b"], 400);
    sim.client("b").jump(65_536 + 40_000);
    sim.talk(&["b"], 400);
    sim.run_ms(50);
    let captured = sim.tap.take().unwrap();
    let forwarded = sim.core.counters().packets_forwarded;
    for (from, bytes) in captured.iter().filter(|(_, bytes)| bytes[0] >= 128) {
        sim.inject(*from, bytes);
    }
    assert_eq!(sim.core.counters().packets_forwarded, forwarded);
    sim.join_with("b", Profile::Ours, true);
    sim.run_ms(1_500);
    sim.set("b", StateChange::Unmuted(true)).unwrap();
    sim.client("a").heard.clear();
    sim.talk(&["b"], 400);
    sim.run_ms(50);
    assert!(sim.client("a").heard_from("b").len() >= 18);
    let mut seen = std::collections::BTreeSet::new();
    for packet in &sim.client("a").heard {
        assert!(seen.insert((packet.ssrc, packet.seq)), "sent twice");
    }
}
