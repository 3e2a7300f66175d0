//! A file as the standard library's traits have it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::File;

/// A [`File`] with a position. Neither reads nor writes ahead.
pub struct Stream {
    file: Box<dyn File>,
    position: u64,
}

impl Stream {
    /// At the file's beginning.
    #[must_use]
    pub fn new(file: Box<dyn File>) -> Self {
        Self { file, position: 0 }
    }

    /// The file itself.
    pub fn file(&mut self) -> &mut dyn File {
        self.file.as_mut()
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read_at(self.position, to)?;
        self.position += bytes as u64;
        Ok(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.position, bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.len()?.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
