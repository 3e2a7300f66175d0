//! A file's bytes: as a reader sees them, and as the disk has them.

use std::collections::BTreeSet;
use std::io;
use std::sync::MutexGuard;

use rand::Rng as _;
use rand::rngs::StdRng;

use super::{Inner, MemoryVfs, Operation};
use crate::vfs::File;

const SECTOR: usize = 512;

#[derive(Default, Clone)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) on_disk: Vec<u8>,
    /// Sectors written since the last sync.
    pub(super) dirty: BTreeSet<usize>,
    pub(super) reserved: u64,
}

impl Inode {
    /// What is found of it after a crash.
    pub(super) fn after_crash(&self, dice: &mut StdRng) -> Self {
        let mut bytes = self.on_disk.clone();
        if !self.dirty.is_empty() || self.now.len() != self.on_disk.len() {
            // The length may be the old one, the new one, or one on the way.
            let (short, long) = (
                bytes.len().min(self.now.len()),
                bytes.len().max(self.now.len()),
            );
            bytes.resize(dice.random_range(short..=long), 0);
        }
        for sector in &self.dirty {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(self.now.len()).min(bytes.len());
            if from < to && dice.random() {
                // A sector in which the power went may be torn.
                let to = if dice.random_ratio(1, 8) {
                    dice.random_range(from..to)
                } else {
                    to
                };
                bytes[from..to].copy_from_slice(&self.now[from..to]);
            }
        }
        Self {
            now: bytes.clone(),
            on_disk: bytes,
            ..Self::default()
        }
    }

    /// These bytes were written.
    pub(super) fn mark(&mut self, from: usize, to: usize) {
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }
}

/// One that is open.
pub(super) struct MemoryFile {
    pub(super) vfs: MemoryVfs,
    pub(super) inode: u64,
    pub(super) writes: bool,
}

impl MemoryFile {
    fn step(&self, operation: Operation) -> io::Result<MutexGuard<'_, Inner>> {
        if !self.writes {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut inner = self.vfs.lock();
        inner.step(operation)?;
        Ok(inner)
    }
}

impl File for MemoryFile {
    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.vfs.lock();
        inner.alive()?;
        let bytes = &inner.inode(self.inode)?.now;
        let from = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        let count = to.len().min(bytes.len() - from);
        to[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.step(Operation::Write)?;
        let end = offset + bytes.len() as u64;
        inner.room(self.inode, end)?;
        let inode = inner.inode(self.inode)?;
        let (from, to) = (offset as usize, end as usize);
        if inode.now.len() < to {
            inode.now.resize(to, 0);
        }
        inode.now[from..to].copy_from_slice(bytes);
        inode.mark(from, to);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut inner = self.vfs.lock();
        inner.alive()?;
        Ok(inner.inode(self.inode)?.now.len() as u64)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        let mut inner = self.step(Operation::Write)?;
        let inode = inner.inode(self.inode)?;
        let (old, new) = (inode.now.len(), bytes as usize);
        inode.now.resize(new, 0);
        inode.reserved = 0;
        if new > old {
            inode.mark(old, new);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let stepped = self.step(Operation::Sync);
        let failed = stepped.as_ref().err().map(|error| error.raw_os_error());
        drop(stepped);
        let mut inner = self.vfs.lock();
        inner.alive()?;
        let inode = inner.inode(self.inode)?;
        if let Some(errno) = failed {
            // The pages count as clean from here on, and are not written again.
            inode.dirty.clear();
            let length = inode.now.len();
            inode.on_disk.resize(length, 0);
            return Err(
                errno.map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error)
            );
        }
        let dirty = std::mem::take(&mut inode.dirty);
        inode.on_disk.resize(inode.now.len(), 0);
        for sector in dirty {
            let from = sector * SECTOR;
            let to = (from + SECTOR).min(inode.now.len());
            if from < to {
                inode.on_disk[from..to].copy_from_slice(&inode.now[from..to]);
            }
        }
        Ok(())
    }

    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let mut inner = self.vfs.lock();
        inner.alive()?;
        inner.room(self.inode, end)?;
        let inode = inner.inode(self.inode)?;
        inode.reserved = inode.reserved.max(end);
        Ok(())
    }
}
