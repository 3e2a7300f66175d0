//! The sum of all sounds, encoded in frames of 20 ms from the recording's zero without a gap.

use std::io;

use opus::{Application, Bitrate, Channels, Encoder};

use super::FRAME;
use super::limiter::Limiter;

/// Bits per second: stereo of a shared screen and voices, transparent for speech.
const BITRATE: i32 = 64_000;
/// 0 to 10. From 6 on libopus analyses the signal, which doubles its cost and helps low bit rates only.
const COMPLEXITY: i32 = 5;
/// A packet up to this many bytes says that there is nothing (RFC 6716 section 4.3: the silence flag).
const SILENCE_BYTES: usize = 4;
/// After so many of them the encoder's state stands still: its packet is repeated without it, which
/// makes hours of silence cost nothing.
const SETTLED: u32 = 5;
/// Bytes of the largest packet.
const PACKET_MAX: usize = 1276;

/// Adds up and encodes.
pub(crate) struct Mixer {
    sum: Vec<f32>,
    limiter: Limiter,
    encoder: Encoder,
    packet: [u8; PACKET_MAX],
    length: usize,
    silent: u32,
    loud: bool,
}

impl Mixer {
    pub(crate) fn new() -> io::Result<Self> {
        let new = || {
            let mut encoder =
                Encoder::new(super::RATE as u32, Channels::Stereo, Application::Audio)?;
            encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
            encoder.set_complexity(COMPLEXITY)?;
            // What is quieter than the last of 16 bits is silence.
            encoder.set_lsb_depth(16)?;
            Ok(encoder)
        };
        Ok(Self {
            sum: vec![0.0; FRAME * 2],
            limiter: Limiter::new(),
            encoder: new().map_err(failed)?,
            packet: [0; PACKET_MAX],
            length: 0,
            silent: 0,
            loud: false,
        })
    }

    /// Samples per channel by which decoded sound is late (RFC 7845 section 4.2).
    pub(crate) fn pre_skip(&mut self) -> io::Result<u16> {
        self.encoder
            .get_lookahead()
            .map(|samples| samples.clamp(0, 4_000) as u16)
            .map_err(failed)
    }

    /// The buffer for the next frame, interleaved stereo: add to it.
    pub(crate) fn sum(&mut self) -> &mut [f32] {
        self.loud = true;
        &mut self.sum
    }

    /// The next frame, encoded; the sum begins anew.
    pub(crate) fn encode(&mut self) -> io::Result<&[u8]> {
        let heard = self.loud && self.sum.iter().any(|&x| x != 0.0);
        self.loud = false;
        if heard {
            self.limiter.apply(&mut self.sum);
            self.silent = 0;
        }
        if self.silent < SETTLED {
            self.length = self
                .encoder
                .encode_float(&self.sum, &mut self.packet)
                .map_err(failed)?;
            let nothing = !heard && self.length <= SILENCE_BYTES;
            self.silent = if nothing { self.silent + 1 } else { 0 };
        }
        if heard {
            self.sum.fill(0.0);
        }
        Ok(&self.packet[..self.length])
    }
}

/// libopus refuses only what it is not given here, and memory.
fn failed(error: opus::Error) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus::Decoder;

    /// The repeated packet leaves decoders in the state in which the encoder is.
    #[test]
    fn sound_after_a_long_silence_is_as_it_was() {
        let mut mixer = Mixer::new().unwrap();
        let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        let tone = |i: usize| (i as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.3;
        let mut heard = Vec::new();
        for frame in 0..600 {
            if !(100..500).contains(&frame) {
                for (i, pair) in mixer.sum().chunks_exact_mut(2).enumerate() {
                    pair.fill(tone(frame * FRAME + i));
                }
            }
            let packet = mixer.encode().unwrap();
            assert!(
                !(200..500).contains(&frame) || packet.len() <= SILENCE_BYTES,
                "silence is small"
            );
            let mut out = [0.0; FRAME * 2];
            decoder.decode_float(packet, &mut out, false).unwrap();
            heard.extend(out.chunks_exact(2).map(|pair| pair[0]));
        }
        let late = usize::from(mixer.pre_skip().unwrap());
        let error = |from: usize, to: usize| {
            (from * FRAME..to * FRAME)
                .map(|i| (heard[i] - tone(i - late)).powi(2))
                .sum::<f32>()
                / ((to - from) * FRAME) as f32
        };
        assert!(error(50, 99) < 2e-4, "{}", error(50, 99));
        assert!(error(501, 520) < 2e-4, "{}", error(501, 520));
        assert!(
            heard[200 * FRAME..499 * FRAME]
                .iter()
                .all(|x| x.abs() < 1e-4)
        );
    }
}
