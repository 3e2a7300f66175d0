//! Voice on and off as the official clients expect it (calls-client-protocol.md, section 4): by the
//! spread of the last audio levels, so that steady noise is no voice.

use std::time::{Duration, Instant};

/// Levels looked at: one second of speech.
const SAMPLES: usize = 50;
/// Fewer tell nothing of the spread.
const SAMPLES_MIN: usize = 10;
/// On above this standard deviation, dB.
const ON_ABOVE: i64 = 10;
/// Off below this standard deviation, dB.
const OFF_BELOW: i64 = 4;
/// Stays on at least this long.
const HOLD: Duration = Duration::from_secs(2);

/// The state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceChange {
    /// Began to speak.
    On,
    /// Stopped.
    Off,
}

/// One microphone's activity, from the spread of its last 50 audio levels.
#[derive(Debug, Clone)]
pub struct VoiceActivity {
    levels: [i8; SAMPLES],
    /// Levels received since the last reset.
    count: usize,
    sum: i64,
    squares: i64,
    on_since: Option<Instant>,
}

impl VoiceActivity {
    /// Silent.
    pub fn new() -> Self {
        Self {
            levels: [0; SAMPLES],
            count: 0,
            sum: 0,
            squares: 0,
            on_since: None,
        }
    }

    /// A packet's level, dBov; packets without one do not count.
    pub fn handle_level(&mut self, level: i8, now: Instant) -> Option<VoiceChange> {
        let place = self.count % SAMPLES;
        if self.count >= SAMPLES {
            let old = i64::from(self.levels[place]);
            self.sum -= old;
            self.squares -= old * old;
        }
        self.levels[place] = level;
        self.count += 1;
        let level = i64::from(level);
        self.sum += level;
        self.squares += level * level;

        let variance_n2 = self.variance_times_n_squared()?;
        let n = self.count.min(SAMPLES) as i64;
        let spread_is_above = |limit: i64| variance_n2 > limit * limit * n * n;
        match self.on_since {
            None if spread_is_above(ON_ABOVE) => {
                self.on_since = Some(now);
                Some(VoiceChange::On)
            }
            Some(since)
                if variance_n2 < OFF_BELOW * OFF_BELOW * n * n
                    && now.saturating_duration_since(since) >= HOLD =>
            {
                self.on_since = None;
                Some(VoiceChange::Off)
            }
            _ => None,
        }
    }

    /// Muted or gone: off at once.
    pub fn reset(&mut self) -> Option<VoiceChange> {
        let was_on = self.is_on();
        *self = Self::new();
        was_on.then_some(VoiceChange::Off)
    }

    /// Speaks now.
    pub fn is_on(&self) -> bool {
        self.on_since.is_some()
    }

    /// Exact in integers: n^2 x variance = n x sum of squares - square of sum.
    fn variance_times_n_squared(&self) -> Option<i64> {
        let n = self.count.min(SAMPLES) as i64;
        (self.count >= SAMPLES_MIN).then_some(n * self.squares - self.sum * self.sum)
    }
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds levels each 20 ms and returns the changes with their times in ms.
    fn feed(
        activity: &mut VoiceActivity,
        levels: impl Iterator<Item = i8>,
    ) -> Vec<(u64, VoiceChange)> {
        let start = Instant::now();
        levels
            .enumerate()
            .filter_map(|(n, level)| {
                let at = 20 * n as u64;
                let change = activity.handle_level(level, start + Duration::from_millis(at))?;
                Some((at, change))
            })
            .collect()
    }

    /// Syllables: loud and quiet in turn.
    fn speech(packets: usize) -> impl Iterator<Item = i8> {
        (0..packets).map(|n| if n / 5 % 2 == 0 { -25 } else { -70 })
    }

    #[test]
    fn speech_turns_on_and_silence_off_after_two_seconds() {
        let mut activity = VoiceActivity::new();
        let changes = feed(
            &mut activity,
            speech(20).chain(std::iter::repeat_n(-90, 200)),
        );
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].1, VoiceChange::On);
        assert!(changes[0].0 < 400, "within 0.4 s, was {}", changes[0].0);
        assert_eq!(changes[1].1, VoiceChange::Off);
        assert!(changes[1].0 >= changes[0].0 + 2_000);
        assert!(!activity.is_on());
    }

    #[test]
    fn steady_noise_is_no_voice_however_loud() {
        let mut activity = VoiceActivity::new();
        let noise = (0..500).map(|n| -20 - (n % 3) as i8);
        assert_eq!(feed(&mut activity, noise), []);
    }

    #[test]
    fn mute_turns_off_at_once() {
        let mut activity = VoiceActivity::new();
        assert_eq!(activity.reset(), None);
        feed(&mut activity, speech(50));
        assert!(activity.is_on());
        assert_eq!(activity.reset(), Some(VoiceChange::Off));
        assert_eq!(
            activity.handle_level(-20, Instant::now()),
            None,
            "starts anew"
        );
    }
}
