//! Whether a run's figures are the sidecar's: not its clients', and not those of other work on the machine.

use super::Figures;
use super::sweep::Limit;

/// Of a core used by the clients: more is nearly the limit.
pub(super) const BUSY_GENERATOR: f64 = 0.9;
/// Of the time in which somebody waited because other programs had its core: more spoils latencies.
const LOST_CORE_MAX: f64 = 0.05;
/// Likewise of a storm, whose slowest joins are told: a fifth of a second of ten is enough to make one.
const STORM_LOST_CORE_MAX: f64 = 0.02;
/// Of the machine's cores used by others: more costs even those who have cores of their own.
const OTHERS_MAX: f64 = 0.25;
/// The bare loop never sleeps: what it lacks of its core, others had.
const LOOP_CORE_MIN: f64 = 0.9;
/// Between the bare loop before a run and the one after it: more, and the machine was not the same.
const LOOPS_APART_MAX: f64 = 0.25;

/// What speaks against the figures, in words; nothing: they may be trusted.
pub(super) fn doubts(figures: &Figures) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut doubt = |whether: bool, words: String| {
        if whether {
            doubts.push(words);
        }
    };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let storm = figures.storm.as_ref();
    let generator = storm.map_or(0.0, |storm| storm.generator_cpu_share);
    let generator = figures.generator_cpu_share.max(generator);
    doubt(
        generator > BUSY_GENERATOR,
        format!(
            "the clients used {} of a core and may have been the limit (--generators)",
            percent(generator)
        ),
    );
    for (whose, lost) in [
        ("the sidecar's", figures.lost_core_share),
        ("the clients'", figures.generator_lost_core_share),
    ] {
        doubt(
            lost > LOST_CORE_MAX,
            format!(
                "other programs had {whose} core for {} of the time",
                percent(lost)
            ),
        );
    }
    doubt(
        figures.others_share > OTHERS_MAX,
        format!(
            "other programs used {} of the machine's cores",
            percent(figures.others_share)
        ),
    );
    if let Some(storm) = storm {
        for (whose, lost) in [
            ("the sidecar's", storm.lost_core_share),
            ("the clients'", storm.generator_lost_core_share),
        ] {
            doubt(
                lost > STORM_LOST_CORE_MAX,
                format!(
                    "other programs had {whose} core for {:.1} % of the storm: its slowest joins are not \
                     the sidecar's",
                    lost * 100.0
                ),
            );
        }
    }
    if let Some(raw) = &figures.raw {
        let share = raw.before.sender_cpu_share.min(raw.after.sender_cpu_share);
        doubt(
            share < LOOP_CORE_MIN,
            format!("the bare loop had its core for {}", percent(share)),
        );
        doubt(
            raw.spread > LOOPS_APART_MAX,
            format!(
                "the bare loop made {:.0} packets per CPU-second before the run and {:.0} after it",
                raw.before.packets_per_cpu_second, raw.after.packets_per_cpu_second
            ),
        );
    }
    if let Some(sweep) = &figures.sweep {
        doubt(
            sweep.limit == Limit::Generator,
            "the clients were the sweep's limit: saturation is higher (--generators)".into(),
        );
        let lost = sweep.steps.iter().map(|load| load.lost_core_share);
        let lost = lost.fold(0.0, f64::max);
        doubt(
            lost > LOST_CORE_MAX,
            format!(
                "other programs had the sidecar's core for {} of the time of a sweep's load",
                percent(lost)
            ),
        );
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Storm;
    use crate::load::calibration::{Paced, Raw};

    fn figures() -> Figures {
        let mut figures = Figures::blank();
        (figures.generator_cpu_share, figures.lost_core_share) = (0.5, 0.01);
        figures
    }

    fn raw(packets_per_cpu_second: f64, sender_cpu_share: f64) -> Raw {
        Raw {
            packets_per_cpu_second,
            bytes_per_packet: 100.0,
            received_share: 1.0,
            sender_cpu_share,
            paced: Some(Paced {
                packets_per_cpu_second: packets_per_cpu_second / 2.0,
                packets_per_second: 7_350.0,
                received_share: 1.0,
            }),
        }
    }

    #[test]
    fn a_quiet_run_is_trusted() {
        let figures = figures().beside(raw(200e3, 0.99), raw(240e3, 1.0));
        assert!(figures.trusted, "{:?}", figures.doubts);
        assert_eq!(figures.raw_packets_per_cpu_second, 220e3);
        let paced = figures.raw.and_then(|raw| raw.paced_packets_per_cpu_second);
        assert_eq!(paced, Some(110e3));
    }

    #[test]
    fn whatever_is_not_the_sidecars_doing_is_told() {
        let spoil = |spoil: fn(&mut Figures), word: &str| {
            let mut figures = figures();
            spoil(&mut figures);
            let doubts = doubts(&figures);
            assert!(doubts.len() == 1 && doubts[0].contains(word), "{doubts:?}");
        };
        spoil(|f| f.generator_cpu_share = 0.93, "clients used 93 %");
        spoil(|f| f.lost_core_share = 0.1, "the sidecar's core for 10 %");
        spoil(|f| f.generator_lost_core_share = 0.1, "the clients' core");
        spoil(|f| f.others_share = 0.5, "50 % of the machine's");
    }

    #[test]
    fn a_storm_without_its_cores_tells_nothing_of_its_slowest_joins() {
        let doubts_of = |lost_core_share, generator_lost_core_share| {
            let mut figures = figures();
            figures.storm = Some(Storm {
                lost_core_share,
                generator_lost_core_share,
                ..Storm::default()
            });
            doubts(&figures)
        };
        assert_eq!(doubts_of(0.01, 0.015), Vec::<String>::new());
        let (ours, theirs) = (doubts_of(0.03, 0.0), doubts_of(0.0, 0.034));
        assert!(ours.len() == 1 && ours[0].contains("the sidecar's core for 3.0 %"));
        assert!(theirs.len() == 1 && theirs[0].contains("the clients' core for 3.4 %"));
    }

    #[test]
    fn bare_loops_far_apart_spoil_a_ratio() {
        let doubts = |before, after| figures().beside(before, after).doubts;
        let apart = doubts(raw(200e3, 1.0), raw(260e3, 1.0));
        assert!(apart.len() == 1 && apart[0].contains("200000"), "{apart:?}");
        let apart = doubts(raw(260e3, 1.0), raw(200e3, 1.0));
        assert_eq!(apart.len(), 1, "{apart:?}");
        let lost = doubts(raw(200e3, 1.0), raw(200e3, 0.8));
        assert_eq!(lost, ["the bare loop had its core for 80 %"]);
    }
}
