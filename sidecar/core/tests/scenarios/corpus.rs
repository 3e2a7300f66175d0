//! Replays the committed corpus of the fuzz target `datagram`: every finding stays found (N4).

#[path = "../../fuzz/checks.rs"]
mod checks;

#[test]
fn datagram() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/datagram");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        checks::datagram(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 4, "{inputs} inputs");
}
