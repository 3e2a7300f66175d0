//! What comes by itself: abandoned recordings are closed, verified ones go when their grace is over, what
//! an admin asked for is taken up, unknown directories are looked for.

use std::time::{Duration, Instant};

use parley_media::recording::EndReason;

use super::{Ended, Note, RESUME_WAIT, Shelf};
use crate::publish::recovered_stage;
use crate::store;
use crate::store::state::Stage;

/// Unknown directories are looked for so often.
const SCAN_EVERY: Duration = Duration::from_secs(60 * 60);
/// In a recording's directory: it is to be taken up again.
pub const RECOVER: &str = "recover";

impl Shelf {
    /// Takes one note. `Err(note)`: the disk did not do it; it is to be told again later.
    pub(crate) fn note(&self, note: Note) -> Result<(), Note> {
        match note {
            Note::Look | Note::Stop => {}
            Note::HostAttached => {
                let now = self.clock().now();
                self.lock().attached_since.get_or_insert(now);
            }
            Note::Ended(id, ended) => {
                let mut books = self.lock();
                if let Some(book) = books.by_id.get_mut(&id)
                    && let Err(error) = self.close(book, ended)
                {
                    tracing::warn!(recording = %id, %error, "a recording's end cannot be written yet");
                    return Err(Note::Ended(id, ended));
                }
            }
            Note::Trouble(id, trouble) => {
                let mut books = self.lock();
                // Where it cannot be written (the disk is what is in trouble) it is kept in memory, and
                // written with the next step.
                if let Some(book) = books.by_id.get_mut(&id)
                    && self
                        .change(book, |state| state.note_trouble(trouble))
                        .is_err()
                {
                    book.state.note_trouble(trouble);
                }
            }
        }
        Ok(())
    }

    /// Everything that is due now.
    pub(crate) fn upkeep(&self) {
        let now = self.clock().now();
        self.close_abandoned(now);
        self.remove_old();
        self.take_requests();
        self.look_at_sizes();
        let due = {
            let mut books = self.lock();
            let due = *books.next_scan.get_or_insert(now + SCAN_EVERY) <= now;
            if due {
                books.next_scan = Some(now + SCAN_EVERY);
            }
            due
        };
        if due && let Err(error) = self.scan() {
            tracing::warn!(%error, "the recordings' directory cannot be read");
        }
    }

    /// Nobody went on with them.
    fn close_abandoned(&self, now: Instant) {
        let mut books = self.lock();
        let Some(attached) = books.attached_since else {
            return;
        };
        for (id, book) in &mut books.by_id {
            let since = attached.max(book.orphan_since);
            if book.state.stage != Stage::InProgress || book.is_open || now < since + RESUME_WAIT {
                continue;
            }
            let crashed = Ended {
                reason: EndReason::Crash,
                at_ms: 0,
            };
            match self.close(book, crashed) {
                Ok(()) => tracing::info!(recording = %id, "nobody went on with it: it is closed"),
                Err(error) => {
                    tracing::warn!(recording = %id, %error, "an abandoned recording cannot be closed yet");
                }
            }
        }
    }

    /// Verified, and their grace is over.
    fn remove_old(&self) {
        let grace_ms = u64::try_from(self.inner.config.grace.as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.clock().wall_ms();
        let mut books = self.lock();
        let old: Vec<String> = books
            .by_id
            .values()
            .filter(|book| book.state.stage == Stage::Verified)
            .filter(|book| {
                let since = book.state.verified_at_ms.unwrap_or(0);
                since.saturating_add(grace_ms) <= now_ms
            })
            .map(|book| book.state.id().to_owned())
            .collect();
        for id in old {
            match store::remove(self.vfs().as_ref(), self.root(), &id) {
                Ok(()) => {
                    books.by_id.remove(&id);
                    books.claims.release(&id);
                    tracing::info!(recording = %id, "a published recording's copy is removed");
                }
                Err(error) => {
                    tracing::warn!(recording = %id, %error, "a published recording's copy stays")
                }
            }
        }
    }

    /// `parley-sidecar recordings recover` leaves a file beside a running sidecar.
    fn take_requests(&self) {
        let Ok(found) = self.vfs().list(self.root()) else {
            return;
        };
        for found in found.iter().filter(|found| found.is_dir) {
            let request = self.dir_of(&found.name).join(RECOVER);
            if self.vfs().open(&request, crate::vfs::Open::Read).is_err() {
                continue;
            }
            match self.take_up(&found.name) {
                Ok(stage) => {
                    let stage = stage.name();
                    tracing::info!(recording = %found.name, stage, "an admin has the recording taken up");
                    if self.vfs().remove_file(&request).is_err() {
                        return;
                    }
                }
                Err(why) => {
                    if self.lock().refused.insert(found.name.clone()) {
                        tracing::warn!(recording = %found.name, %why, "the recording cannot be taken up");
                    }
                }
            }
        }
    }

    /// Lets a parked, damaged or abandoned recording go on as far as it can.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn take_up(&self, recording_id: &str) -> Result<Stage, String> {
        if self.lock().damaged.contains_key(recording_id) {
            self.scan().map_err(|error| error.to_string())?;
        }
        let mut books = self.lock();
        if let Some(damaged) = books.damaged.get(recording_id) {
            return Err(damaged.reason.clone());
        }
        let Some(book) = books.by_id.get_mut(recording_id) else {
            return Err("there is no recording of this id".to_owned());
        };
        let done = match book.state.stage {
            Stage::Parked => self.change(book, |state| {
                state.stage = recovered_stage(state);
                if state.files.is_empty() {
                    state.file_bytes_max = 0;
                }
            }),
            Stage::InProgress if book.is_open => return Err("it is being recorded".to_owned()),
            Stage::InProgress => self.close(
                book,
                Ended {
                    reason: EndReason::Crash,
                    at_ms: 0,
                },
            ),
            _ => Ok(()),
        };
        done.map_err(|error| error.to_string())?;
        book.backoff.went_on();
        book.composing.went_on();
        let stage = book.state.stage;
        books.refused.remove(recording_id);
        self.tell(Note::Look);
        Ok(stage)
    }

    fn look_at_sizes(&self) {
        let known: Vec<String> = self.lock().by_id.keys().cloned().collect();
        for id in known {
            let Ok(bytes) = store::disk_bytes(self.vfs().as_ref(), &self.dir_of(&id)) else {
                continue;
            };
            if let Some(book) = self.lock().by_id.get_mut(&id) {
                book.disk_bytes = bytes;
            }
        }
    }
}
