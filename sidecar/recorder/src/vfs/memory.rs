//! A file system in memory that crashes and fails as a bad disk does: for tests.
//!
//! A file has what a reader sees and what the disk has. Writes reach the disk with a sync; at a crash each
//! sector that was not synced is there or is not, by the seed's dice, and so is each change of a directory
//! that was not synced. After a failed sync what should have been synced never will be.

mod file;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{File, Found, Open, Vfs};
use file::{Inode, MemoryFile};

/// See the module. Clones are the same file system.
#[derive(Clone, Default)]
pub struct MemoryVfs(Arc<Mutex<Inner>>);

/// What was done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that change something or make it last; what faults are told by.
    pub operations: u64,
    /// Of files.
    pub syncs: u64,
    /// Of files.
    pub writes: u64,
    /// Of directories.
    pub dir_syncs: u64,
}

#[derive(Default)]
struct Inner {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    now: BTreeMap<PathBuf, Node>,
    on_disk: BTreeMap<PathBuf, Node>,
    /// Changes of names since their directory was synced, in order.
    renames: Vec<Change>,
    counts: Counts,
    /// Bytes that fit; `None`: any number.
    capacity: Option<u64>,
    faults: Vec<Fault>,
    /// Every operation fails until [`MemoryVfs::crash`].
    crashed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Dir,
    File(u64),
}

/// Names that change together.
struct Change(Vec<(PathBuf, Option<Node>)>);

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation of this number (from 0, see [`Counts::operations`]) and all after it fail: the machine
    /// is down until [`MemoryVfs::crash`].
    CrashAt(u64),
    /// Of these operations those that write or sync fail with this error.
    Fail {
        /// The first.
        from: u64,
        /// Behind the last.
        to: u64,
        /// Which of them.
        what: Operation,
        /// With which error of the operating system.
        errno: i32,
    },
}

/// What can fail, see [`Fault::Fail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operation {
    Write,
    Sync,
    SyncDir,
    /// Making, renaming and removing.
    Names,
    Any,
}

/// No room left (ENOSPC).
pub const ENOSPC: i32 = 28;
/// The disk failed (EIO).
pub const EIO: i32 = 5;

impl MemoryVfs {
    /// With room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        let vfs = Self::default();
        vfs.set_capacity(Some(bytes));
        vfs
    }

    /// Bytes that fit from now on; `None`: any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// One more thing that goes wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// The machine is down since [`Fault::CrashAt`].
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// What a machine finds that starts after a crash in this moment; faults are gone. Files that were open
    /// belong to the machine that was: this is another file system.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let inner = self.lock();
        let mut names = inner.on_disk.clone();
        for Change(changes) in &inner.renames {
            if dice.random() {
                apply(&mut names, changes);
            }
        }
        // What lies in a directory that is not there cannot be found.
        let lost: Vec<PathBuf> = names
            .keys()
            .filter(|path| path.ancestors().skip(1).any(|above| !is_dir(&names, above)))
            .cloned()
            .collect();
        for path in lost {
            names.remove(&path);
        }
        let inodes = inner.inodes.iter();
        let inodes = inodes
            .map(|(number, inode)| (*number, inode.after_crash(&mut dice)))
            .collect();
        let next_inode = inner.next_inode;
        Self(Arc::new(Mutex::new(Inner {
            inodes,
            next_inode,
            now: names.clone(),
            on_disk: names,
            capacity: inner.capacity,
            ..Inner::default()
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root and the current directory are always there.
fn is_dir(names: &BTreeMap<PathBuf, Node>, path: &Path) -> bool {
    path.parent()
        .is_none_or(|above| above.as_os_str().is_empty() && path.as_os_str().is_empty())
        || names.get(path) == Some(&Node::Dir)
}

fn apply(names: &mut BTreeMap<PathBuf, Node>, changes: &[(PathBuf, Option<Node>)]) {
    for (path, node) in changes {
        match node {
            Some(node) => names.insert(path.clone(), *node),
            None => names.remove(path),
        };
    }
}

impl Inner {
    /// Counts an operation, and lets it fail if it is its turn.
    fn step(&mut self, operation: Operation) -> io::Result<()> {
        let number = self.counts.operations;
        self.counts.operations += 1;
        match operation {
            Operation::Write => self.counts.writes += 1,
            Operation::Sync => self.counts.syncs += 1,
            Operation::SyncDir => self.counts.dir_syncs += 1,
            Operation::Names | Operation::Any => {}
        }
        for fault in &self.faults {
            match *fault {
                Fault::CrashAt(at) if number >= at => self.crashed = true,
                Fault::Fail {
                    from,
                    to,
                    what,
                    errno,
                } if (from..to).contains(&number)
                    && (what == operation || what == Operation::Any) =>
                {
                    return Err(io::Error::from_raw_os_error(errno));
                }
                _ => {}
            }
        }
        self.alive()
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed {
            return Err(io::Error::other("the machine is down"));
        }
        Ok(())
    }

    fn change(&mut self, changes: Vec<(PathBuf, Option<Node>)>) {
        apply(&mut self.now, &changes);
        self.renames.push(Change(changes));
    }

    fn used(&self) -> u64 {
        let files = self.now.values().filter_map(|node| match node {
            Node::File(inode) => self.inodes.get(inode),
            Node::Dir => None,
        });
        files
            .map(|inode| inode.reserved.max(inode.now.len() as u64))
            .sum()
    }

    /// Lets `inode` have room for `bytes`.
    fn room(&mut self, number: u64, bytes: u64) -> io::Result<()> {
        let has = self
            .inodes
            .get(&number)
            .map_or(0, |inode| inode.reserved.max(inode.now.len() as u64));
        let more = bytes.saturating_sub(has);
        if self
            .capacity
            .is_some_and(|capacity| self.used() + more > capacity)
            && more > 0
        {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        Ok(())
    }

    fn inode(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(&number)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Vfs for MemoryVfs {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step(Operation::Names)?;
        let above: Vec<_> = path.ancestors().map(Path::to_path_buf).collect();
        for path in above.into_iter().rev() {
            match inner.now.get(&path) {
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                Some(Node::Dir) => {}
                None if is_dir(&inner.now, &path) => {}
                None => inner.change(vec![(path, Some(Node::Dir))]),
            }
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step(Operation::SyncDir)?;
        if !is_dir(&inner.now, path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let Inner {
            renames, on_disk, ..
        } = &mut *inner;
        renames.retain(|Change(changes)| {
            let synced = changes
                .iter()
                .all(|(changed, _)| changed.parent() == Some(path));
            if synced {
                apply(on_disk, changes);
            }
            !synced
        });
        Ok(())
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut inner = self.lock();
        inner.alive()?;
        let inode = match inner.now.get(path) {
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Node::File(_)) if how == Open::New => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Some(Node::File(inode)) => *inode,
            None if how == Open::Read => return Err(io::ErrorKind::NotFound.into()),
            None => {
                if !path.parent().is_some_and(|above| is_dir(&inner.now, above)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                inner.step(Operation::Names)?;
                let inode = inner.next_inode;
                inner.next_inode += 1;
                inner.inodes.insert(inode, Inode::default());
                inner.change(vec![(path.to_path_buf(), Some(Node::File(inode)))]);
                inode
            }
        };
        drop(inner);
        let mut file = MemoryFile {
            vfs: self.clone(),
            inode,
            writes: how != Open::Read,
        };
        if how == Open::Empty && file.len()? > 0 {
            file.set_len(0)?;
        }
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step(Operation::Names)?;
        let node = *inner.now.get(from).ok_or(io::ErrorKind::NotFound)?;
        if node == Node::Dir || from.parent() != to.parent() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        inner.change(vec![
            (from.to_path_buf(), None),
            (to.to_path_buf(), Some(node)),
        ]);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step(Operation::Names)?;
        match inner.now.get(path) {
            Some(Node::File(_)) => {}
            Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        inner.change(vec![(path.to_path_buf(), None)]);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.step(Operation::Names)?;
        if inner.now.get(path) != Some(&Node::Dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if inner.now.keys().any(|below| below.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        inner.change(vec![(path.to_path_buf(), None)]);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Found>> {
        let inner = self.lock();
        inner.alive()?;
        if !is_dir(&inner.now, path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let below = inner
            .now
            .iter()
            .filter(|(below, _)| below.parent() == Some(path));
        let mut found: Vec<Found> = below
            .filter_map(|(path, node)| {
                let bytes = match node {
                    Node::Dir => 0,
                    Node::File(inode) => inner.inodes.get(inode)?.now.len() as u64,
                };
                let name = path.file_name()?.to_str()?.to_owned();
                Some(Found {
                    name,
                    is_dir: *node == Node::Dir,
                    bytes,
                })
            })
            .collect();
        found.sort();
        Ok(found)
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let inner = self.lock();
        inner.alive()?;
        Ok(inner
            .capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(inner.used())))
    }
}
