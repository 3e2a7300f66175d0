use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind, codec};

use super::super::{Class, RecordingKey, Ring, ring};
use super::{Pushed, TapWriter};

const KEY: RecordingKey = RecordingKey(7);
const VOICE: TrackId = TrackId::new(1, 0);
const SCREEN: TrackId = TrackId::new(1, 1);

fn media(track: TrackId, at: u64, payload: &[u8]) -> Entry<'_> {
    Entry::Media(Media {
        track,
        at: At(at),
        sequence: at,
        rtp: 0,
        marker: false,
        level: None,
        payload,
    })
}

fn track(track: TrackId, kind: TrackKind) -> Entry<'static> {
    Entry::Track {
        track,
        kind,
        session: "s",
    }
}

/// Drains the ring; entries as text, classes beside them.
fn drain(ring: &mut Ring) -> Vec<(RecordingKey, Class, String)> {
    let mut taken = Vec::new();
    ring.drain(ring.waiting(), |framed| {
        let entry = codec::decode(framed.body).expect("an entry");
        taken.push((framed.key, framed.class, format!("{entry:?}")));
    });
    taken
}

fn with_tracks(bytes: usize) -> (TapWriter, Ring) {
    let (mut tap, ring) = ring(bytes);
    assert_eq!(tap.push(KEY, &track(VOICE, TrackKind::Voice)), Pushed::Away);
    assert_eq!(
        tap.push(KEY, &track(SCREEN, TrackKind::Screen)),
        Pushed::Away
    );
    (tap, ring)
}

/// Pushes until it is refused; how many were taken.
fn fill(tap: &mut TapWriter, track: TrackId, at: u64) -> u32 {
    let payload = [1; 500];
    (0..)
        .take_while(|_| tap.push(KEY, &media(track, at, &payload)) == Pushed::Away)
        .count() as u32
}

#[test]
fn pictures_go_first_then_sound_and_the_end_last_of_all() {
    let (mut tap, mut ring) = with_tracks(256 << 10);
    let video = fill(&mut tap, SCREEN, 1);
    assert!((360..400).contains(&video), "three quarters: {video}");
    let audio = fill(&mut tap, VOICE, 2);
    assert!((50..120).contains(&audio), "{audio}");
    let end = Entry::End {
        at: At(3),
        reason: EndReason::Stopped,
    };
    assert_eq!(tap.push(KEY, &end), Pushed::Away);
    let taken = drain(&mut ring);
    let of = |class| taken.iter().filter(|(_, its, _)| *its == class).count() as u32;
    assert_eq!((of(Class::Video), of(Class::Audio)), (video, audio));
    // What was refused is told before the end, in the place where it is missing.
    let dropped = Entry::Dropped {
        at: At(3),
        audio: 1,
        video: 1,
    };
    let last: Vec<_> = taken[taken.len() - 2..]
        .iter()
        .map(|(_, _, text)| text.clone())
        .collect();
    assert_eq!(last, [format!("{dropped:?}"), format!("{end:?}")]);
}

#[test]
fn losses_are_told_when_there_is_room_again_and_only_their_own_recording() {
    let (mut tap, mut ring) = with_tracks(64 << 10);
    fill(&mut tap, SCREEN, 1_000_000);
    for _ in 0..9 {
        let pushed = tap.push(KEY, &media(SCREEN, 1_100_000, &[1; 500]));
        assert_eq!(pushed, Pushed::Dropped);
    }
    drain(&mut ring);
    assert_eq!(
        tap.push(RecordingKey(8), &media(VOICE, 9_000_000, b"x")),
        Pushed::Away
    );
    // Not at once: a slow disk is not given more work.
    assert_eq!(tap.push(KEY, &media(SCREEN, 1_200_000, b"x")), Pushed::Away);
    assert_eq!(tap.push(KEY, &media(SCREEN, 1_300_000, b"x")), Pushed::Away);
    let taken: Vec<_> = drain(&mut ring)
        .into_iter()
        .map(|(key, _, text)| (key, text))
        .collect();
    let dropped = Entry::Dropped {
        at: At(1_300_000),
        audio: 0,
        video: 10,
    };
    assert_eq!(taken.len(), 4);
    assert_eq!(taken[2], (KEY, format!("{dropped:?}")));
    assert!(
        taken
            .iter()
            .filter(|(_, text)| text.starts_with("Dropped"))
            .count()
            == 1
    );
}

#[test]
fn an_end_that_finds_no_byte_is_told_all_the_same() {
    let (mut tap, mut ring) = with_tracks(4 << 10);
    // Until not one more control record fits.
    let name = "n".repeat(50);
    let session = Entry::Session {
        session: "s",
        participant: "p",
        name: &name,
    };
    while tap.push(KEY, &session) == Pushed::Away {}
    let short = Entry::TrackEnd {
        track: TrackId(0),
        at: At(0),
    };
    while tap.push(KEY, &short) == Pushed::Away {}
    let end = Entry::End {
        at: At(5),
        reason: EndReason::Limit,
    };
    assert_eq!(tap.push(KEY, &end), Pushed::Away);
    let taken = drain(&mut ring);
    assert!(!taken.iter().any(|(_, _, text)| text.starts_with("End")));
    assert_eq!(ring.late_ends(), [(KEY, At(5), EndReason::Limit)]);
    assert_eq!(ring.late_ends(), []);
}

#[test]
fn records_are_whole_wherever_they_lie_in_the_ring() {
    let (mut tap, mut ring) = with_tracks(300 << 10);
    drain(&mut ring);
    let bytes: Vec<u8> = (0..60_000_u32).map(|byte| (byte % 251) as u8).collect();
    for turn in 0..400_usize {
        let payload = &bytes[..(turn * 7919) % bytes.len()];
        assert_eq!(
            tap.push(KEY, &media(VOICE, turn as u64, payload)),
            Pushed::Away
        );
        if turn % 3 == 2 {
            let mut taken = 0;
            ring.drain(ring.waiting(), |framed| {
                let at = (turn - 2 + taken) as u64;
                let payload = &bytes[..(at as usize * 7919) % bytes.len()];
                assert_eq!(codec::decode(framed.body), Ok(media(VOICE, at, payload)));
                taken += 1;
            });
            assert_eq!(taken, 3);
        }
    }
}

#[test]
fn what_no_ring_can_hold_and_segments_are_refused() {
    let (mut tap, mut ring) = with_tracks(1 << 20);
    drain(&mut ring);
    let long = vec![0; codec::BODY_BYTES_MAX];
    assert_eq!(tap.push(KEY, &media(VOICE, 1, &long)), Pushed::Dropped);
    let segment = Entry::Segment {
        number: 1,
        at: At(0),
        wall_ms: 0,
        after_gap: false,
    };
    assert_eq!(tap.push(KEY, &segment), Pushed::Dropped);
    assert_eq!(drain(&mut ring), []);
}
