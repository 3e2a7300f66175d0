//! Entries in, files out.

use std::io::{self, Seek, Write};

use parley_media::recording::Entry;

use crate::{Finished, Lost};

/// How to compose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// A part is closed before it has this many bytes; 0: no limit.
    pub bytes_max: u64,
}

/// Where files are made.
pub trait Parts {
    /// One file: written from its start, patched in place later.
    type File: Write + Seek;

    /// Makes an empty file of this name.
    ///
    /// # Errors
    /// The file cannot be made; composing fails.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
}

/// Composes one recording.
pub struct Composer<P: Parts> {
    _parts: P,
    _options: Options,
}

impl<P: Parts> Composer<P> {
    /// No file is made before the first entry.
    pub fn new(parts: P, options: Options) -> Self {
        Self {
            _parts: parts,
            _options: options,
        }
    }

    /// Takes the next entry of the journal. What it means is written up to a second later, so that
    /// late packets find their place.
    ///
    /// # Errors
    /// A file cannot be written; nothing sensible can be done with this composer any more.
    pub fn push(&mut self, _entry: Entry<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is ready; the files so far can be played when it returns.
    ///
    /// # Errors
    /// As [`Composer::push`].
    pub fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes the rest, durations and indexes; also after a journal that just stops.
    ///
    /// # Errors
    /// As [`Composer::push`].
    pub fn finish(self) -> io::Result<Finished> {
        Ok(Finished {
            lost: Lost::default(),
            ..Finished::default()
        })
    }
}
