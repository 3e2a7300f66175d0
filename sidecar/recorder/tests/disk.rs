//! A recording on a real disk: written, ended, read again, and no more room held than it needs.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test without its disk has nothing to say.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};
use parley_recorder::journal::{Damage, Reader};
use parley_recorder::vfs::Disk;
use parley_recorder::{PrepareRequest, Pushed, Recorder, RecorderConfig, Report, SystemClock};

#[test]
fn a_recording_is_read_as_it_was_pushed() {
    let root = tempfile::tempdir().unwrap();
    let config = RecorderConfig {
        floor_bytes: 0,
        ..RecorderConfig::new(root.path().join("recordings"))
    };
    let dir = config.dir.join("r");
    let (recorder, mut tap, reports) =
        Recorder::start(config, Arc::new(Disk), Arc::new(SystemClock)).unwrap();
    let request = PrepareRequest {
        recording_id: "r".to_owned(),
        ..PrepareRequest::default()
    };
    let key = recorder.prepare(request).unwrap().key;
    let track = TrackId::new(1, 0);
    let mut entries = vec![
        Entry::Session {
            session: "s",
            participant: "p",
            name: "Ann",
        },
        Entry::Track {
            track,
            kind: TrackKind::Voice,
            session: "s",
        },
    ];
    entries.extend((0..2000).map(|sequence| {
        Entry::Media(Media {
            track,
            at: At(sequence * 20_000),
            sequence,
            rtp: 960 * sequence as u32,
            marker: false,
            level: Some(-40),
            payload: &[0xf8, 0xff, 0xfe],
        })
    }));
    let (at, reason) = (At(41_000_000), EndReason::CallEnded);
    entries.push(Entry::End { at, reason });
    for entry in &entries {
        assert_eq!(tap.push(key, entry), Pushed::Away);
    }
    let ended = reports.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(ended, Report::Ended { key, reason, at });
    recorder.close();

    let mut reader = Reader::new(Arc::new(Disk), dir.clone());
    assert!(matches!(
        reader.next(),
        Some(Entry::Segment { number: 1, .. })
    ));
    for entry in entries {
        assert_eq!(reader.next(), Some(entry));
    }
    assert_eq!(reader.next(), None);
    assert_eq!(reader.damage(), Damage::default());
    let segment = std::fs::metadata(dir.join("000001.journal")).unwrap();
    let held = segment.blocks() * 512;
    assert!(
        held < segment.len() + (1 << 20),
        "{held} for {} bytes",
        segment.len()
    );
}
