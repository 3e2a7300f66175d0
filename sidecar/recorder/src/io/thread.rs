//! The thread round [`Io`](super::Io), and what reaches it beside the ring.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use super::{Io, Next};
use crate::journal::Journal;
use crate::tap::RecordingKey;

/// What is to be done with a recording; rare.
pub(crate) enum Command {
    Begin {
        key: RecordingKey,
        id: String,
        journal: Box<Journal>,
    },
    Discard(RecordingKey),
}

/// The lane beside the ring.
#[derive(Default)]
pub(crate) struct Inbox {
    commands: Mutex<Vec<Command>>,
    closing: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Inbox {
    /// Obeyed before any packet that is pushed after this returned.
    pub(crate) fn put(&self, command: Command) {
        self.lock().push(command);
        self.wake();
    }

    /// Lets the thread write what it has got, and end.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread. It ends when the tap's writer is gone, or after [`Inbox::close`].
///
/// # Errors
/// The operating system gives no thread.
pub(crate) fn spawn(mut io: Io) -> io::Result<JoinHandle<()>> {
    let inbox = io.inbox.clone();
    let handle = thread::Builder::new()
        .name("recorder-io".into())
        .spawn(move || {
            let run = catch_unwind(AssertUnwindSafe(|| {
                loop {
                    match io.turn() {
                        Next::Again => {}
                        Next::Pause(pause) => thread::park_timeout(pause),
                        Next::Done => break,
                    }
                }
            }));
            if run.is_err() {
                tracing::error!("the recorder's I/O thread panicked: recordings end");
                io.fail();
            }
        })?;
    let _ = inbox.thread.set(handle.thread().clone());
    Ok(handle)
}
