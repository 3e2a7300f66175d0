//! What the I/O thread and the shell tell the shelf without waiting; the composing thread reads it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use parley_media::recording::{EndReason, Trouble};

use super::Shelf;

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// Unix milliseconds.
    pub at_ms: u64,
}

/// For the composing thread.
#[derive(Debug)]
pub(crate) enum Note {
    /// A host is there.
    HostAttached,
    /// There may be something to do.
    Look,
    /// The recording's journal is complete.
    Ended(String, Ended),
    /// Something is wrong with the recording.
    Trouble(String, Trouble),
    /// The thread is to end.
    Stop,
}

/// Both ends of the lane. It is short: a few notes per recording.
pub(crate) struct Inbox {
    to: Sender<Note>,
    from: Mutex<Option<Receiver<Note>>>,
}

impl Default for Inbox {
    fn default() -> Self {
        let (to, from) = channel();
        Self {
            to,
            from: Mutex::new(Some(from)),
        }
    }
}

impl Inbox {
    /// Without anybody who reads it is lost: then the next start finds out by itself.
    pub(crate) fn tell(&self, note: Note) {
        let _ = self.to.send(note);
    }

    /// What waits, for tests without a thread.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> Vec<Note> {
        let from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        from.iter().flat_map(Receiver::try_iter).collect()
    }

    /// For the one who reads, once.
    pub(crate) fn take(&self) -> Option<Receiver<Note>> {
        self.from
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Shelf {
    /// The recording's last entry is on the disk, or nothing more can be written. Its files are finished
    /// next. Never blocks.
    pub fn ended(&self, recording_id: &str, ended: Ended) {
        self.tell(Note::Ended(recording_id.to_owned(), ended));
    }

    /// Remembers the worst that holds. Never blocks.
    pub fn in_trouble(&self, recording_id: &str, trouble: Trouble) {
        self.tell(Note::Trouble(recording_id.to_owned(), trouble));
    }

    pub(crate) fn tell(&self, note: Note) {
        self.inner.inbox.tell(note);
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inner.inbox
    }
}
