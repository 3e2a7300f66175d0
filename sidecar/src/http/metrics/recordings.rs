//! Recordings: what waits, what was left out, how the disk is. Alert on `recordings_unposted` above 0 for
//! an hour, or on `recordings_oldest_unposted_seconds`.

use std::fmt;

use parley_recorder::IoCounts;
use parley_recorder::shelf::Counts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

#[derive(Debug)]
pub(super) struct Reading {
    pub(super) shelf: Counts,
    pub(super) io: IoCounts,
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self { shelf, io } = self;
        let gauges: [(&str, &str, f64); 6] = [
            (
                "recordings_in_progress",
                "Recordings that are being made, or wait for their call to come back",
                shelf.in_progress as f64,
            ),
            (
                "recordings_unposted",
                "Ended recordings that the platform does not have for certain",
                shelf.unposted as f64,
            ),
            (
                "recordings_parked",
                "Recordings that an admin must look at",
                shelf.parked as f64,
            ),
            (
                "recordings_damaged",
                "Directories of recordings that make no sense",
                shelf.damaged as f64,
            ),
            (
                "recordings_oldest_unposted_seconds",
                "Since the end of the unposted recording that waits longest",
                shelf.oldest_unposted.as_secs_f64(),
            ),
            (
                "recording_disk_bytes",
                "Bytes of all recordings on the disk",
                shelf.disk_bytes as f64,
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let help = "Packets that are in no journal because the disk was too slow or full, by kind";
        let name = "recording_dropped_packets";
        let mut dropped = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (kind, n) in [("audio", io.dropped_audio), ("video", io.dropped_video)] {
            ConstCounter::new(n).encode(dropped.encode_family(&[("kind", kind)])?)?;
        }
        let seconds = ConstCounter::new(io.sync_time.as_secs_f64());
        let help = "Time that the disk took for sync rounds";
        let metric = encoder.encode_descriptor(
            "recording_sync_seconds",
            help,
            None,
            seconds.metric_type(),
        )?;
        seconds.encode(metric)?;
        let rounds = ConstCounter::new(io.syncs);
        let help = "Sync rounds over all recordings";
        let metric =
            encoder.encode_descriptor("recording_syncs", help, None, rounds.metric_type())?;
        rounds.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_figure_has_its_name() {
        let mut registry = Registry::with_prefix("parley");
        registry.register_collector(Box::new(Reading {
            shelf: Counts {
                in_progress: 1,
                unposted: 2,
                parked: 3,
                damaged: 4,
                oldest_unposted: Duration::from_millis(5_500),
                disk_bytes: 6,
            },
            io: IoCounts {
                dropped_audio: 7,
                dropped_video: 8,
                syncs: 9,
                sync_time: Duration::from_millis(10_500),
            },
        }));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let values: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "parley_recordings_in_progress 1.0",
                "parley_recordings_unposted 2.0",
                "parley_recordings_parked 3.0",
                "parley_recordings_damaged 4.0",
                "parley_recordings_oldest_unposted_seconds 5.5",
                "parley_recording_disk_bytes 6.0",
                "parley_recording_dropped_packets_total{kind=\"audio\"} 7",
                "parley_recording_dropped_packets_total{kind=\"video\"} 8",
                "parley_recording_sync_seconds_total 10.5",
                "parley_recording_syncs_total 9",
            ]
        );
    }
}
