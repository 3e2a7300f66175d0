//! What differs from shard to shard: how busy each is, and what it has to do. Sums are in the series of the
//! node; alert on the highest `shard_busy_ratio`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::shard::ShardReport;

#[derive(Debug)]
pub(super) struct Reading {
    pub(super) shards: Vec<ShardReport>,
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Busy share of a media thread";
        let gauge = |value: f64| ConstGauge::new(value);
        self.series(&mut encoder, "shard_busy_ratio", help, |report| {
            gauge(report.load)
        })?;
        self.series(&mut encoder, "shard_rooms", "Open rooms", |report| {
            gauge(report.core.rooms as f64)
        })?;
        self.series(&mut encoder, "shard_sessions", "Sessions", |report| {
            gauge(report.core.sessions as f64)
        })?;
        let help =
            "Sessions whose voices this media thread encrypts and sends, also for rooms of others";
        self.series(&mut encoder, "shard_egresses", help, |report| {
            gauge(report.core.carried as f64)
        })?;
        let help = "Packets that another media thread was ordered to encrypt and send";
        self.series(&mut encoder, "shard_packets_ordered", help, |report| {
            ConstCounter::new(report.core.ordered)
        })?;
        let help = "Media packets sent to clients";
        self.series(&mut encoder, "shard_packets_forwarded", help, |report| {
            ConstCounter::new(report.core.packets_forwarded)
        })?;
        let help = "Datagrams that arrived at this media thread and were handed to another one";
        self.series(&mut encoder, "datagrams_handed_over", help, |report| {
            ConstCounter::new(report.handed_over)
        })
    }
}

impl Reading {
    fn series<M: EncodeMetric>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&ShardReport) -> M,
    ) -> fmt::Result {
        let Some(kind) = self.shards.first().map(|first| of(first).metric_type()) else {
            return Ok(());
        };
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for (shard, report) in self.shards.iter().enumerate() {
            let shard = shard.to_string();
            of(report).encode(family.encode_family(&[("shard", shard.as_str())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parley_core::api::NodeCounters;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_shard_has_its_series() {
        let report = |load, sessions, handed_over| ShardReport {
            load,
            handed_over,
            core: NodeCounters {
                sessions,
                carried: 2,
                ordered: 9,
                ..NodeCounters::default()
            },
            ..ShardReport::default()
        };
        let mut registry = Registry::with_prefix("parley");
        let shards = vec![report(0.25, 3, 7), report(0.5, 4, 8)];
        registry.register_collector(Box::new(Reading { shards }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let values: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "parley_shard_busy_ratio{shard=\"0\"} 0.25",
                "parley_shard_busy_ratio{shard=\"1\"} 0.5",
                "parley_shard_rooms{shard=\"0\"} 0.0",
                "parley_shard_rooms{shard=\"1\"} 0.0",
                "parley_shard_sessions{shard=\"0\"} 3.0",
                "parley_shard_sessions{shard=\"1\"} 4.0",
                "parley_shard_egresses{shard=\"0\"} 2.0",
                "parley_shard_egresses{shard=\"1\"} 2.0",
                "parley_shard_packets_ordered_total{shard=\"0\"} 9",
                "parley_shard_packets_ordered_total{shard=\"1\"} 9",
                "parley_shard_packets_forwarded_total{shard=\"0\"} 0",
                "parley_shard_packets_forwarded_total{shard=\"1\"} 0",
                "parley_datagrams_handed_over_total{shard=\"0\"} 7",
                "parley_datagrams_handed_over_total{shard=\"1\"} 8",
            ]
        );
    }
}
