//! A tar.gz whose bytes depend on the names, modes and contents of its files alone.

use std::collections::BTreeSet;
use std::io;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// Time of every entry: 1 January 1980, the first that all archive tools can show.
const MTIME_S: u64 = 315_532_800;
const FOLDER_MODE: u32 = 0o755;

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Below the bundle's folder, with `/`.
    pub(crate) path: String,
    pub(crate) executable: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Entry {
    pub(crate) fn file(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            executable: false,
            bytes: bytes.into(),
        }
    }

    pub(crate) fn executable(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            executable: true,
            ..Self::file(path, bytes)
        }
    }
}

/// Packs entries, in any order, below one folder.
pub(crate) fn pack(folder: &str, entries: &[Entry], how: Compression) -> io::Result<Vec<u8>> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some([twice, _]) = entries.windows(2).find(|two| two[0].path == two[1].path) {
        let error = format!("{} is there twice", twice.path);
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, error));
    }
    let gzip = GzBuilder::new().write(Vec::new(), how);
    let mut tar = Builder::new(gzip);
    let mut folders = BTreeSet::new();
    for entry in entries {
        let path = format!("{folder}/{}", entry.path);
        // Some servers make a missing folder so that nobody but its owner can enter it.
        for (at, _) in path.match_indices('/') {
            let above = &path[..=at];
            if folders.insert(above.to_owned()) {
                let mut header = header(EntryType::Directory, FOLDER_MODE, 0);
                tar.append_data(&mut header, above, io::empty())?;
            }
        }
        let mode = if entry.executable { 0o755 } else { 0o644 };
        let mut header = header(EntryType::Regular, mode, entry.bytes.len() as u64);
        tar.append_data(&mut header, &path, entry.bytes.as_slice())?;
    }
    tar.into_inner()?.finish()
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(MTIME_S);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn best(entries: &[Entry]) -> io::Result<Vec<u8>> {
        pack("id", entries, Compression::best())
    }

    fn entries() -> Vec<Entry> {
        vec![
            Entry::file("plugin.json", "{}"),
            Entry::executable("server/dist/parley", vec![7; 100_000]),
            Entry::file("LICENSE", "free"),
        ]
    }

    #[test]
    fn the_order_in_which_files_come_leaves_no_trace() {
        let packed = best(&entries()).unwrap();
        let mut reversed = entries();
        reversed.reverse();
        assert_eq!(best(&reversed).unwrap(), packed);
        let mut changed = entries();
        changed[0].bytes = b"{ }".to_vec();
        assert_ne!(best(&changed).unwrap(), packed);
    }

    #[test]
    fn neither_time_nor_owner_nor_name_is_in_it() {
        let packed = best(&entries()).unwrap();
        // RFC 1952: no flags (hence no name), no time, "unknown" system.
        assert_eq!(packed[3..8], [0; 5]);
        assert_eq!(packed[9], 255);
        let mut archive = tar::Archive::new(GzDecoder::new(packed.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!(header.mtime().unwrap(), MTIME_S);
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.username(), Ok(Some("")));
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let path = entry.path().unwrap().display().to_string();
            seen.push((path, header.mode().unwrap(), bytes.len()));
        }
        let expected = [
            ("id/", 0o755, 0),
            ("id/LICENSE", 0o644, 4),
            ("id/plugin.json", 0o644, 2),
            ("id/server/", 0o755, 0),
            ("id/server/dist/", 0o755, 0),
            ("id/server/dist/parley", 0o755, 100_000),
        ];
        assert_eq!(
            seen,
            expected.map(|(path, mode, size)| (path.to_owned(), mode, size))
        );
    }

    #[test]
    fn a_file_that_is_there_twice_is_refused() {
        let mut twice = entries();
        twice.push(Entry::file("LICENSE", "other"));
        let error = best(&twice).unwrap_err().to_string();
        assert!(error.contains("LICENSE"), "{error}");
    }
}
