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
