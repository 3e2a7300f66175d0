//! R1, and what a recording is refused for: with all threads, over a file system in memory.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use parley_compose::Finished;
use parley_media::recording::{At, EndReason, Entry, Media, TrackId};

use super::{PrepareError, PrepareRequest, Prepared, Recorder, RecorderConfig};
use crate::ManualClock;
use crate::composing::{Compose, MakeComposer};
use crate::journal::Reader;
use crate::shelf::BeginError;
use crate::store::state::Stage;
use crate::tap::{Pushed, Report, TapWriter};
use crate::vfs::{Fault, MemoryVfs, Vfs};

/// Composes nothing.
struct Idle;

impl Compose for Idle {
    fn push(&mut self, _entry: Entry<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<Finished> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

type Started = (Recorder, TapWriter, Receiver<Report>);

fn config() -> RecorderConfig {
    RecorderConfig {
        exclusive: false,
        floor_bytes: 10_000_000,
        recordings_max: 2,
        ..RecorderConfig::new("/rec".into())
    }
}

fn start_with(vfs: &MemoryVfs, clock: &ManualClock, config: RecorderConfig) -> io::Result<Started> {
    let idle: MakeComposer = Arc::new(|_, _| Box::new(Idle));
    Recorder::start_with(config, Arc::new(vfs.clone()), Arc::new(clock.clone()), idle)
}

fn start(vfs: &MemoryVfs, clock: &ManualClock) -> io::Result<Started> {
    start_with(vfs, clock, config())
}

fn request(id: &str) -> PrepareRequest {
    PrepareRequest {
        recording_id: id.to_owned(),
        room_id: "room".to_owned(),
        generation: 3,
        starter_id: "ann".to_owned(),
        ..PrepareRequest::default()
    }
}

fn speak(tap: &mut TapWriter, prepared: &Prepared, from: u64, count: u64) {
    for at in from..from + count {
        let entry = Entry::Media(Media {
            track: TrackId::new(prepared.segment, 0),
            at: At(at),
            sequence: at,
            rtp: 0,
            marker: false,
            level: None,
            payload: b"sound",
        });
        assert_eq!(tap.push(prepared.key, &entry), Pushed::Away);
    }
}

fn read(vfs: &MemoryVfs, id: &str) -> (Vec<(u32, u64, bool)>, Vec<u64>) {
    let mut reader = Reader::new(Arc::new(vfs.clone()), format!("/rec/{id}").into());
    let (mut segments, mut media) = (Vec::new(), Vec::new());
    while let Some(entry) = reader.next() {
        match entry {
            Entry::Segment {
                number,
                at,
                after_gap,
                ..
            } => segments.push((number, at.0, after_gap)),
            Entry::Media(packet) => media.push(packet.at.0),
            _ => {}
        }
    }
    (segments, media)
}

#[test]
fn whatever_was_prepared_is_there_after_a_crash() {
    let (mut refused, mut prepared) = (0, 0);
    for at in 0.. {
        let vfs = MemoryVfs::default();
        let clock = ManualClock::at(1_000_000);
        vfs.add_fault(Fault::CrashAt(at));
        let told = start(&vfs, &clock).is_ok_and(|(recorder, _tap, _reports)| {
            let told = recorder.prepare(request("a")).is_ok();
            if !told {
                refused += 1;
            }
            told
        });
        for seed in 0..10 {
            let after = vfs.crash(seed);
            let (recorder, _tap, _reports) = start(&after, &clock).unwrap();
            if told {
                let state = recorder.shelf().get("a").unwrap().state;
                assert_eq!(state.stage, Stage::InProgress, "at {at}");
                assert_eq!(read(&after, "a").0, [(1, 0, false)], "at {at}");
            }
            // In any case the next start can go on under this id.
            let next = recorder.prepare(request("a")).unwrap();
            assert!(next.resumed || !told);
            assert!(next.segment > 1 || !told);
            recorder.close();
        }
        if told && !vfs.has_crashed() {
            prepared += 1;
            if prepared > 3 {
                break;
            }
        }
    }
    assert!(refused > 8, "{refused}");
}

#[test]
fn a_restart_goes_on_with_the_same_recording_where_time_has_come_to() {
    let vfs = MemoryVfs::default();
    let clock = ManualClock::at(1_000_000);
    let (recorder, mut tap, _reports) = start(&vfs, &clock).unwrap();
    let first = recorder.prepare(request("a")).unwrap();
    assert_eq!(
        (first.segment, first.elapsed, first.resumed),
        (1, Duration::ZERO, false)
    );
    speak(&mut tap, &first, 0, 10);
    recorder.close();
    assert!(matches!(
        recorder.prepare(request("b")),
        Err(PrepareError::Closed)
    ));

    clock.advance(Duration::from_secs(7));
    clock.step_wall(-3_600_000);
    let (recorder, mut tap, _reports) = start(&vfs, &clock).unwrap();
    let second = recorder.prepare(request("a")).unwrap();
    assert_eq!(second.started_at_ms, 1_000_000);
    let expected = (2, Duration::from_secs(7), true);
    assert_eq!((second.segment, second.elapsed, second.resumed), expected);
    speak(&mut tap, &second, 7_000_000, 10);
    recorder.close();
    let (segments, media) = read(&vfs.crash(1), "a");
    assert_eq!(segments, [(1, 0, false), (2, 7_000_000, true)]);
    assert_eq!(
        media,
        (0..10).chain(7_000_000..7_000_010).collect::<Vec<_>>()
    );
}

#[test]
fn an_ended_recording_is_told_and_makes_room_for_another() {
    let vfs = MemoryVfs::default();
    let clock = ManualClock::at(1_000_000);
    let (recorder, mut tap, reports) = start(&vfs, &clock).unwrap();
    let a = recorder.prepare(request("a")).unwrap();
    let b = recorder.prepare(request("b")).unwrap();
    assert_ne!(a.key, b.key);
    let same = recorder.prepare(request("a"));
    assert!(matches!(same, Err(PrepareError::TooMany(2))), "{same:?}");
    speak(&mut tap, &a, 0, 3);
    let (at, reason) = (At(9), EndReason::Limit);
    assert_eq!(tap.push(a.key, &Entry::End { at, reason }), Pushed::Away);
    let report = reports.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(
        report,
        Report::Ended {
            key: a.key,
            reason,
            at
        }
    );
    assert_eq!(
        read(&vfs.crash(4), "a").1,
        [0, 1, 2],
        "on the disk when it is told"
    );
    let again = recorder.prepare(request("b"));
    let in_progress = matches!(again, Err(PrepareError::Begin(BeginError::InProgress)));
    assert!(in_progress, "{again:?}");
    let c = recorder.prepare(request("c")).unwrap();
    recorder.discard(c.key);
    assert!(recorder.shelf().get("c").is_none());
    assert!(vfs.list("/rec/c".as_ref()).is_err());
    recorder.prepare(request("c")).unwrap();
    recorder.close();
}

#[test]
fn without_enough_room_none_begins() {
    let vfs = MemoryVfs::with_capacity(10_000_000);
    let clock = ManualClock::at(1_000_000);
    let (recorder, _tap, _reports) = start(&vfs, &clock).unwrap();
    vfs.set_capacity(Some(9_999_999));
    let refused = recorder.prepare(request("a"));
    let low = matches!(
        refused,
        Err(PrepareError::LowSpace {
            free_bytes: 9_999_999
        })
    );
    assert!(low, "{refused:?}");
    vfs.set_capacity(None);
    recorder.prepare(request("a")).unwrap();
    recorder.close();

    let config = RecorderConfig {
        quota_bytes: 100,
        ..config()
    };
    vfs.set_capacity(Some(9_999_999));
    let (recorder, _tap, _reports) = start_with(&vfs, &clock, config.clone()).unwrap();
    assert!(
        recorder.prepare(request("a")).unwrap().resumed,
        "what was announced goes on"
    );
    recorder.close();
    vfs.set_capacity(None);
    let (recorder, _tap, _reports) = start_with(&vfs, &clock, config).unwrap();
    let refused = recorder.prepare(request("b"));
    let over = matches!(refused, Err(PrepareError::OverQuota { quota_bytes: 100 }));
    assert!(over, "{refused:?}");
    assert!(recorder.shelf().get("b").is_none());
    recorder.close();
}
