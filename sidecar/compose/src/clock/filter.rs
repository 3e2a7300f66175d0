//! The least of what was seen lately: of one-way delays with jitter, that is the path's.

/// µs per bucket.
const BUCKET: i64 = 500_000;
/// The window is this many buckets: long enough to meet an undelayed packet, short enough that a clock
/// 200 ppm off moves by 3 ms in it.
const BUCKETS: usize = 32;
/// A path that got longer by more than this, µs, is followed after two buckets instead of a window.
pub(super) const STEP: i64 = 400_000;

/// A sliding minimum.
#[derive(Debug, Clone)]
pub(super) struct MinFilter {
    /// The least of each bucket; `i64::MAX`: nothing seen.
    least: [i64; BUCKETS],
    /// Number of the newest bucket.
    newest: i64,
}

impl MinFilter {
    pub(super) fn new() -> Self {
        Self {
            least: [i64::MAX; BUCKETS],
            newest: i64::MIN,
        }
    }

    /// `now` in µs, never back (a little is taken as now).
    pub(super) fn observe(&mut self, now: i64, value: i64) {
        let bucket = now.div_euclid(BUCKET);
        if bucket > self.newest {
            self.follow_step();
            let passed = bucket.saturating_sub(self.newest);
            for number in 0..passed.min(BUCKETS as i64) {
                *self.slot(bucket - number) = i64::MAX;
            }
            self.newest = bucket;
        }
        let newest = self.newest;
        let slot = self.slot(newest);
        *slot = value.min(*slot);
    }

    /// The least of the window.
    pub(super) fn least(&self) -> Option<i64> {
        self.least
            .iter()
            .copied()
            .min()
            .filter(|&least| least != i64::MAX)
    }

    /// The least of the newest bucket and the one before.
    pub(super) fn recent(&self) -> Option<i64> {
        let at = |number: i64| self.least[number.rem_euclid(BUCKETS as i64) as usize];
        let least = at(self.newest).min(at(self.newest.saturating_sub(1)));
        (least != i64::MAX).then_some(least)
    }

    /// All that was seen was more by so much.
    pub(super) fn raise(&mut self, by: i64) {
        for least in &mut self.least {
            if *least != i64::MAX {
                *least = least.saturating_add(by);
            }
        }
    }

    /// Two full buckets far above the rest: what was before holds no more.
    fn follow_step(&mut self) {
        let newest = self.newest;
        if newest == i64::MIN {
            return;
        }
        let (last, before) = (*self.slot(newest), *self.slot(newest - 1));
        if last == i64::MAX || before == i64::MAX {
            return;
        }
        let recent = last.min(before);
        if self
            .least()
            .is_some_and(|least| recent.saturating_sub(least) > STEP)
        {
            self.least = [i64::MAX; BUCKETS];
            *self.slot(newest) = last;
            *self.slot(newest - 1) = before;
        }
    }

    fn slot(&mut self, bucket: i64) -> &mut i64 {
        &mut self.least[bucket.rem_euclid(BUCKETS as i64) as usize]
    }
}
