//! What is counted, and how much each may differ before it counts as worse.

use std::collections::BTreeMap;

/// One run's results. See [`Measures::numbers`] for their names.
#[derive(Debug, Clone, Default)]
pub struct Measures {
    /// Share of the time in which each layer was shown, lowest first, percent.
    pub layers: [f64; 3],
    /// Standing pictures of more than 300 ms: how many, how long together, the longest, ms.
    pub freezes: f64,
    pub frozen_ms: f64,
    pub longest_freeze_ms: f64,
    /// From capture to being shown, ms.
    pub picture_p50_ms: f64,
    pub picture_p95_ms: f64,
    /// Key frames that the viewer had to ask for.
    pub key_frames_asked: f64,
    /// Voice that never came, and that came more than 200 ms after it was spoken, in thousand.
    pub voice_lost: f64,
    pub voice_late: f64,
    pub voice_p95_ms: f64,
    /// What was sent to the viewer, and what of it the network dropped.
    pub sent_kbps: f64,
    pub dropped: f64,
    /// After the rate fell and rose: until the voice was less than 150 ms late again, and until the best
    /// layer was shown again, ms. Zero where the rate stays.
    pub relieved_ms: f64,
    pub recovered_ms: f64,
}

/// Which way is better, and what difference is none: so much, or so large a part of it.
#[derive(Clone, Copy)]
enum Rule {
    Lower {
        by: f64,
        part: f64,
    },
    Higher {
        by: f64,
    },
    /// Told, not judged.
    Told,
}

use Rule::{Higher, Lower, Told};

/// See [`Measures::worse_than`].
const LENIENCE: f64 = 5.0;

impl Measures {
    fn all(&self) -> [(&'static str, f64, Rule); 16] {
        let lower = |by| Lower { by, part: 0.25 };
        [
            ("low layer, %", self.layers[0], Told),
            ("middle layer, %", self.layers[1], Told),
            ("high layer, %", self.layers[2], Higher { by: 25.0 }),
            ("freezes", self.freezes, lower(2.0)),
            ("frozen, ms", self.frozen_ms, lower(2_200.0)),
            ("longest freeze, ms", self.longest_freeze_ms, lower(1_100.0)),
            ("picture p50, ms", self.picture_p50_ms, lower(15.0)),
            ("picture p95, ms", self.picture_p95_ms, lower(60.0)),
            ("key frames asked", self.key_frames_asked, lower(4.0)),
            ("voice lost, per mille", self.voice_lost, lower(6.0)),
            ("voice late, per mille", self.voice_late, lower(25.0)),
            ("voice p95, ms", self.voice_p95_ms, lower(45.0)),
            ("sent, kb/s", self.sent_kbps, Told),
            ("dropped, per mille", self.dropped, lower(15.0)),
            ("relieved after, ms", self.relieved_ms, lower(4_000.0)),
            ("recovered after, ms", self.recovered_ms, lower(4_000.0)),
        ]
    }

    /// Of each measure its median.
    pub fn median(runs: &[Self]) -> Self {
        let middle = |measure: fn(&Self) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(measure).collect();
            quantile(&mut values, 0.5)
        };
        Self {
            layers: [
                middle(|run| run.layers[0]),
                middle(|run| run.layers[1]),
                middle(|run| run.layers[2]),
            ],
            freezes: middle(|run| run.freezes),
            frozen_ms: middle(|run| run.frozen_ms),
            longest_freeze_ms: middle(|run| run.longest_freeze_ms),
            picture_p50_ms: middle(|run| run.picture_p50_ms),
            picture_p95_ms: middle(|run| run.picture_p95_ms),
            key_frames_asked: middle(|run| run.key_frames_asked),
            voice_lost: middle(|run| run.voice_lost),
            voice_late: middle(|run| run.voice_late),
            voice_p95_ms: middle(|run| run.voice_p95_ms),
            sent_kbps: middle(|run| run.sent_kbps),
            dropped: middle(|run| run.dropped),
            relieved_ms: middle(|run| run.relieved_ms),
            recovered_ms: middle(|run| run.recovered_ms),
        }
    }

    /// By name, rounded to what means something.
    pub fn numbers(&self) -> BTreeMap<&'static str, f64> {
        let all = self.all().into_iter();
        all.map(|(name, value, _)| (name, (value * 10.0).round() / 10.0))
            .collect()
    }

    /// The worse of what is measured now and what was, by name.
    pub fn worst(&self, before: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        let numbers = self.numbers();
        let worst = self.all().map(|(name, _, rule)| {
            let now = numbers[name];
            let was = before.get(name).copied().unwrap_or(now);
            let worst = match rule {
                Lower { .. } => now.max(was),
                Higher { .. } => now.min(was),
                Told => now,
            };
            (name.to_owned(), worst)
        });
        worst.into()
    }

    /// What got worse by more than chance. An estimate that hovers between two layers falls either way: not
    /// `strict`, pictures may be worse by [`LENIENCE`] times as much, which still shows what broke them.
    pub fn worse_than(&self, before: &BTreeMap<String, f64>, strict: bool) -> Vec<String> {
        let mut worse = vec![];
        for (name, now, rule) in self.all() {
            let Some(was) = before.get(name).copied() else {
                continue;
            };
            let lenience = if strict || name.starts_with("voice") {
                1.0
            } else {
                LENIENCE
            };
            let is_worse = match rule {
                Lower { by, part } => now > was + lenience * by.max(was * part),
                Higher { by } => now < was - lenience * by,
                Told => false,
            };
            if is_worse {
                worse.push(format!("{name}: {now:.1}, it was {was:.1}"));
            }
        }
        worse
    }
}

/// The value below which this share of them lies; 0 of none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

#[test]
fn worse_is_told_from_chance_and_from_better() {
    let before: BTreeMap<String, f64> = [
        ("high layer, %".to_owned(), 60.0),
        ("freezes".to_owned(), 3.0),
        ("sent, kb/s".to_owned(), 900.0),
    ]
    .into();
    let measured = |high, freezes| Measures {
        layers: [0.0, 0.0, high],
        freezes,
        ..Measures::default()
    };
    assert!(measured(55.0, 5.0).worse_than(&before, true).is_empty());
    assert!(measured(100.0, 0.0).worse_than(&before, true).is_empty());
    assert_eq!(measured(30.0, 3.0).worse_than(&before, true).len(), 1);
    assert_eq!(measured(30.0, 6.0).worse_than(&before, true).len(), 2);
    assert!(measured(30.0, 6.0).worse_than(&before, false).is_empty());
    assert_eq!(measured(30.0, 14.0).worse_than(&before, false).len(), 1);
}
