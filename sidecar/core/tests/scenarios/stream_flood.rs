//! One client's streams are its own problem: new SSRCs are capped, junk on the channel is counted (P4,
//! P6).

use crate::support::{Profile, Sim};
use parley_media::channel::ClientMessage;
use parley_media::sdp::deflate;
use str0m::media::MediaKind;

#[test]
fn channel_floods_and_junk_are_dropped_and_counted() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    for n in 0..2_000u32 {
        if n % 2 == 0 {
            sim.client("alice").send(&ClientMessage::Ping);
        } else {
            sim.client("alice")
                .send_raw(true, &[0xdd, 0xff, 0xff, 0xff, 0xff]);
        }
        if n % 50 == 0 {
            sim.run_ms(5);
        }
    }
    sim.run_ms(500);
    assert!(sim.drop_of("channel_malformed") > 100);
    assert!(sim.drop_of("channel_rate") > 1_000);
    sim.talk(&["alice", "bob"], 400);
    assert!(!sim.client("bob").heard_from("alice").is_empty());
}

#[test]
fn descriptions_on_the_channel_are_bounded_as_those_on_the_socket() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let junk = deflate(b"{}");
    for n in 0..400 {
        sim.client("alice").send(&ClientMessage::Sdp(&junk));
        if n % 20 == 0 {
            sim.run_ms(5);
        }
    }
    sim.run_ms(500);
    let read = sim.drop_of("sdp_malformed");
    assert!((90..=120).contains(&read), "{read}");
    assert!(sim.drop_of("signal_rate") >= 250);
}

#[test]
fn an_ssrc_per_packet_costs_no_state_and_the_voice_goes_on() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    sim.talk(&["alice"], 200);
    let alice = sim.client("alice").address;
    for ssrc in 0..10_000u32 {
        let mut packet = vec![0x80, 111, 0, 1, 0, 0, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet.resize(60, 7);
        sim.inject(alice, &packet);
    }
    assert!(sim.drop_of("streams") > 9_900);
    sim.client("bob").heard.clear();
    sim.talk(&["alice"], 500);
    sim.run_ms(50);
    assert!(sim.client("bob").heard_from("alice").len() >= 24);
}

#[test]
fn opening_channels_without_end_ends_the_session() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    for n in 0..20 {
        let mut api = sim.client("alice").rtc.sdp_api();
        api.add_channel(format!("junk-{n}"));
        assert!(api.apply().is_none());
        sim.run_ms(50);
    }
    assert_eq!(sim.view().sessions.len(), 1);
}

#[test]
fn unannounced_video_goes_nowhere() {
    let mut sim = Sim::call(&["alice", "bob"], Profile::Ours);
    let (mid, offer) = sim.client("alice").offer_line(MediaKind::Video, "cam", &[]);
    sim.client("alice").send_description(offer);
    sim.run_ms(200);
    for n in 0..20 {
        let now = sim.now;
        sim.client("alice").send_video(now, mid, None, n == 0);
        sim.run_ms(33);
    }
    assert!(sim.stats("alice").drops["media_unannounced"] >= 15);
    assert!(sim.client("bob").heard.is_empty());
}
