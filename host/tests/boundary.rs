//! Replays the committed corpus of the fuzz target `boundary`, so that every finding stays found, and drives
//! it with bytes of a seeded source (W1).

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test that cannot go on fails

#[path = "../fuzz/checks.rs"]
mod checks;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use checks::World;

/// Runs with bytes of the seeded source. More: `PARLEY_RUNS=100000 cargo test -p parley-host --test boundary`.
const RUNS: u64 = 2_000;

/// Panics in all threads: those of other tasks do not reach the test by themselves.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn check(world: &World, what: &str, data: &[u8]) {
    let before = PANICS.load(Ordering::SeqCst);
    let checked = catch_unwind(AssertUnwindSafe(|| world.boundary(data)));
    let panics = PANICS.load(Ordering::SeqCst) - before;
    assert!(checked.is_ok() && panics == 0, "{what}: {data:02x?}");
}

/// SplitMix64: the same bytes on each machine.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[test]
fn whatever_a_guest_hands_over_does_not_harm_the_host() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        hook(info);
    }));
    let world = World::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/boundary");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is committed") {
        let path = entry.expect("readable").path();
        let data = std::fs::read(&path).expect("readable");
        check(&world, &path.display().to_string(), &data);
        inputs += 1;
    }
    assert!(inputs >= 8, "{inputs} inputs");
    let runs = std::env::var("PARLEY_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    for seed in 0..runs {
        let mut source = Source(seed);
        let length = source.next() % 192;
        let data: Vec<u8> = (0..length).map(|_| source.next() as u8).collect();
        check(&world, &format!("seed {seed}"), &data);
    }
}
