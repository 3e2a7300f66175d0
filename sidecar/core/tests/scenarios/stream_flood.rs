//! One client's streams are its own problem: new SSRCs are capped, junk on the channel is counted (P4,
//! P6).

use crate::support::{Profile, Sim};
use parley_media::channel::ClientMessage;
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
