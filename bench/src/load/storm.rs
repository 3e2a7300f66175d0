//! Many join at once while media flows.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::control::Control;
use super::percentiles::percentile;
use super::process::Sidecar;
use super::window::{Window, host_times, own_times, per};

/// How long media is watched before the storm.
const CALM: Duration = Duration::from_secs(2);
/// From the last one's join to measuring.
const SETTLE: Duration = Duration::from_secs(1);

/// What joining cost.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Storm {
    /// Who joined.
    pub joins: usize,
    /// From the first call to the last one's slots.
    pub seconds: f64,
    /// CPU time of all of the sidecar for a join, without what forwarding cost meanwhile: that is taken to
    /// grow evenly from its rate before the storm to its rate after it.
    pub cpu_ms_per_join: f64,
    #[allow(missing_docs)]
    pub joins_per_cpu_second: f64,
    /// From the call of `Join` to the first media packet at the client.
    pub join_to_media_p50_ms: f64,
    #[allow(missing_docs)]
    pub join_to_media_p99_ms: f64,
    /// Of the joins so many got media.
    pub got_media: usize,
    /// Of a core, used by the busiest of the generator's threads meanwhile.
    pub generator_cpu_share: f64,
    /// Of the storm's time, how long a thread that forwards was ready while other programs had its core.
    pub lost_core_share: f64,
    /// The same of the clients' threads and of the one that plays host: a join waits for all three, about
    /// eight times each.
    pub generator_lost_core_share: f64,
}

impl Storm {
    /// Runs it; the window is measured after it.
    pub(super) async fn run(
        sidecar: &Sidecar,
        control: &mut Control,
        rate: u32,
        measure: Duration,
    ) -> anyhow::Result<(Self, Window)> {
        let present = control.at_first();
        let mut who: Vec<usize> = (0..control.scenario.roles.len()).collect();
        who.retain(|index| present.binary_search(index).is_err());
        // Rooms fill evenly, as when many meetings begin at the hour.
        let rooms = control.scenario.rooms().max(1);
        let per_room = who.len().div_ceil(rooms).max(1);
        who = (0..per_room)
            .flat_map(|n| who.iter().copied().skip(n).step_by(per_room))
            .collect();
        let calm = Window::measure(sidecar, control, CALM).await?;
        control.begin()?;
        let (own, host) = (own_times()?, host_times()?);
        let (began, cpu) = (Instant::now(), sidecar.cpu_times()?);
        control.storm(&who, rate).await?;
        let (time, cpu) = (began.elapsed(), sidecar.cpu_times()?.since(&cpu));
        let own_lost = own_times()?.since(&own).lost();
        let own_lost = own_lost.max(host_times()?.since(&host).lost());
        let clients = control.end().await?.cpu.into_iter().max();
        control.attend(SETTLE).await?;
        let after = Window::measure(sidecar, control, measure).await?;
        let rate_of = |window: &Window| window.cpu.all.as_secs_f64() / window.time.as_secs_f64();
        let joining = without_media(
            cpu.all.as_secs_f64(),
            time.as_secs_f64(),
            (rate_of(&calm), rate_of(&after)),
        );
        let mut waits = control.joins_to_media_us(&who);
        waits.sort_unstable();
        let wait = |share| f64::from(percentile(&waits, share).unwrap_or(0)) / 1e3;
        let storm = Self {
            joins: who.len(),
            seconds: time.as_secs_f64(),
            cpu_ms_per_join: per(joining * 1e3, who.len() as f64),
            joins_per_cpu_second: per(who.len() as f64, joining),
            join_to_media_p50_ms: wait(0.5),
            join_to_media_p99_ms: wait(0.99),
            got_media: waits.len(),
            generator_cpu_share: per(
                clients.unwrap_or_default().as_secs_f64(),
                time.as_secs_f64(),
            ),
            lost_core_share: per(cpu.lost().as_secs_f64(), time.as_secs_f64()),
            generator_lost_core_share: per(own_lost.as_secs_f64(), time.as_secs_f64()),
        };
        Ok((storm, after))
    }
}

/// CPU-seconds of a time without what media took, whose rate grew evenly from one to the other.
fn without_media(cpu: f64, seconds: f64, (before, after): (f64, f64)) -> f64 {
    (cpu - seconds * (before + after) / 2.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::without_media;

    #[test]
    fn forwarding_is_no_cost_of_joining() {
        assert!((without_media(3.0, 10.0, (0.1, 0.3)) - 1.0).abs() < 1e-9);
        assert_eq!(without_media(1.0, 10.0, (0.1, 0.3)), 0.0);
    }
}
