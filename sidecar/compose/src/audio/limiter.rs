//! Several voices at once add up to more than fits: turned down before they clip, softly.

use opus::{Channels, SoftClip};

/// The loudest sample that is left alone.
const CEILING: f32 = 0.95;
/// By how much the gain recovers per frame.
const RELEASE: f32 = 1.02;

/// Of a stereo signal, frame by frame.
pub(crate) struct Limiter {
    gain: f32,
    clip: SoftClip,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self {
            gain: 1.0,
            clip: SoftClip::new(Channels::Stereo),
        }
    }

    /// Afterwards every sample is within -1..=1.
    pub(crate) fn apply(&mut self, frame: &mut [f32]) {
        let peak = frame.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let fits = if peak > CEILING { CEILING / peak } else { 1.0 };
        let before = self.gain;
        self.gain = fits.min(before * RELEASE).min(1.0);
        if before < 1.0 || self.gain < 1.0 {
            // Down within an eighth of the frame, up over all of it: no step to hear.
            let pairs = frame.len() / 2;
            let ramp = if self.gain < before { pairs / 8 } else { pairs }.max(1);
            for (at, pair) in frame.chunks_exact_mut(2).enumerate() {
                let part = (at as f32 / ramp as f32).min(1.0);
                let gain = before + (self.gain - before) * part;
                pair[0] *= gain;
                pair[1] *= gain;
            }
        }
        // What the ramp was too late for.
        if peak > CEILING {
            self.clip.apply(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits_is_left_alone() {
        let mut limiter = Limiter::new();
        let frame: Vec<f32> = (0..1920).map(|i| (i as f32 * 0.01).sin() * 0.9).collect();
        let mut after = frame.clone();
        limiter.apply(&mut after);
        assert_eq!(frame, after);
    }

    #[test]
    fn a_shout_is_turned_down_not_cut_and_quiet_comes_back() {
        let mut limiter = Limiter::new();
        let loud: Vec<f32> = (0..1920).map(|i| (i as f32 * 0.02).sin() * 3.0).collect();
        let mut frame = loud.clone();
        for _ in 0..5 {
            frame = loud.clone();
            limiter.apply(&mut frame);
        }
        // The shape is that of the input: nothing stands flat at the top.
        for (x, y) in loud.iter().zip(&frame) {
            assert!((x * CEILING / 3.0 - y).abs() < 0.01, "{x} {y}");
        }
        let mut quiet = vec![0.1; 1920];
        for _ in 0..200 {
            quiet = vec![0.1; 1920];
            limiter.apply(&mut quiet);
        }
        assert_eq!(quiet[1919], 0.1);
    }

    proptest! {
        #[test]
        fn everything_fits(seed in proptest::collection::vec(-8.0_f32..8.0, 64), times in 1_usize..6) {
            let mut limiter = Limiter::new();
            for _ in 0..times {
                let mut frame: Vec<f32> = seed.iter().cycle().take(1920).copied().collect();
                limiter.apply(&mut frame);
                prop_assert!(frame.iter().all(|x| x.abs() <= 1.0));
            }
        }
    }
}
