//! What a network is like, and when it changes.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;

/// Of one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Each datagram is so late at least ...
    pub delay: Duration,
    /// ... and so much more at most, by chance. Nothing overtakes.
    pub jitter: Duration,
    /// Share lost by chance, 0 to 1.
    pub loss: f64,
    /// Width of the link, bits per second; `None`: no limit.
    pub rate: Option<u64>,
    /// What would wait longer than this for the link is lost.
    pub queue: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            rate: None,
            queue: Duration::from_millis(300),
        }
    }
}

/// Conditions of the way to clients by the time since the start; the way back has their delay, jitter and
/// loss, and no limit.
///
/// As text: `delay=80 loss=2 rate=2000, 20: rate=500, 40: rate=2000` is 80 ms, 2 % and 2 Mbit/s, from 20 s on
/// 500 kbit/s, from 40 s on as before. Each step begins with what was. Also: `jitter=30` and `queue=2000`, in
/// ms, and `rate=0` for no limit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course(Vec<(Duration, Conditions)>);

impl Course {
    /// Of steps in order of time.
    #[must_use]
    pub fn of(steps: Vec<(Duration, Conditions)>) -> Self {
        Self(steps)
    }

    /// What holds so long after the start.
    #[must_use]
    pub fn at(&self, since: Duration) -> Conditions {
        let steps = self.0.iter().take_while(|(from, _)| *from <= since);
        steps.last().map_or_else(Conditions::default, |step| step.1)
    }
}

impl FromStr for Course {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut steps: Vec<(Duration, Conditions)> = Vec::new();
        for part in text.split(',') {
            let (from, rest) = match part.split_once(':') {
                Some((seconds, rest)) => {
                    let seconds: u64 = seconds.trim().parse().context("a step's seconds")?;
                    (Duration::from_secs(seconds), rest)
                }
                None => (Duration::ZERO, part),
            };
            let before = steps.last().map(|step| step.0);
            anyhow::ensure!(
                before.is_none_or(|before| before < from),
                "steps are in order of time"
            );
            let mut conditions = steps.last().map_or_else(Conditions::default, |step| step.1);
            for word in rest.split_whitespace() {
                let (name, value) = word.split_once('=').context("name=value")?;
                set(&mut conditions, name, value).with_context(|| format!("in {word}"))?;
            }
            steps.push((from, conditions));
        }
        Ok(Self(steps))
    }
}

fn set(conditions: &mut Conditions, name: &str, value: &str) -> anyhow::Result<()> {
    let millis = || value.parse().map(Duration::from_millis);
    match name {
        "delay" => conditions.delay = millis()?,
        "jitter" => conditions.jitter = millis()?,
        "queue" => conditions.queue = millis()?,
        "loss" => {
            let percent: f64 = value.parse()?;
            anyhow::ensure!((0.0..=100.0).contains(&percent), "0 to 100 %");
            conditions.loss = percent / 100.0;
        }
        "rate" => {
            let kbps: u64 = value.parse()?;
            conditions.rate = (kbps > 0).then_some(kbps * 1_000);
        }
        _ => anyhow::bail!("delay, jitter, loss, rate or queue"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_inherit_what_was_before() {
        let text = "delay=80 loss=2 rate=2000, 20: rate=500, 40: rate=0 jitter=5";
        let course: Course = text.parse().expect("a course");
        let at = |seconds| course.at(Duration::from_secs(seconds));
        assert_eq!(at(0).delay, Duration::from_millis(80));
        assert_eq!((at(19).rate, at(20).rate), (Some(2_000_000), Some(500_000)));
        assert_eq!((at(50).loss, at(50).rate), (0.02, None));
        assert_eq!(at(50).jitter, Duration::from_millis(5));
        assert_eq!(Course::default().at(Duration::ZERO), Conditions::default());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "delay",
            "loss=200",
            "speed=1",
            "x: rate=1",
            "20: rate=1, 10: rate=2",
        ] {
            assert!(text.parse::<Course>().is_err(), "{text}");
        }
    }
}
