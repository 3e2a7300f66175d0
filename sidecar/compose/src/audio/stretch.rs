//! Samples made a little more or fewer, too few to hear.

/// Resamples `input` (interleaved) by linear interpolation to `frames` samples per channel, appended to
/// `output`. For changes of a percent or less.
pub(crate) fn stretch(input: &[f32], channels: usize, frames: usize, output: &mut Vec<f32>) {
    let have = input.len() / channels;
    if have == frames || have < 2 || frames < 2 {
        output.extend_from_slice(input);
        return;
    }
    // First and last sample stay where they are.
    let step = (have - 1) as f64 / (frames - 1) as f64;
    for frame in 0..frames {
        let position = frame as f64 * step;
        let left = (position as usize).min(have - 2);
        let part = (position - left as f64) as f32;
        for channel in 0..channels {
            let a = input[left * channels + channel];
            let b = input[(left + 1) * channels + channel];
            output.push(a + (b - a) * part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stays_a_tone() {
        let tone = |count: usize| -> Vec<f32> {
            (0..count)
                .flat_map(|i| {
                    let x = (i as f32 / (count - 1) as f32 * 60.0).sin();
                    [x, -x]
                })
                .collect()
        };
        for frames in [950, 960, 969] {
            let mut output = Vec::new();
            stretch(&tone(960), 2, frames, &mut output);
            assert_eq!(output.len(), frames * 2);
            for (a, b) in output.iter().zip(tone(frames)) {
                assert!((a - b).abs() < 0.002, "{a} {b}");
            }
        }
    }
}
