//! Recordings made up for tests: tones for voices, an IVF clip for pictures; and what reads the files.

#![allow(dead_code)] // Each test uses its part.
#![allow(clippy::unwrap_used, clippy::expect_used)] // What a test cannot set up, fails.

pub(crate) mod reader;
pub(crate) mod scene;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;

use parley_compose::Parts;

/// Files in memory, readable while they are written.
#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

pub(crate) struct MemoryFile {
    files: Memory,
    name: String,
    cursor: Cursor<Vec<u8>>,
}

impl Memory {
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.0.borrow()[name].clone()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }
}

impl Parts for Memory {
    type File = MemoryFile;

    fn create(&mut self, name: &str) -> io::Result<MemoryFile> {
        let before = self.0.borrow_mut().insert(name.to_owned(), Vec::new());
        assert!(before.is_none(), "{name} is made twice");
        Ok(MemoryFile {
            files: self.clone(),
            name: name.to_owned(),
            cursor: Cursor::new(Vec::new()),
        })
    }
}

impl Write for MemoryFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let from = self.cursor.position() as usize;
        self.cursor.write_all(data)?;
        let mut files = self.files.0.borrow_mut();
        let file = files.get_mut(&self.name).unwrap();
        file.resize(file.len().max(from + data.len()), 0);
        file[from..from + data.len()].copy_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemoryFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.cursor.seek(to)
    }
}
