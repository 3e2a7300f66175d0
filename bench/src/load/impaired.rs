//! A bad network between the clients and the sidecar, which changes while it is measured.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use super::cores::Cpus;
use super::phases::{Parts, Phase, Recovery, phases, recovery};
use super::process::Sidecar;
use super::scenario::Scenario;
use super::swarm::Tally;
use crate::proxy::{Conditions, Course, Proxy};

/// The same losses in each run, as far as the same packets leave at the same times.
const SEED: u64 = 8;

/// What is between: the window has as many equal parts as there are widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Each way.
    pub delay_ms: u64,
    /// Each way, by chance.
    pub loss_percent: u8,
    /// Width of each client's way from the sidecar; the way to it has no limit. What would wait longer than
    /// 300 ms for it is lost.
    pub rates_kbps: &'static [u64],
}

impl Network {
    /// The first width holds until the window begins.
    fn course(&self, part: Duration) -> Course {
        let steps = self.rates_kbps.iter().zip(0_u32..).map(|(rate, number)| {
            let conditions = Conditions {
                delay: Duration::from_millis(self.delay_ms),
                loss: f64::from(self.loss_percent) / 100.0,
                rate: Some(rate * 1_000),
                ..Conditions::default()
            };
            (part * number, conditions)
        });
        Course::of(steps.collect())
    }
}

/// The network while it runs.
pub(super) struct Way {
    network: Network,
    proxy: Proxy,
    part: Duration,
    began: Instant,
}

impl Way {
    /// Its thread has what cores sidecar and clients leave; the window has this length.
    pub(super) fn start(
        network: Network,
        sidecar: &Sidecar,
        cpus: &Cpus,
        window: Duration,
    ) -> anyhow::Result<Self> {
        let parts = u32::try_from(network.rates_kbps.len().max(1))?;
        let part = window / parts;
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = local(sidecar.info().media_port);
        // The new thread inherits the affinity of this one, which is put back at once.
        let before = sched_getaffinity(None)?;
        if let Some(others) = cpus.others() {
            sched_setaffinity(None, &others).context("pinning the network")?;
        }
        let proxy = Proxy::start(local(0), server, network.course(part), SEED);
        sched_setaffinity(None, &before)?;
        Ok(Self {
            network,
            proxy: proxy.context("the network between")?,
            part,
            began: Instant::now(),
        })
    }

    /// Where clients send to.
    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// The window begins.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
        self.proxy.begin(self.began);
    }

    /// What the window's packets tell. Clients count time from `epoch`.
    pub(super) fn end(
        self,
        scenario: &Scenario,
        tally: &Tally,
        epoch: Instant,
    ) -> anyhow::Result<Impaired> {
        let fates = self.proxy.stop().context("the network between")?;
        let parts = Parts {
            begun: self.began.saturating_duration_since(epoch),
            length: self.part,
            rates_kbps: self.network.rates_kbps,
        };
        let viewers = scenario.viewers();
        Ok(Impaired {
            delay_ms: self.network.delay_ms,
            loss_percent: self.network.loss_percent,
            phases: phases(&tally.arrivals, &parts, &viewers, &scenario.layers()),
            recovery: recovery(&tally.arrivals, &parts, &viewers),
            way_packets: fates.sent,
            way_lost: fates.lost,
            way_overflowed: fates.overflowed,
        })
    }
}

/// What was measured over it; the field names are those of the JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Impaired {
    /// Each way.
    pub delay_ms: u64,
    /// Each way.
    pub loss_percent: u8,
    /// Part by part.
    pub phases: Vec<Phase>,
    /// If a wider part followed a narrower one.
    pub recovery: Option<Recovery>,
    /// Datagrams on the way to clients, since the first of them joined.
    pub way_packets: u64,
    /// Of them lost by chance.
    pub way_lost: u64,
    /// Of them lost because the queue was full.
    pub way_overflowed: u64,
}

impl Impaired {
    /// Names and values for people.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let mut rows = vec![(
            "way to clients".to_owned(),
            format!(
                "{} datagrams, {} lost by chance, {} by a full queue",
                self.way_packets, self.way_lost, self.way_overflowed
            ),
        )];
        for phase in &self.phases {
            let name = format!(
                "{:.0}-{:.0} s, {} kbit/s",
                phase.from_seconds, phase.to_seconds, phase.rate_kbps
            );
            let mut layers = String::new();
            for (layer, share) in &phase.layers {
                let _ = write!(layers, " {layer} {:.0} %", share * 100.0);
            }
            let video = format!(
                "video {:.0} kbit/s each (least {:.0}), {:.1} pictures/s:{layers}; {} freezes, {:.1} s, {} pictures \
                 incomplete",
                phase.video_kbps,
                phase.video_kbps_least,
                phase.pictures_per_second,
                phase.freezes,
                phase.frozen_seconds,
                phase.pictures_incomplete
            );
            let voice = format!(
                "voice {:.2} % lost end to end, {:.0} ms p50, {:.0} ms p95",
                phase.voice_lost_share * 100.0,
                phase.voice_p50_ms,
                phase.voice_p95_ms
            );
            rows.extend([(name, video), (String::new(), voice)]);
        }
        if let Some(back) = &self.recovery {
            let value = format!(
                "after p50 {:.1} s, most {:.1} s ({} of {} viewers)",
                back.median_seconds, back.most_seconds, back.recovered, back.viewers
            );
            rows.push(("rate back".to_owned(), value));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_width_and_all_have_loss_and_delay() {
        let network = Network {
            delay_ms: 80,
            loss_percent: 2,
            rates_kbps: &[2_000, 500, 2_000],
        };
        let course = network.course(Duration::from_secs(20));
        let text = "delay=80 loss=2 rate=2000, 20: rate=500, 40: rate=2000";
        assert_eq!(Ok(course), text.parse().map_err(|_| ()));
    }
}
