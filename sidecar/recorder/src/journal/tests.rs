//! The journal written and read again: whole, damaged, growing, and by another start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};
use proptest::prelude::*;

use super::{Boot, Damage, Journal, Reader, Timeline, end_of, path_of, resume_point, segments};
use crate::vfs::{EIO, Fault, MemoryVfs, Open, Operation, Vfs};

const START: Timeline = Timeline {
    at: At(0),
    wall_ms: 1_000_000,
    boot: Some(Boot {
        id: [3; 16],
        micros: 5_000_000,
    }),
};

fn dir() -> PathBuf {
    PathBuf::from("/r")
}

fn begin(vfs: &MemoryVfs) -> Journal {
    vfs.create_dir(&dir()).unwrap();
    vfs.sync_dir(Path::new("/")).unwrap();
    Journal::begin(vfs, dir(), 1, START, false).unwrap()
}

fn voice(at: u64, payload: &[u8]) -> Entry<'_> {
    Entry::Media(Media {
        track: TrackId::new(1, 0),
        at: At(at),
        sequence: at,
        rtp: 7,
        marker: false,
        level: Some(-30),
        payload,
    })
}

const SESSION: Entry<'static> = Entry::Session {
    session: "s",
    participant: "p",
    name: "Ann",
};
const TRACK: Entry<'static> = Entry::Track {
    track: TrackId::new(1, 0),
    kind: TrackKind::Voice,
    session: "s",
};

fn reader(vfs: &MemoryVfs) -> Reader {
    Reader::new(Arc::new(vfs.clone()), dir())
}

/// Everything there is to read, as text, without the segments.
fn rest(reader: &mut Reader) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(entry) = reader.next() {
        if !matches!(entry, Entry::Segment { .. }) {
            all.push(format!("{entry:?}"));
        }
    }
    all
}

fn save(journal: &mut Journal, vfs: &MemoryVfs) {
    journal.write().unwrap();
    journal.sync(vfs).unwrap();
}

fn texts(entries: &[Entry<'_>]) -> Vec<String> {
    entries.iter().map(|entry| format!("{entry:?}")).collect()
}

fn bytes_of(vfs: &MemoryVfs, number: u32) -> Vec<u8> {
    let file = vfs.open(&path_of(&dir(), number), Open::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

/// A directory in which segment 1 has these bytes.
fn with_bytes(bytes: &[u8]) -> MemoryVfs {
    let vfs = MemoryVfs::default();
    vfs.create_dir(&dir()).unwrap();
    let mut file = vfs.open(&path_of(&dir(), 1), Open::New).unwrap();
    file.write_at(0, bytes).unwrap();
    vfs
}

#[test]
fn what_is_appended_is_read_in_order() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    let end = Entry::End {
        at: At(9),
        reason: EndReason::Stopped,
    };
    let entries = [SESSION, TRACK, voice(1, b"a"), voice(2, &[7; 1400]), end];
    for entry in &entries {
        journal.append(entry);
    }
    save(&mut journal, &vfs);
    let mut reader = reader(&vfs);
    assert_eq!(
        reader.next(),
        Some(Entry::Segment {
            number: 1,
            at: At(0),
            wall_ms: 1_000_000,
            after_gap: false
        })
    );
    assert_eq!(rest(&mut reader), texts(&entries));
    assert_eq!(reader.damage(), Damage::default());
    let shared: Arc<dyn Vfs> = Arc::new(vfs);
    assert_eq!(
        end_of(&shared, &dir()).unwrap(),
        Some((At(9), EndReason::Stopped))
    );
}

#[test]
fn a_reader_follows_a_journal_that_grows_also_into_the_next_segment() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    let mut reader = reader(&vfs);
    assert_eq!(rest(&mut reader), [""; 0]);
    journal.append(&SESSION);
    assert_eq!(rest(&mut reader), [""; 0], "not written yet");
    journal.write().unwrap();
    assert_eq!(rest(&mut reader), texts(&[SESSION]));
    journal.append(&voice(1, b"a"));
    save(&mut journal, &vfs);
    journal.rewrite(&vfs).unwrap();
    assert_eq!(journal.segment(), 2);
    journal.append(&voice(2, b"b"));
    journal.write().unwrap();
    // The session stands in the second segment, too, and is read once.
    assert_eq!(rest(&mut reader), texts(&[voice(1, b"a"), voice(2, b"b")]));
    assert_eq!(reader.damage(), Damage::default());
}

#[test]
fn half_a_record_is_waited_for() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    let start = bytes_of(&vfs, 1).len();
    journal.append(&voice(1, &[9; 300]));
    save(&mut journal, &vfs);
    let bytes = bytes_of(&vfs, 1);
    let vfs = with_bytes(&bytes[..start]);
    let mut reader = reader(&vfs);
    let mut file = vfs.open(&path_of(&dir(), 1), Open::Keep).unwrap();
    for end in start..bytes.len() {
        file.write_at(0, &bytes[..end]).unwrap();
        assert_eq!(rest(&mut reader), [""; 0]);
    }
    // As another process may see it: the length is there before the bytes are.
    file.set_len(bytes.len() as u64).unwrap();
    assert_eq!(rest(&mut reader), [""; 0]);
    file.write_at(0, &bytes).unwrap();
    assert_eq!(rest(&mut reader), texts(&[voice(1, &[9; 300])]));
}

#[test]
fn a_failed_sync_loses_nothing_and_nothing_is_read_twice() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    journal.append(&SESSION);
    journal.append(&TRACK);
    journal.append(&voice(1_000_000, b"safe"));
    save(&mut journal, &vfs);
    let mut live = reader(&vfs);
    let before = rest(&mut live);
    journal.append(&voice(2_000_000, b"at stake"));
    journal.write().unwrap();
    let seen = rest(&mut live);
    let operations = vfs.counts().operations;
    vfs.add_fault(Fault::Fail {
        from: operations,
        to: operations + 1,
        what: Operation::Sync,
        errno: EIO,
    });
    assert!(journal.sync(&vfs).is_err());
    journal.rewrite(&vfs).unwrap();
    journal.append(&voice(3_000_000, b"later"));
    save(&mut journal, &vfs);
    let later = rest(&mut live);
    let all = [
        SESSION,
        TRACK,
        voice(1_000_000, b"safe"),
        voice(2_000_000, b"at stake"),
        voice(3_000_000, b"later"),
    ];
    assert_eq!([before, seen, later].concat(), texts(&all));
    for seed in 0..50 {
        assert_eq!(
            rest(&mut reader(&vfs.crash(seed))),
            texts(&all),
            "seed {seed}"
        );
    }
    // Even if the first segment is lost as a whole, it is known whose the second one's packets are.
    let mut second = Reader::at(Arc::new(vfs), dir(), 2);
    assert_eq!(
        second.next(),
        Some(Entry::Segment {
            number: 2,
            at: At(1_000_000),
            wall_ms: 1_001_000,
            after_gap: false
        })
    );
    assert_eq!(
        rest(&mut second),
        texts(&[
            SESSION,
            TRACK,
            voice(2_000_000, b"at stake"),
            voice(3_000_000, b"later")
        ])
    );
}

#[test]
fn another_segment_is_tried_as_often_as_it_takes() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    journal.append(&SESSION);
    journal.write().unwrap();
    let first = vfs.counts().operations;
    // Each operation of the attempt fails once.
    let mut attempts = 0;
    loop {
        vfs.clear_faults();
        let now = vfs.counts().operations;
        vfs.add_fault(Fault::Fail {
            from: now + attempts,
            to: now + attempts + 1,
            what: Operation::Any,
            errno: EIO,
        });
        attempts += 1;
        if journal.rewrite(&vfs).is_ok() && vfs.counts().operations < now + attempts {
            break;
        }
        assert!(vfs.counts().operations < first + 200);
    }
    vfs.clear_faults();
    assert!(attempts > 4, "{attempts}");
    journal.append(&voice(1, b"a"));
    save(&mut journal, &vfs);
    for seed in 0..20 {
        let all = rest(&mut reader(&vfs.crash(seed)));
        assert_eq!(all, texts(&[SESSION, voice(1, b"a")]), "seed {seed}");
    }
    let left = vfs.list(&dir()).unwrap();
    assert!(
        left.iter().all(|found| found.name.ends_with(".journal")),
        "{left:?}"
    );
}

#[test]
fn a_recording_goes_on_where_the_machines_clock_says_whatever_the_wall_clock_does() {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    journal.append(&voice(8_000_000, b"a"));
    save(&mut journal, &vfs);
    let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let point = resume_point(&shared, &dir()).unwrap();
    assert_eq!(point.next_segment, 2);
    let boot = |micros| {
        Some(Boot {
            id: [3; 16],
            micros,
        })
    };
    let another = Some(Boot {
        id: [4; 16],
        micros: 1,
    });
    // 12 s after the start, with the wall clock an hour ahead, or behind.
    assert_eq!(
        point.elapsed(4_600_000, boot(17_000_000), 0),
        At(12_000_000)
    );
    assert_eq!(point.elapsed(0, boot(17_000_000), 0), At(12_000_000));
    // The machine started anew: the wall clock has the word, but never backwards.
    assert_eq!(point.elapsed(1_020_000, another, 0), At(20_000_000));
    assert_eq!(point.elapsed(1_020_000, None, 0), At(20_000_000));
    assert_eq!(point.elapsed(1_001_000, another, 0), At(8_000_000));
    assert_eq!(point.elapsed(0, None, 0), At(8_000_000));

    let timeline = Timeline {
        at: At(20_000_000),
        wall_ms: 1_020_000,
        boot: another,
    };
    let mut second = Journal::begin(&vfs, dir(), point.next_segment, timeline, true).unwrap();
    second.append(&voice(20_500_000, b"b"));
    save(&mut second, &vfs);
    let mut all = reader(&vfs);
    let mut gaps = Vec::new();
    let mut media = 0;
    while let Some(entry) = all.next() {
        match entry {
            Entry::Segment {
                number,
                at,
                after_gap,
                ..
            } => gaps.push((number, at, after_gap)),
            _ => media += 1,
        }
    }
    assert_eq!(gaps, [(1, At(0), false), (2, At(20_000_000), true)]);
    assert_eq!(media, 2);
    let point = resume_point(&shared, &dir()).unwrap();
    assert_eq!(point.elapsed(1_021_000, another, 0), At(20_500_000));
}

#[test]
fn of_a_journal_that_cannot_be_read_the_start_is_what_is_known() {
    let vfs: Arc<dyn Vfs> = Arc::new(with_bytes(&[0xaa; 5000]));
    let point = resume_point(&vfs, &dir()).unwrap();
    assert_eq!(point.next_segment, 2);
    assert_eq!(point.elapsed(1_060_000, None, 1_000_000), At(60_000_000));
    assert_eq!(end_of(&vfs, &dir()).unwrap(), None);
    assert_eq!(segments(vfs.as_ref(), &dir()).unwrap(), [1]);
}

/// Segment, the entry's end in it, and the entry as text.
type Written = (u32, usize, String);

/// A recording in two segments: its bytes, and its entries with the end of each in its segment.
fn two_segments() -> ([Vec<u8>; 2], Vec<Written>) {
    let vfs = MemoryVfs::default();
    let mut journal = begin(&vfs);
    let mut entries = Vec::new();
    let payload: Vec<u8> = (0..60).collect();
    let mut all = vec![SESSION, TRACK];
    all.extend((0..8).map(|at| voice(at, &payload[..at as usize * 5])));
    for (place, entry) in all.iter().enumerate() {
        if place == 6 {
            journal.rewrite(&vfs).unwrap();
        }
        journal.append(entry);
        save(&mut journal, &vfs);
        let bytes = bytes_of(&vfs, journal.segment()).len();
        entries.push((journal.segment(), bytes, format!("{entry:?}")));
    }
    ([bytes_of(&vfs, 1), bytes_of(&vfs, 2)], entries)
}

fn with_segments(bytes: &[Vec<u8>; 2]) -> MemoryVfs {
    let vfs = with_bytes(&bytes[0]);
    let mut file = vfs.open(&path_of(&dir(), 2), Open::New).unwrap();
    file.write_at(0, &bytes[1]).unwrap();
    vfs
}

#[test]
fn a_cut_costs_what_is_behind_it_in_its_segment_and_no_more() {
    let (bytes, entries) = two_segments();
    for segment in [0, 1] {
        for end in 0..bytes[segment].len() {
            let mut cut = bytes.clone();
            cut[segment].truncate(end);
            let vfs = with_segments(&cut);
            let lost =
                |(number, until, _): &&Written| *number as usize == segment + 1 && *until > end;
            let mut left: Vec<String> = entries
                .iter()
                .filter(|entry| !lost(entry))
                .map(|(_, _, text)| text.clone())
                .collect();
            // Session and track stand in the second segment, too.
            for (place, (_, until, text)) in entries[..2].iter().enumerate() {
                if segment == 0 && *until > end {
                    left.insert(place.min(left.len()), text.clone());
                }
            }
            let once = rest(&mut reader(&vfs));
            assert_eq!(once, left, "segment {segment} cut at {end}");
            assert_eq!(rest(&mut reader(&vfs)), once, "read again");
            assert_eq!(
                bytes_of(&vfs, segment as u32 + 1),
                cut[segment],
                "nothing is repaired"
            );
        }
    }
}

proptest! {
    #[test]
    fn flipped_bits_never_make_an_entry_that_was_not_there(
        flips in prop::collection::vec((0..2_usize, any::<prop::sample::Index>(), 0..8_u32), 1..6),
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut bytes, entries) = two_segments();
        for (segment, place, bit) in flips {
            let bytes = &mut bytes[segment];
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        bytes[1].extend(tail);
        let vfs = with_segments(&bytes);
        let read = rest(&mut reader(&vfs));
        let mut expected = entries.iter().map(|(_, _, text)| text);
        for text in &read {
            prop_assert!(expected.any(|entry| entry == text), "{} out of place in {:?}", text, read);
        }
        prop_assert_eq!(rest(&mut reader(&vfs)), read);
        let shared: Arc<dyn Vfs> = Arc::new(vfs);
        prop_assert_eq!(resume_point(&shared, &dir()).unwrap().next_segment, 3);
    }
}
