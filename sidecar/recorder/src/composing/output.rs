//! Where the composer writes: the recording's `out/`.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parley_compose::Parts;
use sha2::{Digest as _, Sha256};

use crate::vfs::{Open, Stream, Vfs};

/// Files of one recording; each is an open descriptor while it is composed.
const FILES_MAX: usize = 200;
/// Written at a time, bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// Read at a time to be hashed, bytes.
const HASHED_BYTES: usize = 256 * 1024;

type Shared = Arc<Mutex<BufWriter<Stream>>>;

/// The files that were made so far; clones are the same files.
#[derive(Clone)]
pub struct Output {
    vfs: Arc<dyn Vfs>,
    dir: PathBuf,
    files: Arc<Mutex<Vec<(String, Shared)>>>,
}

/// One of them.
pub struct OutputFile(Shared);

/// A file that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

impl Output {
    /// In a directory that is there and empty.
    pub(crate) fn new(vfs: Arc<dyn Vfs>, dir: PathBuf) -> Self {
        Self {
            vfs,
            dir,
            files: Arc::default(),
        }
    }

    /// Writes the last file's bytes out to the disk, so that less is left to do at the end.
    pub(crate) fn sync_last(&self) -> io::Result<()> {
        let last = lock(&self.files).last().map(|(_, file)| file.clone());
        last.map_or(Ok(()), |file| lock(&file).get_mut().file().sync())
    }

    /// Lets all files and their names survive a crash.
    pub(crate) fn sync(&self) -> io::Result<()> {
        for (_, file) in lock(&self.files).iter() {
            let mut file = lock(file);
            file.flush()?;
            file.get_mut().file().sync()?;
        }
        self.vfs.sync_dir(&self.dir)
    }

    /// Length and digest of a file that was made.
    pub(crate) fn sealed(&self, name: &str) -> io::Result<Sealed> {
        let files = lock(&self.files);
        let file = files.iter().find(|(made, _)| made == name);
        let mut file = lock(&file.ok_or(io::ErrorKind::InvalidData)?.1);
        let file = file.get_mut().file();
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; HASHED_BYTES];
        loop {
            let read = file.read_at(bytes, &mut buffer)?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            bytes += read as u64;
        }
        Ok(Sealed {
            bytes,
            sha256: digest.finalize().into(),
        })
    }
}

impl Parts for Output {
    type File = OutputFile;

    fn create(&mut self, name: &str) -> io::Result<OutputFile> {
        let mut files = lock(&self.files);
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        if !plain || files.iter().any(|(made, _)| made == name) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "no good name for a file",
            ));
        }
        if files.len() >= FILES_MAX {
            let why = format!("it would be more than {FILES_MAX} files");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let file = Stream::new(self.vfs.open(&self.dir.join(name), Open::Empty)?);
        let file = Arc::new(Mutex::new(BufWriter::with_capacity(BUFFER_BYTES, file)));
        files.push((name.to_owned(), file.clone()));
        Ok(OutputFile(file))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.0).flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        lock(&self.0).seek(to)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // After a panic the whole output is thrown away.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::MemoryVfs;

    fn output() -> (MemoryVfs, Output) {
        let vfs = MemoryVfs::default();
        vfs.create_dir("/out".as_ref()).unwrap();
        vfs.sync_dir("/".as_ref()).unwrap();
        let output = Output::new(Arc::new(vfs.clone()), "/out".into());
        (vfs, output)
    }

    #[test]
    fn what_was_patched_is_hashed_and_survives() {
        let (vfs, output) = output();
        let mut file = output.clone().create("a.webm").unwrap();
        file.write_all(b"xbc").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"a").unwrap();
        output.sync().unwrap();
        let sealed = output.sealed("a.webm").unwrap();
        assert_eq!(sealed.bytes, 3);
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert_eq!(sealed.sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
        let mut found = [0; 3];
        let after = vfs
            .crash(1)
            .open("/out/a.webm".as_ref(), Open::Read)
            .unwrap();
        assert_eq!(after.read_at(0, &mut found).unwrap(), 3);
        assert_eq!(&found, b"abc");
    }

    #[test]
    fn names_are_plain_and_files_are_bounded() {
        let (_, mut output) = output();
        for bad in ["", "../a", "a/b", ".hidden"] {
            assert!(output.create(bad).is_err(), "{bad}");
        }
        for n in 0..FILES_MAX {
            output.create(&format!("{n}.webm")).unwrap();
        }
        assert!(output.create("1.webm").is_err(), "twice the same");
        let refused = output.create("more.webm").map(|_| ()).unwrap_err();
        assert_eq!(refused.to_string(), "it would be more than 200 files");
    }
}
