//! Replays the committed corpora of the fuzz targets, so that every finding stays found, and drives each
//! target with random changes of them (N4, P4, P5).

#[path = "../../fuzz/checks.rs"]
mod checks;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Inputs made of each corpus, of some ten datagrams each. More: `PARLEY_RUNS=10000 cargo test -p
/// parley-core --test scenarios corpus`.
const RUNS: u64 = 60;
/// Parts of an input.
const PARTS: usize = 8;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let inputs: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(inputs.len() >= 4, "{} inputs", inputs.len());
    inputs
}

fn drive(target: &str, check: fn(&[u8])) {
    let inputs = corpus(target);
    for input in &inputs {
        check(input);
    }
    let runs = std::env::var("PARLEY_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    for seed in 0..runs {
        let mut rng = StdRng::seed_from_u64(seed);
        let input = change(&inputs, &mut rng);
        let checked = std::panic::catch_unwind(|| check(&input));
        assert!(checked.is_ok(), "seed {seed} of {target}: {input:02x?}");
    }
}

/// Parts of some inputs one after the other, with bytes changed, doubled and left out.
fn change(inputs: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut changed = Vec::new();
    for _ in 0..PARTS {
        let input = inputs.choose(rng).unwrap();
        let mut part = input[..input.len().min(1_500)].to_vec();
        for _ in 0..rng.random_range(0..6) {
            let at = rng.random_range(0..part.len());
            match rng.random_range(0..5) {
                0 => part[at] = rng.random(),
                1 => part[at] = *[0, 1, 0x7f, 0x80, 0xff].choose(rng).unwrap(),
                2 => part[at] ^= 1 << rng.random_range(0..8),
                3 => part.insert(at, rng.random()),
                _ if part.len() > 4 => drop(part.remove(at)),
                _ => {}
            }
        }
        changed.extend(part);
    }
    changed
}

#[test]
fn datagram() {
    drive("datagram", checks::datagram);
}

#[test]
fn sctp() {
    drive("sctp", checks::sctp);
}

#[test]
fn rtcp() {
    drive("rtcp", checks::rtcp);
}
