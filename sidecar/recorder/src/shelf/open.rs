//! Recovery: what a start, and each hour's scan, find on the disk (R10). Nothing is ever deleted here but
//! directories in which no recording had begun.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use parley_media::recording::EndReason;

use super::{Book, Books, Damaged, Inbox, Inner, Note, Shelf, ShelfConfig};
use crate::store::state::{Stage, State, is_id};
use crate::store::{self, Broken, RootLock};
use crate::vfs::{Found, Vfs};
use crate::{Clock, journal};

/// The state's name when it was found broken.
const BROKEN: &str = "state.broken";

impl Shelf {
    /// Looks at everything that is in the directory. Recordings that an earlier start left in progress wait
    /// to be resumed.
    ///
    /// # Errors
    /// The directory cannot be made, locked or listed. A recording that makes no sense is no error.
    pub fn open(config: ShelfConfig, vfs: Arc<dyn Vfs>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        vfs.create_dir(&config.root)?;
        let is_named = |dir: &&Path| !dir.as_os_str().is_empty();
        for (level, dir) in config.root.ancestors().skip(1).filter(is_named).enumerate() {
            // Those further up may have been made just now, too, or be somebody else's.
            vfs.sync_dir(dir)
                .or_else(|error| if level == 0 { Err(error) } else { Ok(()) })?;
        }
        let lock = config
            .exclusive
            .then(|| RootLock::take(&config.root))
            .transpose()?;
        let shelf = Self {
            inner: Arc::new(Inner {
                config,
                vfs,
                clock,
                books: Mutex::new(Books::default()),
                inbox: Inbox::default(),
                _lock: lock,
            }),
        };
        shelf.scan()?;
        Ok(shelf)
    }

    /// A host is there: who wants to go on with a recording will say so soon. Never blocks for the disk.
    pub fn host_attached(&self) {
        self.tell(Note::HostAttached);
    }

    /// Takes up directories that are not known yet.
    pub(crate) fn scan(&self) -> io::Result<()> {
        let mut books = self.lock();
        for found in self.vfs().list(self.root())? {
            if !found.is_dir || books.by_id.contains_key(&found.name) {
                continue;
            }
            books.damaged.remove(&found.name);
            match self.recover(&found.name) {
                Ok(Some(book)) => {
                    books.by_id.insert(found.name, book);
                }
                Ok(None) => {}
                Err(reason) => {
                    tracing::warn!(recording = %found.name, %reason, "a damaged recording is kept");
                    let dir = self.dir_of(&found.name);
                    let damaged = Damaged {
                        name: found.name.clone(),
                        reason,
                        disk_bytes: store::disk_bytes(self.vfs().as_ref(), &dir).unwrap_or(0),
                    };
                    books.damaged.insert(found.name, damaged);
                }
            }
        }
        Ok(())
    }

    /// One directory: a recording, nothing at all, or why it is damaged.
    fn recover(&self, name: &str) -> Result<Option<Book>, String> {
        if !is_id(name) {
            return Err("its name is no recording's id".to_owned());
        }
        let now = self.clock().now();
        let mut book = match store::load(self.vfs().as_ref(), self.root(), name) {
            Ok(state) => Book::new(state, now),
            Err(why @ (Broken::Missing | Broken::Damaged(_))) => match self.rebuild(name, &why)? {
                Some(state) => Book::new(state, now),
                None => return Ok(None),
            },
            Err(why @ (Broken::Newer(_) | Broken::Io(_))) => return Err(why.to_string()),
        };
        let io = |error: io::Error| format!("it cannot be recovered now: {error}");
        match book.state.stage {
            Stage::InProgress => {
                if let Some(ended) = self.end_in_journal(&book.state).map_err(io)? {
                    self.close(&mut book, ended).map_err(io)?;
                }
            }
            stage if stage.is_claimable() && !self.out_is_whole(&book.state) => {
                self.replace_files(&mut book).map_err(io)?;
            }
            _ => {}
        }
        let dir = self.dir_of(name);
        book.disk_bytes = store::disk_bytes(self.vfs().as_ref(), &dir).unwrap_or(0);
        Ok(Some(book))
    }

    /// Its published files are not there, although they should be.
    fn replace_files(&self, book: &mut Book) -> io::Result<()> {
        let dir = self.dir_of(book.state.id());
        if journal::segments(self.vfs().as_ref(), &dir)?.is_empty() {
            tracing::warn!(
                recording = book.state.id(),
                "its files and journals are gone"
            );
            return self.change(book, |state| {
                state.stage = Stage::Parked;
                "its files and journals are gone".clone_into(&mut state.failure);
            });
        }
        tracing::warn!(
            recording = book.state.id(),
            "its files are gone, and are made anew"
        );
        let file_bytes_max = book.state.file_bytes_max;
        self.compose_again(book, file_bytes_max)
    }

    /// A state for a recording that has none, from what never changes and from its journals. Whether it was
    /// published before nobody here knows: who publishes it looks for its post first.
    fn rebuild(&self, name: &str, why: &Broken) -> Result<Option<State>, String> {
        let dir = self.dir_of(name);
        let (vfs, root) = (self.vfs().as_ref(), self.root());
        let found = vfs.list(&dir).map_err(|error| error.to_string())?;
        let has_journal = found
            .iter()
            .any(|found| journal::number_of(&found.name).is_some());
        let has_state = !matches!(why, Broken::Missing);
        let Some(about) = store::load_about(vfs, root, name) else {
            // A composer that was a moment late leaves an empty directory.
            let has_files = |found: &Found| {
                found.is_dir
                    && !vfs
                        .list(&dir.join(&found.name))
                        .is_ok_and(|in_it| in_it.is_empty())
            };
            if has_journal || has_state || found.iter().any(has_files) {
                return Err(format!("{why}, and about.json does not help"));
            }
            self.remove_unbegun(name);
            return Ok(None);
        };
        if !has_journal && !has_state {
            // Nobody was told of it: that comes after the journal's header.
            self.remove_unbegun(name);
            return Ok(None);
        }
        let mut state = State::new(about);
        state.stage = Stage::Closed;
        let end = self
            .end_in_journal(&state)
            .map_err(|error| error.to_string())?;
        state.end_reason = Some(end.map_or(EndReason::Crash, |end| end.reason));
        state.ended_at_ms = end.map(|end| end.at_ms);
        if has_state {
            let _ = vfs.rename(&dir.join("state.json"), &dir.join(BROKEN));
        }
        self.save(&state).map_err(|error| error.to_string())?;
        tracing::warn!(recording = name, %why, "the recording's state is made anew from its journals");
        Ok(Some(state))
    }

    fn remove_unbegun(&self, name: &str) {
        if let Err(error) = store::remove(self.vfs().as_ref(), self.root(), name) {
            tracing::warn!(recording = name, %error, "an empty recording cannot be removed");
        }
    }
}
