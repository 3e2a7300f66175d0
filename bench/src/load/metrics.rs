//! The sidecar's own counters, read as an administrator's monitoring reads them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const DROPS: &str = "parley_drops_total{cause=\"";

/// All series as they stood at one time: name with labels, value.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(super) async fn read(address: SocketAddr) -> anyhow::Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let answer = client
            .get(format!("http://{address}/metrics").parse()?)
            .await?;
        ensure!(answer.status().is_success(), "metrics: {}", answer.status());
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Self::parse(
            std::str::from_utf8(&body).context("metrics are no text")?,
        ))
    }

    /// Lines of the text format; comments and what is not understood are left out.
    fn parse(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let series = series.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// A series, or the sum over its labels; 0: there is none.
    pub(super) fn sum(&self, name: &str) -> f64 {
        let own = |series: &str| {
            series
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let found = self.0.iter().filter(|(series, _)| own(series));
        found.map(|(_, value)| value).sum()
    }

    /// Values of a series by the label `shard`.
    pub(super) fn by_shard(&self, name: &str) -> BTreeMap<String, f64> {
        let found = self.0.iter().filter_map(|(series, value)| {
            let labels = series.strip_prefix(name)?.strip_prefix('{')?;
            let (_, shard) = labels.split_once("shard=\"")?;
            Some((shard.split('"').next()?.to_owned(), *value))
        });
        found.collect()
    }

    /// What was dropped since `before`, by cause; only causes that there were.
    pub(super) fn drops_since(&self, before: &Self) -> BTreeMap<String, u64> {
        let mut drops: BTreeMap<String, u64> = BTreeMap::new();
        for (series, value) in &self.0 {
            let Some(cause) = series.strip_prefix(DROPS) else {
                continue;
            };
            let cause = cause.split('"').next().unwrap_or(cause);
            let grown = value - before.0.get(series).copied().unwrap_or(0.0);
            if grown > 0.0 {
                *drops.entry(cause.to_owned()).or_default() += grown as u64;
            }
        }
        drops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP parley_drops Dropped\n# TYPE parley_drops counter\n\
        parley_drops_total{cause=\"stun\"} 3\nparley_drops_total{cause=\"late\"} 1\n\
        parley_shard_sessions{shard=\"0\"} 4\nparley_shard_sessions{shard=\"1\"} 6\n\
        parley_sessions_ended_total 9\n# EOF\n";

    #[test]
    fn series_are_summed_split_and_compared() {
        let now = Metrics::parse(TEXT);
        assert_eq!(now.sum("parley_shard_sessions"), 10.0);
        assert_eq!(now.sum("parley_sessions_ended_total"), 9.0);
        assert_eq!(now.sum("parley_nothing"), 0.0);
        let shards = now.by_shard("parley_shard_sessions");
        assert_eq!(shards, [("0".into(), 4.0), ("1".into(), 6.0)].into());
        let before = Metrics::parse(
            "parley_drops_total{cause=\"stun\"} 1\nparley_drops_total{cause=\"late\"} 1\n",
        );
        assert_eq!(now.drops_since(&before), [("stun".into(), 2)].into());
    }
}
