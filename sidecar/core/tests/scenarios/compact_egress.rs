//! Voices leave beside the media stack, and nobody can tell: the same packets as by the media stack's own
//! way, reports that fit them, and the same way to the client.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use parley_core::api::{MediaState, StateChange};

use str0m::rtp::rtcp::SenderInfo;

use crate::support::client::Heard;
use crate::support::{Profile, Sim};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn conversation(mut sim: Sim, profile: Profile) -> Vec<Heard> {
    // Whoever spoke before is handed over to somebody else; "b" is muted for a while.
    sim = sim.called(&NAMES, profile);
    sim.talk(&["a", "b"], 600);
    sim.talk(&["c"], 3_000);
    sim.set("b", StateChange::Unmuted(false)).unwrap();
    sim.talk(&["a", "b", "c"], 600);
    sim.set("b", StateChange::Unmuted(true)).unwrap();
    sim.talk(&["b"], 600);
    sim.run_ms(100);
    sim.client("d").heard.clone()
}

fn both_ways_are_the_same(profile: Profile) {
    let ours = conversation(Sim::new(), profile);
    let mut reference = Sim::new();
    reference.core.leave_audio_to_rtc();
    let reference = conversation(reference, profile);
    assert!(ours.len() > 250, "{} heard", ours.len());
    assert_eq!(ours.len(), reference.len());
    // str0m makes up mids and SSRCs anew each time: which belongs to which must stay the same.
    let mut lines = BTreeMap::new();
    for (ours, reference) in ours.iter().zip(&reference) {
        let line = lines.entry(ours.ssrc).or_insert(reference.ssrc);
        assert_eq!(*line, reference.ssrc);
        assert_eq!(ours.payload, reference.payload);
        let numbers = |h: &Heard| (h.seq, h.ts, h.marker, h.pt, h.csrc.clone());
        assert_eq!(numbers(ours), numbers(reference));
    }
    assert_eq!(lines.len(), 3);
}

#[test]
fn our_clients_get_what_the_media_stack_would_send() {
    both_ways_are_the_same(Profile::Ours);
}

#[test]
fn official_clients_get_what_the_media_stack_would_send() {
    both_ways_are_the_same(Profile::Official);
}

#[test]
fn sender_reports_fit_the_packets() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 21_000);
    let heard = sim.client("a").heard.clone();
    let first = heard.first().unwrap();
    let reports: Vec<_> = heard.iter().filter_map(|h| h.report).collect();
    let mut reports: Vec<_> = reports;
    reports.dedup_by_key(|report| report.ntp_time);
    assert!(reports.len() >= 4, "{} reports in 21 s", reports.len());
    let seconds = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap().as_secs_f64();
    let ticks = |report: &SenderInfo| report.rtp_time.numer() as u32;
    for pair in reports.windows(2) {
        let moved = ticks(&pair[1]).wrapping_sub(ticks(&pair[0]));
        let clock = f64::from(moved) / 48_000.0;
        let wall = seconds(pair[0].ntp_time, pair[1].ntp_time);
        assert!((clock - wall).abs() < 0.002, "{clock} s of RTP in {wall} s");
        let packets = pair[1].sender_packet_count - pair[0].sender_packet_count;
        assert!(
            (packets as f64 - wall * 50.0).abs() <= 2.0,
            "{packets} in {wall} s"
        );
        assert!(pair[1].sender_octet_count > pair[0].sender_octet_count);
    }
    // The line goes through the packets themselves.
    let last = reports.last().unwrap();
    let sent = last.sender_packet_count;
    let offset = ticks(last).wrapping_sub(first.ts);
    let expected = f64::from(sent) * 960.0;
    assert!(
        (f64::from(offset) - expected).abs() <= 1_920.0,
        "{offset} after {sent} packets"
    );
}

#[test]
fn what_the_listener_reports_stands_in_the_statistics() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 1_000);
    sim.network.loss = 0.2;
    sim.network.jitter = Duration::from_millis(30);
    sim.talk(&["b"], 6_000);
    sim.network.loss = 0.0;
    sim.talk(&["b"], 2_000);
    let stats = sim.stats("a");
    let voice = stats.tracks.iter().find(|t| t.kind == "voice" && !t.up);
    let voice = voice.unwrap();
    // What was lost on the way up is a gap for the listener too.
    let heard = &sim.client("a").heard;
    let numbers = heard.iter().map(|h| h.seq);
    let span = numbers.clone().max().unwrap() - numbers.min().unwrap() + 1;
    let missing = span - heard.len() as u64;
    assert!(missing > 60, "only {missing} lost on the way");
    // The report is up to a second old, and late packets count as lost until they come.
    let told = voice.packets_lost;
    assert!(told.abs_diff(missing) <= 10, "{told} told of {missing}");
    assert!(
        voice.jitter_ms > 1.0 && voice.jitter_ms < 60.0,
        "{}",
        voice.jitter_ms
    );
}

#[test]
fn who_is_gone_is_no_longer_sent_to_and_who_comes_back_is() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 500);
    sim.client("a").mute_network = true;
    let mut waited = 0;
    while sim.session("a").media != MediaState::Reconnecting {
        sim.talk(&["b"], 500);
        waited += 500;
        assert!(waited < 40_000, "never noticed");
    }
    let to_a = sim.client("a").address;
    let voices = |sim: &Sim| -> u64 {
        let audio = sim
            .sent
            .iter()
            .filter(|((to, pt), _)| *to == to_a && *pt == 111);
        audio.map(|(_, bytes)| bytes).sum()
    };
    let before = voices(&sim);
    assert!(before > 0);
    sim.talk(&["b"], 2_000);
    assert_eq!(voices(&sim), before);
    assert!(sim.drop_of("egress_disconnected") >= 95);
    // Reports neither (RFC 7675 section 5.1): their payload types are 200 and more.
    let reports = |sim: &Sim| -> u64 {
        let rtcp = sim
            .sent
            .iter()
            .filter(|((to, pt), _)| *to == to_a && (72..80).contains(pt));
        rtcp.map(|(_, bytes)| bytes).sum()
    };
    let reported = reports(&sim);
    assert!(reported > 0);
    sim.talk(&["b"], 5_000);
    assert_eq!(reports(&sim), reported);
    sim.client("a").mute_network = false;
    sim.talk(&["b"], 3_000);
    sim.client("a").heard.clear();
    sim.talk(&["b"], 1_000);
    assert!(sim.client("a").heard.len() >= 48);
}

#[test]
fn voices_follow_a_client_whose_address_changes() {
    let mut sim = Sim::call(&["a", "b"], Profile::Ours);
    sim.talk(&["b"], 500);
    // Its router gives it another port from now on. ICE needs a while to give up the old one.
    sim.client("a").outside = Some("10.0.0.77:50123".parse().unwrap());
    sim.client("a").heard.clear();
    let mut waited = 0;
    while sim.client("a").heard.len() < 10 {
        sim.talk(&["b"], 500);
        waited += 500;
        // Consent must not outlast 30 s (RFC 7675 section 5.1).
        assert!(waited < 30_000, "never heard again");
    }
    sim.sent.clear();
    sim.client("a").heard.clear();
    sim.talk(&["b"], 1_000);
    let heard = sim.client("a").heard.len();
    assert!(heard >= 49, "{heard} of 50");
    let old = sim.client("a").address;
    assert!(!sim.sent.contains_key(&(old, 111)));
}

/// A source that leaves out numbers, and a listener that misses some packets meanwhile: it must not lose
/// count of how often the 16 bits have wrapped, for it would decrypt nothing of that slot ever again.
#[test]
fn no_source_can_make_a_listener_lose_count() {
    let mut sim = Sim::call(&["a", "b", "c"], Profile::Ours);
    sim.talk(&["b"], 500);
    let leap = |sim: &mut Sim, packets| {
        for _ in 0..packets {
            sim.client("b").jump(1_900);
            sim.talk(&["b"], 20);
        }
    };
    leap(&mut sim, 5);
    sim.client("a").deaf = true;
    leap(&mut sim, 40);
    sim.client("a").deaf = false;
    sim.talk(&["b"], 200);
    let hears = |sim: &mut Sim, who: &str| {
        sim.client("a").heard.clear();
        sim.talk(&[who], 2_000);
        sim.client("a").heard.len()
    };
    let heard = hears(&mut sim, "b");
    assert!(heard >= 99, "{heard} of 100");
    sim.leave("b");
    sim.run_ms(500);
    let heard = hears(&mut sim, "c");
    assert!(heard >= 95, "{heard} of 100 of who took the slot after");
}
