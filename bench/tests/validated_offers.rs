//! What our check lets pass does not panic the media engine: random damage to a browser's offer, first
//! as the first offer of a connection, then as its next one.
#![allow(clippy::expect_used)] // Whatever fails here is the test's finding.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use parley_media::sdp::{SdpLimits, prepare_offer, validate};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use str0m::Rtc;
use str0m::change::SdpOffer;

const OFFER: &str = include_str!("../../sidecar/media/fuzz/corpus/sdp/chromium_mic.sdp");
const ROUNDS: u64 = 3_000;
/// Numbers and words that mean something in an offer.
const WORDS: [&str; 24] = [
    "0",
    "1",
    "2",
    "8",
    "13",
    "35",
    "63",
    "72",
    "96",
    "97",
    "111",
    "126",
    "127",
    "opus/48000/2",
    "VP8/90000",
    "rtx/90000",
    "apt=96",
    "apt=97",
    "sendrecv",
    "inactive",
    "passive",
    "l",
    "h",
    "-",
];

fn damage(rng: &mut SmallRng) -> String {
    // Where the client also receives, its payload types are binding: the engine may not choose others.
    let direction = ["a=sendonly", "a=sendrecv", "a=recvonly"].choose(rng);
    let offer = OFFER.replace("a=sendonly", direction.copied().unwrap_or_default());
    let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..lines.len());
        match rng.random_range(0..7) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = rng.random_range(0..lines.len());
                lines.swap(at, other);
            }
            3 => {
                let copy = lines[rng.random_range(0..lines.len())].clone();
                lines.insert(at, copy);
            }
            4 => lines[at] = change_word(&lines[at], rng),
            _ => renumber(&mut lines[at..], rng),
        }
        if lines.is_empty() {
            return String::new();
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// Gives a payload type another number in everything that follows.
fn renumber(lines: &mut [String], rng: &mut SmallRng) {
    const TYPES: [&str; 8] = ["0", "63", "72", "96", "97", "111", "126", "127"];
    let old = TYPES.choose(rng).copied().unwrap_or_default();
    let new = TYPES.choose(rng).copied().unwrap_or_default();
    for line in lines {
        if line.starts_with("m=") {
            *line = line.replacen(&format!(" {old}"), &format!(" {new}"), 1);
        } else {
            *line = line
                .replacen(&format!(":{old} "), &format!(":{new} "), 1)
                .replacen(&format!("apt={old}"), &format!("apt={new}"), 1);
        }
    }
}

/// Replaces one word of a line, whatever separates them.
fn change_word(line: &str, rng: &mut SmallRng) -> String {
    let separators = [' ', ':', ';', '/'];
    let words: Vec<&str> = line.split(separators).collect();
    let old = words.choose(rng).copied().unwrap_or_default();
    let new = WORDS.choose(rng).copied().unwrap_or_default();
    line.replacen(old, new, 1)
}

fn engine() -> Rtc {
    Rtc::builder()
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true)
        .set_rtp_mode(true)
        .build(Instant::now())
}

/// Whether the engine took it.
fn offer(rtc: &mut Rtc, sdp: &str) -> bool {
    let taken = catch_unwind(AssertUnwindSafe(|| {
        let offer = SdpOffer::from_sdp_string(&prepare_offer(sdp, &["1", "2"])).ok()?;
        rtc.sdp_api().accept_offer(offer).ok()
    }));
    taken
        .unwrap_or_else(|_| panic!("the engine panicked at:\n{sdp}"))
        .is_some()
}

#[test]
fn no_validated_offer_panics_the_engine() {
    let (mut passed, mut taken) = (0, 0);
    for seed in 0..ROUNDS {
        let mut rng = SmallRng::seed_from_u64(seed);
        let damaged = damage(&mut rng);
        if validate(&damaged, &SdpLimits::default()).is_err() {
            continue;
        }
        passed += 1;
        taken += usize::from(offer(&mut engine(), &damaged));
        // A renegotiation meets payload types and m-lines that are settled already.
        let mut rtc = engine();
        assert!(offer(&mut rtc, OFFER), "the undamaged offer is good");
        offer(&mut rtc, &damaged);
    }
    // The test means something only if much gets through to the engine.
    assert!(passed > ROUNDS / 4, "{passed} passed our check");
    assert!(taken > 100, "{taken} were taken by the engine");
}
