//! What must hold for any bytes: the bodies of the fuzz targets, shared with the replay of their
//! corpora. Panics are findings.

use std::path::Path;
use std::sync::Arc;

use parley_media::recording::codec;
use parley_recorder::journal::{Reader, end_of, segments};
use parley_recorder::vfs::{MemoryVfs, Open, Vfs};

/// What is decoded is decoded again after encoding it anew.
pub(crate) fn entry(data: &[u8]) {
    if let Ok(entry) = codec::decode(data) {
        let mut again = Vec::new();
        codec::encode(&entry, &mut again);
        assert_eq!(codec::decode(&again), Ok(entry));
    }
}

/// Segments of any bytes are read to their end: the same each time, nothing longer than what is there, and
/// nothing is changed. The first byte says how long the first segment is.
pub(crate) fn journal(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let (one, two) = rest.split_at(rest.len() * usize::from(*first) / 255);
    let vfs: Arc<dyn Vfs> = Arc::new(MemoryVfs::default());
    let dir = Path::new("/r");
    assert!(vfs.create_dir(dir).is_ok());
    for (name, bytes) in [("000001.journal", one), ("000002.journal", two)] {
        let file = vfs.open(&dir.join(name), Open::New);
        assert!(file.is_ok_and(|mut file| file.write_at(0, bytes).is_ok()));
    }
    let read = || {
        let mut reader = Reader::new(vfs.clone(), dir.to_path_buf());
        let mut all = Vec::new();
        while let Some(entry) = reader.next() {
            codec::encode(&entry, &mut all);
        }
        assert!(reader.next().is_none());
        assert!(reader.damage().bytes as usize <= data.len());
        assert_eq!(reader.damage().errors, 0);
        all
    };
    let all = read();
    assert!(all.len() <= data.len());
    assert_eq!(read(), all);
    assert!(end_of(&vfs, dir).is_ok());
    assert!(segments(vfs.as_ref(), dir).is_ok_and(|segments| segments == [1, 2]));
}
