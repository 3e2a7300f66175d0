//! The scoreboard of simulated networks: one viewer behind a bad link sees a camera in three layers and
//! hears a voice. How it fares is compared with what is committed (`tests/scoreboard.json`), so that no
//! change makes it worse unseen.
//!
//! `PARLEY_SCOREBOARD=write cargo test -p parley-core --test scenarios scoreboard` writes what is measured now,
//! `=widen` the worse of it and what stands there. Where an estimate hovers between two layers, runs differ: run
//! it with `widen` three times. `=strict` judges pictures as closely as voices, for whoever changes how they are
//! sent: several runs, before and after.

// What is measured is what somebody asks for who runs it by hand.
#![allow(unreachable_pub, clippy::print_stdout)]

mod call;
mod measures;
mod screening;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::Network;
use measures::Measures;

/// The way to the viewer after so many seconds.
type Course = fn(u64) -> Network;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn near() -> Network {
    Network {
        delay: ms(20),
        ..Network::default()
    }
}

/// Each network is met so often, with other losses: what is compared is the median.
const SEEDS: std::ops::Range<u64> = 0..3;

/// Each for a minute.
const NETWORKS: [(&str, Course); 6] = [
    ("near", |_| near()),
    ("loss of 2 % and 80 ms", |_| Network {
        delay: ms(80),
        loss: 0.02,
        ..Network::default()
    }),
    ("jitter of 30 ms", |_| Network {
        jitter: ms(30),
        ordered: true,
        ..near()
    }),
    ("3 Mb/s, 500 kb/s, 3 Mb/s", |seconds| Network {
        down_bps: Some(match seconds {
            20..40 => 500_000,
            _ => 3_000_000,
        }),
        ..near()
    }),
    ("1 Mb/s with 2 s of buffer", |_| Network {
        down_bps: Some(1_000_000),
        down_queue: ms(2_000),
        ..near()
    }),
    ("1 Mb/s, loss of 2 % and 80 ms", |_| Network {
        delay: ms(80),
        loss: 0.02,
        down_bps: Some(1_000_000),
        ..Network::default()
    }),
];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scoreboard.json")
}

type Board = BTreeMap<String, BTreeMap<String, f64>>;

fn committed() -> Board {
    let text = std::fs::read_to_string(path()).unwrap_or_else(|_| "{}".into());
    let board: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(&text).unwrap();
    let numbers = |measures: BTreeMap<String, Value>| -> BTreeMap<String, f64> {
        let numbers = measures.into_iter();
        numbers
            .map(|(name, value)| (name, value.as_f64().unwrap()))
            .collect()
    };
    let board = board.into_iter();
    board.map(|(name, all)| (name, numbers(all))).collect()
}

fn write(board: &Board) {
    let text = serde_json::to_string_pretty(board).unwrap();
    std::fs::write(path(), text + "\n").unwrap();
}

#[test]
fn no_network_is_served_worse_than_it_was() {
    let asked = std::env::var("PARLEY_SCOREBOARD").ok();
    // Independent of each other, and each on a clock of its own.
    let begin = |course, seed| std::thread::spawn(move || call::run(course, seed));
    let runs = NETWORKS.map(|(name, course)| {
        let runs = SEEDS.map(|seed| begin(course, seed));
        (name, runs.collect::<Vec<_>>())
    });
    let mut board = Board::new();
    let mut worse = vec![];
    let before = committed();
    for (name, runs) in runs {
        let runs = runs.into_iter().map(|run| run.join().unwrap());
        let measures = Measures::median(&runs.collect::<Vec<_>>());
        let numbers = measures.numbers();
        let empty = BTreeMap::new();
        let earlier = before.get(name).unwrap_or(&empty);
        println!("{name}");
        for (measure, now) in &numbers {
            let was = earlier.get(*measure).copied();
            let was = was.map_or("new".to_owned(), |was| format!("{was:.1}"));
            println!("    {measure:<24} {now:>9.1}   was {was:>9}");
        }
        worse.extend(
            measures
                .worse_than(earlier, asked.as_deref() == Some("strict"))
                .into_iter()
                .map(|what| format!("{name}: {what}")),
        );
        let kept = match asked.as_deref() {
            Some("write") => &empty,
            _ => earlier,
        };
        board.insert(name.to_owned(), measures.worst(kept));
    }
    if matches!(asked.as_deref(), Some("write" | "widen")) {
        return write(&board);
    }
    let names = |board: &Board| board.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&board),
        names(&before),
        "the committed board is another one"
    );
    assert!(worse.is_empty(), "{}", worse.join("\n"));
}
