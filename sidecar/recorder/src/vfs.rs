//! Files as the recorder uses them: a small trait, so that tests can let the disk fail and the machine
//! crash at every single operation ([`MemoryVfs`]).
//!
//! What is promised after a crash is what POSIX promises, and no more: a file's bytes are there after
//! [`File::sync`], its name after [`Vfs::sync_dir`] of its directory. After a failed sync whatever was
//! not synced before counts as lost, even if a later sync succeeds.

mod disk;
mod memory;
mod stream;

pub use disk::Disk;
pub use memory::{Counts, EIO, ENOSPC, Fault, MemoryVfs, Operation};
pub use stream::Stream;

use std::io;
use std::path::Path;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To be read; it must be there.
    Read,
    /// To be written and read; it must not be there yet.
    New,
    /// To be written and read; made if it is not there, and kept as it is if it is.
    Keep,
    /// To be written and read; made if it is not there, and emptied if it is.
    Empty,
}

/// What is in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Without its path.
    pub name: String,
    /// It is a directory itself.
    pub is_dir: bool,
    /// A file's length; 0 of a directory.
    pub bytes: u64,
}

/// A file system.
pub trait Vfs: Send + Sync {
    /// Makes a directory and those above it; one that is there is left alone. They survive a crash once
    /// [`Vfs::sync_dir`] of the directory above each succeeded.
    ///
    /// # Errors
    /// Those of the operating system.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Lets the directory's names survive a crash.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Opens a file.
    ///
    /// # Errors
    /// Those of the operating system; [`io::ErrorKind::NotFound`] and [`io::ErrorKind::AlreadyExists`] as
    /// [`Open`] says.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, which another file may have had until now. In one step, also at a crash.
    ///
    /// # Errors
    /// Those of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// What is in the directory, in order of the names. Names that are no UTF-8 are left out.
    ///
    /// # Errors
    /// Those of the operating system.
    fn list(&self, path: &Path) -> io::Result<Vec<Found>>;

    /// Bytes that this user may still write below `path`.
    ///
    /// # Errors
    /// Those of the operating system.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open file.
pub trait File: Send {
    /// Reads from `offset` on; fewer bytes than asked for only at the file's end.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes at `offset`. After an error any part of them may have been written; the same write
    /// may be tried again.
    ///
    /// # Errors
    /// Those of the operating system.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// The file's length.
    ///
    /// # Errors
    /// Those of the operating system.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing in it.
    ///
    /// # Errors
    /// Those of the operating system.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|bytes| bytes == 0)
    }

    /// Cuts or lengthens (by zeros) the file. Room that was reserved behind the new end is given back.
    ///
    /// # Errors
    /// Those of the operating system.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;

    /// Lets bytes and length survive a crash (fdatasync).
    ///
    /// # Errors
    /// Those of the operating system; see the module for what a failure means.
    fn sync(&mut self) -> io::Result<()>;

    /// Reserves room for the bytes before `end` without lengthening the file.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] if this file system cannot; [`io::ErrorKind::StorageFull`] or
    /// [`io::ErrorKind::QuotaExceeded`] if there is not enough.
    fn reserve(&mut self, end: u64) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
