//! Which cores the sidecar and the clients have.

use std::collections::BTreeSet;
use std::io;

use anyhow::anyhow;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which cores run what; empty: wherever the system puts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpus {
    /// The whole sidecar process.
    pub sidecar: Vec<usize>,
    /// The clients, a thread each.
    pub generators: Vec<usize>,
}

/// What was asked for, by the names of the arguments.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct CpusAsked<'a> {
    pub shards: usize,
    pub generators: usize,
    /// Empty: any.
    pub sidecar_cpu: &'a [usize],
    /// Likewise.
    pub generator_cpu: &'a [usize],
}

impl Cpus {
    /// No pinning: for tests.
    pub const ANY: Self = Self {
        sidecar: Vec::new(),
        generators: Vec::new(),
    };

    /// Of the cores that this process may use and that were not asked for by number, the last for the
    /// sidecar and those before them for the clients. An error names the argument.
    pub fn choose(asked: CpusAsked<'_>) -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|cpu| allowed.is_set(*cpu))
            .collect();
        Self::split(&usable, asked).map_err(|why| anyhow!(why))
    }

    fn split(usable: &[usize], asked: CpusAsked<'_>) -> Result<Self, String> {
        let mut free: BTreeSet<usize> = usable.iter().copied().collect();
        for (name, cpus, other) in [
            ("--sidecar-cpu", asked.sidecar_cpu, &[][..]),
            ("--generator-cpu", asked.generator_cpu, asked.sidecar_cpu),
        ] {
            for cpu in cpus {
                if free.remove(cpu) {
                    continue;
                }
                return Err(if other.contains(cpu) {
                    format!("{name} {cpu}: --sidecar-cpu has this core")
                } else if usable.contains(cpu) {
                    format!("{name} {cpu}: named twice")
                } else {
                    format!("{name} {cpu}: this process may use {usable:?}")
                });
            }
        }
        let mut free: Vec<usize> = free.into_iter().collect();
        let left = free.len();
        let mut last = |name: &str, given: &[usize], count: usize| {
            if !given.is_empty() {
                return Ok(given.to_vec());
            }
            match free.len().checked_sub(count) {
                Some(first) => Ok(free.split_off(first)),
                None => Err(format!(
                    "{name} {count}: this process may use {} cores, {left} that are not named; \
                     --shards and --generators take one for each",
                    usable.len()
                )),
            }
        };
        Ok(Self {
            sidecar: last("--shards", asked.sidecar_cpu, asked.shards)?,
            generators: last("--generators", asked.generator_cpu, asked.generators)?,
        })
    }

    /// All cores of this process but these; these if there are no others.
    pub fn others(&self) -> Option<CpuSet> {
        let mut allowed = sched_getaffinity(None).ok()?;
        let all = allowed;
        for cpu in self.sidecar.iter().chain(&self.generators) {
            allowed.unset(*cpu);
        }
        Some(if allowed.count() == 0 { all } else { allowed })
    }
}

pub(super) fn set_of(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    set
}

/// Binds the calling thread, and what it starts, to a core.
pub(super) fn pin_thread(cpu: usize) -> io::Result<()> {
    Ok(sched_setaffinity(None, &set_of(&[cpu]))?)
}

/// Processes that run or wait for a core, averaged over a minute.
pub(super) fn machine_load() -> io::Result<f64> {
    std::fs::read_to_string("/proc/loadavg")?
        .split_ascii_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/loadavg is not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: CpusAsked<'_> = CpusAsked {
        shards: 1,
        generators: 1,
        sidecar_cpu: &[],
        generator_cpu: &[],
    };

    /// Cores of the sidecar and of the clients.
    fn split(usable: &[usize], asked: CpusAsked<'_>) -> Result<(Vec<usize>, Vec<usize>), String> {
        Cpus::split(usable, asked).map(|cpus| (cpus.sidecar, cpus.generators))
    }

    #[test]
    fn the_sidecar_has_the_last_cores_and_the_clients_those_before() {
        let of = |usable: &[usize], shards, generators| {
            let asked = CpusAsked {
                shards,
                generators,
                ..ASKED
            };
            split(usable, asked)
        };
        assert_eq!(of(&[0, 1, 2, 5], 1, 2), Ok((vec![5], vec![1, 2])));
        assert_eq!(of(&[0, 1, 2], 2, 1), Ok((vec![1, 2], vec![0])));
        let refused = |shards, generators| of(&[0, 1], shards, generators).expect_err("two cores");
        assert!(refused(1, 2).starts_with("--generators 2: this process may use 2 cores"));
        assert!(refused(3, 1).starts_with("--shards 3: "));
    }

    #[test]
    fn who_was_given_no_core_has_one_that_nobody_was_given() {
        let sidecar = |usable, sidecar_cpu| {
            let asked = CpusAsked {
                sidecar_cpu,
                ..ASKED
            };
            split(usable, asked)
        };
        assert_eq!(sidecar(&[0, 1], &[0]), Ok((vec![0], vec![1])));
        assert_eq!(sidecar(&[0, 1, 2], &[2]), Ok((vec![2], vec![1])));
        let generator = CpusAsked {
            generator_cpu: &[1],
            ..ASKED
        };
        assert_eq!(split(&[0, 1], generator), Ok((vec![0], vec![1])));
        let none_left = sidecar(&[0, 1], &[0, 1]).expect_err("none is left");
        assert!(none_left.starts_with("--generators 1: "), "{none_left}");
    }

    #[test]
    fn a_core_is_given_once_and_is_one_of_ours() {
        let refused = |sidecar_cpu, generator_cpu| {
            let asked = CpusAsked {
                sidecar_cpu,
                generator_cpu,
                ..ASKED
            };
            split(&[0, 1], asked).expect_err("not possible")
        };
        assert_eq!(
            refused(&[0], &[0]),
            "--generator-cpu 0: --sidecar-cpu has this core"
        );
        assert_eq!(refused(&[0, 0], &[]), "--sidecar-cpu 0: named twice");
        assert_eq!(
            refused(&[0], &[7]),
            "--generator-cpu 7: this process may use [0, 1]"
        );
    }
}
