//! The thread's end of recordings: what rooms tap goes into the recorder's ring, what the recorder finds
//! out comes back as commands. Nothing here waits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use parley_core::api::{Command, RecordingNews};
use parley_media::recording::{Entry, RecordingKey};
use parley_recorder::{Pushed, Report, TapWriter};

/// When nothing was left out for so long, a key frame is worth its bytes.
const CALM: Duration = Duration::from_millis(500);

/// What [`Recorder::start`](parley_recorder::Recorder::start) gives for the thread.
pub struct RecorderLink {
    /// Takes what is recorded.
    pub tap: TapWriter,
    /// What becomes of it.
    pub reports: Receiver<Report>,
}

impl fmt::Debug for RecorderLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecorderLink")
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Recordings {
    link: RecorderLink,
    /// Recordings that lack something, and since when they lack no more.
    lossy: BTreeMap<RecordingKey, Instant>,
    /// Entries that found the ring full.
    pub(super) dropped: u64,
}

impl Recordings {
    pub(super) fn new(link: RecorderLink) -> Self {
        Self {
            link,
            lossy: BTreeMap::new(),
            dropped: 0,
        }
    }

    /// Hands on what a room tapped. The recorder's end of the ring says in the journal what is missing.
    pub(super) fn push(&mut self, key: RecordingKey, entry: &Entry<'_>) {
        if self.link.tap.push(key, entry) == Pushed::Dropped {
            self.dropped += 1;
            self.lossy.insert(key, Instant::now());
        } else if matches!(entry, Entry::End { .. }) {
            self.lossy.remove(&key);
        }
    }

    /// What the rooms are to be told next.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Command> {
        let command = |key, news| Some(Command::RecordingNews { key, news });
        // The recorder outlives the thread's end of it; without it there is nothing to tell.
        if let Ok(report) = self.link.reports.try_recv() {
            return match report {
                Report::Trouble { key, trouble } => command(key, RecordingNews::Trouble(trouble)),
                Report::VideoLost { key } => command(key, RecordingNews::VideoLost),
                Report::Ended { key, reason, .. } => command(key, RecordingNews::Ended(reason)),
            };
        }
        let calm = |last: &Instant| now.saturating_duration_since(*last) >= CALM;
        let key = *self.lossy.iter().find(|(_, last)| calm(last))?.0;
        self.lossy.remove(&key);
        command(key, RecordingNews::VideoLost)
    }

    /// When [`Self::poll`] has something without anything new.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.lossy.values().min().map(|last| *last + CALM)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parley_media::recording::{At, Media, TrackId, TrackKind};
    use parley_recorder::vfs::Disk;
    use parley_recorder::{Recorder, RecorderConfig, SystemClock};

    use super::*;

    const KEY: RecordingKey = RecordingKey(1);
    const VOICE: TrackId = TrackId(0);
    const SCREEN: TrackId = TrackId(1);

    /// A tap that nobody reads any more: a disk that stands still for good.
    fn stuck(dir: &std::path::Path) -> Recordings {
        let config = RecorderConfig::new(dir.to_owned());
        let started = Recorder::start(config, Arc::new(Disk), Arc::new(SystemClock));
        let (recorder, tap, reports) = started.unwrap();
        recorder.close();
        let mut recordings = Recordings::new(RecorderLink { tap, reports });
        for (track, kind) in [(VOICE, TrackKind::Voice), (SCREEN, TrackKind::Screen)] {
            let session = "s";
            let entry = Entry::Track {
                track,
                kind,
                session,
            };
            recordings.push(KEY, &entry);
        }
        recordings
    }

    fn packet(track: TrackId, payload: &[u8]) -> Entry<'_> {
        Entry::Media(Media {
            track,
            at: At(0),
            sequence: 0,
            rtp: 0,
            marker: false,
            level: None,
            payload,
        })
    }

    #[test]
    fn a_full_ring_drops_pictures_first_and_the_room_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = stuck(dir.path());
        let picture = [0; 1_100];
        let mut pushed: u64 = 0;
        while recordings.dropped == 0 {
            recordings.push(KEY, &packet(SCREEN, &picture));
            pushed += 1;
            assert!(pushed < 1_000_000, "the ring is bounded");
        }
        recordings.push(KEY, &packet(SCREEN, &picture));
        assert_eq!(recordings.dropped, 2);
        // A tenth of what the pictures had is still there for voices.
        let voice = [0; 100];
        for _ in 0..pushed {
            recordings.push(KEY, &packet(VOICE, &voice));
        }
        assert_eq!(recordings.dropped, 2, "no voice is lost");
        for _ in 0..pushed * 20 {
            recordings.push(KEY, &packet(VOICE, &voice));
        }
        assert!(recordings.dropped > 2, "at last voices are, too");

        let now = Instant::now();
        assert!(recordings.wake_at().is_some_and(|at| at > now));
        assert!(recordings.poll(now).is_none(), "not while it goes on");
        let told = recordings.poll(now + CALM);
        let lost = RecordingNews::VideoLost;
        assert!(
            matches!(told, Some(Command::RecordingNews { key: KEY, news }) if news == lost),
            "{told:?}"
        );
        assert!(recordings.poll(now + CALM).is_none(), "once");
        assert_eq!(recordings.wake_at(), None);
    }
}
