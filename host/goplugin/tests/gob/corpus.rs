//! Replays the committed fuzz corpus: every finding stays found.

#[path = "../../fuzz/checks.rs"]
mod checks;

use std::path::PathBuf;

#[test]
fn the_corpus_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/gob");
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        checks::gob(&data);
        // Each input also cut at every byte, and with every byte spoilt.
        for end in 0..data.len().min(600) {
            checks::gob(&data[..end]);
            for flip in [1, 0x80, 0xff] {
                let mut spoilt = data.clone();
                spoilt[end] ^= flip;
                checks::gob(&spoilt);
            }
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no corpus in {}", folder.display());
}
