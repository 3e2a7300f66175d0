//! All counters in the OpenMetrics text format. Labels are fixed causes, never ids or addresses.

mod recordings;
mod shards;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::grpc::{DedupCounters, GateCounters, Services};
use crate::shard::{ShardReport, ShardSet};
use crate::watch::HubStatus;

/// Of the answer.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything as it is now.
pub(super) fn text(services: &Services<ShardSet>, shards: &ShardSet) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("parley");
    let shards = shards.reports();
    registry.register_collector(Box::new(Reading {
        shard: ShardReport::sum(&shards),
        hub: services.events().status(),
        gate: services.gate_counters(),
        dedup: services.dedup_counters(),
        draining: services.node().is_draining(),
        attached: services.attachments().subscribe().borrow().attached,
    }));
    registry.register_collector(Box::new(shards::Reading { shards }));
    if let Some(recorder) = services.recordings().recorder() {
        registry.register_collector(Box::new(recordings::Reading {
            shelf: recorder.shelf().counts(),
            io: recorder.io_counts(),
        }));
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Reading {
    /// Of all shards together.
    shard: ShardReport,
    hub: HubStatus,
    gate: GateCounters,
    dedup: DedupCounters,
    draining: bool,
    attached: usize,
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let core = &self.shard.core;
        let hub = &self.hub.counters;
        let gauges: [(&str, &str, f64); 7] = [
            ("rooms", "Open rooms", core.rooms as f64),
            ("sessions", "Sessions", core.sessions as f64),
            (
                "events_unacked",
                "Events that no host has acked",
                self.hub.unacked as f64,
            ),
            (
                "hosts_watching",
                "Hosts with an event stream",
                self.hub.hosts as f64,
            ),
            (
                "hosts_attached",
                "Connections of hosts",
                self.attached as f64,
            ),
            (
                "draining",
                "1 while no new rooms are taken",
                f64::from(u8::from(self.draining)),
            ),
            (
                "events_blocked",
                "1 while the event lane of a media thread is full",
                f64::from(u8::from(self.shard.events_blocked)),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let counters: [(&str, &str, u64); 18] = [
            ("packets_in", "Datagrams received", core.packets_in),
            (
                "packets_forwarded",
                "Media packets sent to clients",
                core.packets_forwarded,
            ),
            ("bytes_in", "Bytes received", core.bytes_in),
            ("bytes_out", "Bytes sent", core.bytes_out),
            (
                "send_runs",
                "Runs of datagrams to one client that left as one message",
                self.shard.runs_sent,
            ),
            (
                "send_runs_refused",
                "Such runs that the kernel refused and that left one by one",
                self.shard.runs_refused,
            ),
            (
                "session_panics",
                "Sessions and rooms ended by a bug",
                core.panics,
            ),
            ("events", "Events made", hub.events),
            (
                "events_given_up",
                "Events replaced by a snapshot or a room's end",
                hub.events_given_up,
            ),
            (
                "events_lost",
                "Events that found the lane full",
                self.shard.events_dropped,
            ),
            (
                "event_handovers",
                "Rooms given to another host",
                hub.handovers,
            ),
            (
                "event_acks_ignored",
                "Acks that counted for nothing",
                hub.acks_ignored,
            ),
            (
                "ended_rooms_forgotten",
                "Ended rooms no host asked for",
                hub.rooms_forgotten,
            ),
            (
                "hosts_silent",
                "Event streams ended for silence",
                hub.hosts_silent,
            ),
            (
                "calls_unauthenticated",
                "Calls without the token",
                self.gate.unauthenticated,
            ),
            (
                "strangers_refused",
                "Connections to grpc_listen that showed no token in time, or were too many",
                self.gate.strangers,
            ),
            (
                "calls_repeated",
                "Calls answered from the request id",
                self.dedup.repeated,
            ),
            (
                "answers_evicted",
                "Answers forgotten before their time",
                self.dedup.evicted,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let help = "System calls of the media threads for datagrams, by kind";
        let mut calls =
            encoder.encode_descriptor("system_calls", help, None, MetricType::Counter)?;
        let made = self.shard.calls;
        for (kind, n) in [
            ("receive", made.receive),
            ("send", made.send),
            ("poll", made.poll),
        ] {
            ConstCounter::new(n).encode(calls.encode_family(&[("kind", kind)])?)?;
        }
        let help = "Datagrams and messages dropped, by cause";
        let mut drops = encoder.encode_descriptor("drops", help, None, MetricType::Counter)?;
        for (cause, n) in core.drops.iter().chain(&self.shard.drops) {
            ConstCounter::new(*n).encode(drops.encode_family(&[("cause", *cause)])?)?;
        }
        Ok(())
    }
}
