//! RTCP that is authentic and lies: storms of NACKs bring no flood, and no report ends more than its
//! sender's session (P5).

use crate::support::{Profile, Sim};
use crate::video::{film, publish};

/// A transport-layer or payload-specific feedback packet (RFC 4585 section 6.1).
fn feedback(format: u8, kind: u8, media_ssrc: u32, fci: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | format, kind];
    let words = 2 + fci.len() / 4;
    packet.extend((words as u16).to_be_bytes());
    packet.extend(1u32.to_be_bytes());
    packet.extend(media_ssrc.to_be_bytes());
    packet.extend(fci);
    packet
}

/// Pictures of about 400 kbit/s.
fn film_on(sim: &mut Sim, mid: str0m::media::Mid, frames: usize) {
    for _ in 0..frames {
        let now = sim.now;
        let client = sim.client("alice");
        let wanted = !client.keyframe_requests.is_empty();
        client.keyframe_requests.clear();
        client.send_frame(now, mid, None, wanted, (2, 800));
        sim.run_ms(33);
    }
}

/// Packets that name every number there is, 17 a word, as large as packets can be.
fn all_numbers(next: &mut u16) -> Vec<u8> {
    let mut fci = vec![];
    for _ in 0..280 {
        fci.extend(next.to_be_bytes());
        fci.extend([0xff, 0xff]);
        *next = next.wrapping_add(17);
    }
    fci
}

#[test]
fn a_storm_of_nacks_brings_no_flood() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 2);
    film_on(&mut sim, mid, 60);
    let slot = sim.client("bob").heard_from("alice")[0].ssrc;
    let bob = sim.client("bob").address;
    let pts = sim
        .client("bob")
        .rtc
        .codec_config()
        .find(|p| p.spec().codec.is_video());
    let pts = pts.map(|p| (*p.pt(), *p.resend().unwrap())).unwrap();
    sim.sent.clear();
    // A second of a thousand, then as many as are let in: 10 a second.
    let mut next = 0;
    for frame in 0..150 {
        for _ in 0..if frame < 30 { 33 } else { 1 } {
            let fci = all_numbers(&mut next);
            sim.inject_rtcp("bob", &feedback(1, 205, slot, &fci));
        }
        film_on(&mut sim, mid, 1);
    }
    let media = sim.sent[&(bob, pts.0)];
    let repeated = sim.sent[&(bob, pts.1)];
    assert!(repeated > 20_000, "NACKs are heard: {repeated}");
    // A quarter of the media, and 5 s of what is free.
    let most = media / 4 + 64_000 + 32_000 + 5 * 16_000;
    assert!(repeated <= most, "{repeated} bytes for {media}");
    assert!(sim.drop_of("rtcp_rate") > 900);
    sim.client("carol").heard.clear();
    film_on(&mut sim, mid, 30);
    assert!(sim.client("carol").heard_from("alice").len() >= 55);
}

#[test]
fn lost_pictures_are_still_repeated_for_who_asks() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 2);
    film_on(&mut sim, mid, 30);
    sim.client("bob").heard.clear();
    sim.network.loss = 0.1;
    film_on(&mut sim, mid, 200);
    sim.network.loss = 0.0;
    sim.run_ms(300);
    assert_eq!(sim.drop_of("rtcp_rate"), 0);
    // The way up loses 10 % too, and asks alice: two losses of 10 %, and their repair.
    let heard = sim.client("bob").heard_from("alice").len();
    assert!(heard >= 370, "{heard} of 400");
}

#[test]
fn no_authentic_report_ends_a_session_or_the_process() {
    let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
    let mid = publish(&mut sim, "alice", true, &[]);
    film(&mut sim, "alice", mid, &[None], 10);
    let slot = sim.client("bob").heard_from("alice")[0].ssrc;
    // REMB that announces 255 SSRCs and names one, and one of the largest exponent and mantissa.
    let mut remb = b"REMB\xff\x00\x00\x01".to_vec();
    remb.extend(slot.to_be_bytes());
    let mut most = b"REMB\x01\xff\xff\xff".to_vec();
    most.extend(slot.to_be_bytes());
    // TWCC: 65,535 statuses in run-length chunks of the reserved symbol, in two-bit vectors of it, and
    // with deltas that are missing.
    let twcc = |base: u16, chunks: &[u16]| {
        let mut fci = base.to_be_bytes().to_vec();
        fci.extend([0xff, 0xff, 0x7f, 0xff, 0xff, 1]);
        for chunk in chunks {
            fci.extend(chunk.to_be_bytes());
        }
        fci
    };
    let mut bye = vec![0x9f, 203, 0, 1];
    bye.extend(slot.to_be_bytes());
    let reports = [
        feedback(15, 206, slot, &remb),
        feedback(15, 206, slot, &most),
        feedback(15, 205, slot, &twcc(0, &[0x7fff; 8])),
        feedback(15, 205, slot, &twcc(0, &[0xffff; 8])),
        feedback(15, 205, slot, &twcc(60_000, &[0x3fff, 0x5fff])),
        feedback(1, 206, slot, &[]),
        feedback(4, 206, slot, &[0; 8]),
        bye,
    ];
    for report in &reports {
        sim.inject_rtcp("bob", report);
        // Every length, and every count in the header, of each.
        for end in (8..report.len()).step_by(2) {
            sim.inject_rtcp("bob", &report[..end]);
            sim.run_ms(5);
        }
        for count in 0..32 {
            let mut other = report.clone();
            other[0] = 0x80 | count;
            sim.inject_rtcp("bob", &other);
            other[0] |= 0x20;
            sim.inject_rtcp("bob", &other);
            sim.run_ms(5);
        }
        film(&mut sim, "alice", mid, &[None], 3);
    }
    assert_eq!(sim.core.counters().panics, 0);
    assert_eq!(sim.drop_of("rtcp_rate"), 0, "all of them were read");
    assert_eq!(sim.view().sessions.len(), 3);
    for name in ["bob", "carol"] {
        sim.client(name).heard.clear();
    }
    sim.talk(&["alice"], 500);
    film(&mut sim, "alice", mid, &[None], 30);
    for name in ["bob", "carol"] {
        let heard = sim.client(name).heard_from("alice").len();
        assert!(heard >= 45, "{name} has {heard}");
    }
}

/// str0m remembers each word about a stream until it sends on that stream.
#[test]
fn reports_of_what_the_media_stack_does_not_send_are_not_kept() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 3_000);
    let voice = sim.client("a").heard[0].ssrc;
    let stats = sim.stats("a");
    let unsent = stats
        .tracks
        .iter()
        .find(|track| !track.up && track.ssrc != voice);
    let unsent = unsent.expect("a slot that nobody is in").ssrc;
    let report = |ssrc: u32| {
        let block = [&ssrc.to_be_bytes()[..], &[0; 20]].concat();
        [&[0x80 | 31, 201, 0, 187, 0, 0, 0, 1][..], &block.repeat(31)].concat()
    };
    let kept = sim.core_kept;
    for _ in 0..60 {
        for _ in 0..9 {
            sim.inject_rtcp("a", &report(voice));
            sim.inject_rtcp("a", &report(unsent));
        }
        sim.talk(&["b"], 1_000);
    }
    let kept = sim.core_kept - kept;
    // 60 x 18 x 31 blocks of 16 bytes would be 535,680.
    assert!(kept < 250_000, "{kept} bytes kept");
    assert_eq!(sim.drop_of("rtcp_rate"), 0);
}
