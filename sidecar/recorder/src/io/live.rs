//! One recording in progress: what of it is written now, and what is wrong with it.
//!
//! While all is well, sound and pictures are. When room runs out or a sync failed: sound alone, until it
//! has been well for a while. When nothing can be written: what comes is kept in memory as long as it is
//! little, and tried again every second.

use std::io;
use std::time::{Duration, Instant};

use parley_media::recording::codec;
use parley_media::recording::{At, EndReason, Entry, Trouble};

use super::Listener;
use super::space::{Room, Space};
use crate::counters::Counters;
use crate::journal::Journal;
use crate::tap::{Class, RecordingKey, Report};
use crate::vfs::Vfs;

/// Pictures are recorded again when nothing has been wrong for so long.
const WELL_AGAIN: Duration = Duration::from_secs(5);
/// A recording that cannot be written is tried again so often.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The disk counts as slow for so long after packets were left out.
const SLOW_FOR: Duration = Duration::from_secs(10);
/// A recording that is to end is given up when it could not be written for so long.
const GIVE_UP: Duration = Duration::from_secs(60);
/// What was left out is told at most so often.
const TELL_LOST_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    AudioOnly,
    Stopped { retry_at: Instant },
}

pub(super) struct Live {
    pub(super) id: String,
    pub(super) journal: Journal,
    health: Health,
    /// When something went wrong last.
    wrong_at: Instant,
    /// The present segment cannot be trusted.
    broken: bool,
    /// Left out here and not told yet.
    lost_audio: u32,
    lost_video: u32,
    lost_told_at: Instant,
    /// Pictures were left out here since it was well last.
    lacks_video: bool,
    /// When the tap left something out last.
    slow_audio: Option<Instant>,
    slow_video: Option<Instant>,
    reported: Option<Trouble>,
    end: Option<Ending>,
}

struct Ending {
    at: At,
    reason: EndReason,
    since: Instant,
}

impl Live {
    pub(super) fn new(id: String, journal: Journal, now: Instant) -> Self {
        Self {
            id,
            journal,
            health: Health::Good,
            wrong_at: now,
            broken: false,
            lost_audio: 0,
            lost_video: 0,
            lost_told_at: now,
            lacks_video: false,
            slow_audio: None,
            slow_video: None,
            reported: None,
            end: None,
        }
    }

    /// Takes an entry of the tap, unless there is no place for it. `kept_max`: bytes in memory
    /// while nothing can be written.
    pub(super) fn take(
        &mut self,
        class: Class,
        body: &[u8],
        kept_max: usize,
        now: Instant,
        counters: &Counters,
    ) {
        let Ok(entry) = codec::decode(body) else {
            return;
        };
        if self.end.is_some() {
            return;
        }
        // What can be written is soon: there the turns bound what is in memory.
        let kept = match self.health {
            Health::Good | Health::AudioOnly => 0,
            Health::Stopped { .. } => self.journal.unsynced() + body.len(),
        };
        let fits = match class {
            Class::Video => self.health == Health::Good,
            Class::Audio => kept <= kept_max,
            // Few and short, and without them the rest is worth nothing.
            Class::Control => kept <= 2 * kept_max,
        };
        match (entry, class) {
            (Entry::End { at, reason }, _) => return self.end(at, reason, now),
            (_, Class::Video) if !fits => {
                self.lost_video = self.lost_video.saturating_add(1);
                self.lacks_video = true;
                counters.dropped(0, 1);
                return;
            }
            _ if !fits => {
                self.lost_audio = self.lost_audio.saturating_add(1);
                counters.dropped(1, 0);
                return;
            }
            (Entry::Dropped { audio, video, .. }, _) => {
                counters.dropped(audio, video);
                self.slow_audio = if audio > 0 {
                    Some(now)
                } else {
                    self.slow_audio
                };
                self.slow_video = if video > 0 {
                    Some(now)
                } else {
                    self.slow_video
                };
            }
            _ => {}
        }
        self.journal.append_encoded(&entry, body);
    }

    /// Nothing follows.
    pub(super) fn end(&mut self, at: At, reason: EndReason, now: Instant) {
        if self.end.is_none() {
            self.tell_lost(now);
            self.journal.append(&Entry::End { at, reason });
            self.end = Some(Ending {
                at,
                reason,
                since: now,
            });
        }
    }

    /// It is to be synced before the next round's time.
    pub(super) fn wants_sync(&self, now: Instant) -> bool {
        match self.health {
            Health::Stopped { retry_at } => now >= retry_at,
            Health::Good | Health::AudioOnly => self.end.is_some(),
        }
    }

    /// The next round is the last.
    pub(super) fn retry_now(&mut self, now: Instant) {
        if let Health::Stopped { retry_at } = &mut self.health {
            *retry_at = now;
        }
    }

    /// Writes what there is, and lets it survive a crash if `sync`.
    pub(super) fn round(&mut self, vfs: &dyn Vfs, space: &mut Space, now: Instant, sync: bool) {
        if matches!(self.health, Health::Stopped { retry_at } if now < retry_at) {
            return;
        }
        if now.saturating_duration_since(self.lost_told_at) >= TELL_LOST_EVERY {
            self.tell_lost(now);
        }
        let is_short = sync && self.is_short(space);
        let before = self.journal.unwritten() as u64;
        match self.persist(vfs, space, sync) {
            Ok(was_broken) => {
                space.wrote(before);
                let is_wrong = was_broken || is_short;
                if is_wrong || matches!(self.health, Health::Stopped { .. }) {
                    self.wrong_at = now;
                    self.health = Health::AudioOnly;
                }
            }
            Err(_) => {
                self.wrong_at = now;
                let retry_at = now + RETRY_EVERY;
                self.health = Health::Stopped { retry_at };
            }
        }
        let well_for = now.saturating_duration_since(self.wrong_at);
        if self.health == Health::AudioOnly && well_for >= WELL_AGAIN {
            self.health = Health::Good;
        }
        if sync && self.health == Health::Good && self.journal.is_full() {
            self.next_segment(vfs);
        }
    }

    /// Tells what has changed.
    pub(super) fn tell(&mut self, key: RecordingKey, now: Instant, to: &mut dyn Listener) {
        if self.health == Health::Good && std::mem::take(&mut self.lacks_video) {
            to.report(Report::VideoLost { key });
        }
        let trouble = self.trouble(now);
        if trouble != self.reported {
            self.reported = trouble;
            to.report(Report::Trouble { key, trouble });
            if let Some(trouble) = trouble {
                to.in_trouble(&self.id, trouble);
            }
        }
    }

    /// All of it is on the disk, or never will be.
    pub(super) fn is_over(&self, now: Instant) -> Option<(EndReason, At)> {
        let end = self.end.as_ref()?;
        let is_safe = self.journal.unsynced() == 0;
        let given_up = now.saturating_duration_since(end.since) >= GIVE_UP;
        (is_safe || given_up).then_some((end.reason, end.at))
    }

    fn trouble(&self, now: Instant) -> Option<Trouble> {
        let is_slow = |since: Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) < SLOW_FOR)
        };
        match self.health {
            Health::Stopped { .. } => Some(Trouble::Stopped),
            Health::AudioOnly => Some(Trouble::AudioOnly),
            Health::Good if is_slow(self.slow_audio) => Some(Trouble::AudioDropped),
            Health::Good if is_slow(self.slow_video) => Some(Trouble::VideoDropped),
            Health::Good => None,
        }
    }

    /// Holds the reserve; whether that does not work.
    fn is_short(&mut self, space: &mut Space) -> bool {
        match self.journal.reserve(space.reserve_bytes()) {
            Err(error) if is_full(&error) => return true,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => space.cannot_reserve(),
            // Not worth more than a try: what is wrong shows when it is written.
            Ok(()) | Err(_) => {}
        }
        space.room() != Room::Plenty
    }

    /// `true`: the segment failed, and all is well in another one.
    fn persist(&mut self, vfs: &dyn Vfs, space: &Space, sync: bool) -> io::Result<bool> {
        if space.room() == Room::Full {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        if !self.broken {
            match self.journal.write() {
                // What is in memory fits later, at the same place.
                Err(error) if is_full(&error) => return Err(error),
                Err(_) => self.broken = true,
                Ok(()) if sync => self.broken = self.journal.sync(vfs).is_err(),
                Ok(()) => {}
            }
        }
        if self.broken {
            self.journal.rewrite(vfs)?;
            self.broken = false;
            return Ok(true);
        }
        Ok(false)
    }

    fn next_segment(&mut self, vfs: &dyn Vfs) {
        let before = self.journal.segment();
        if self.journal.rewrite(vfs).is_err() {
            // It goes on in this one, if it is still this one, and tries again with the next round.
            self.broken = self.journal.segment() != before;
        }
    }

    fn tell_lost(&mut self, now: Instant) {
        let (audio, video) = (self.lost_audio, self.lost_video);
        if audio > 0 || video > 0 {
            let at = self.journal.latest();
            self.journal.append(&Entry::Dropped { at, audio, video });
            self.lost_audio = 0;
            self.lost_video = 0;
            self.lost_told_at = now;
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
