//! Replays the committed fuzz corpora: every finding stays found.

#![allow(clippy::expect_used)] // A test without its corpus has nothing to say.

#[path = "../fuzz/checks.rs"]
mod checks;

use std::path::PathBuf;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        let data = std::fs::read(&path).expect("readable");
        check(&data);
        // Each input also cut, as a network or an attacker may do.
        for end in (0..data.len().min(600)).step_by(7) {
            check(&data[..end]);
        }
        inputs += 1;
    }
    assert!(inputs > 0, "no corpus in {}", folder.display());
}

#[test]
fn opus_decode() {
    replay("opus_decode", checks::opus_decode);
}

#[test]
fn depack() {
    replay("depack", checks::depack);
}

#[test]
fn webm() {
    replay("webm", checks::webm);
}
