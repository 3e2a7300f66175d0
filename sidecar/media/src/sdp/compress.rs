//! `{type, sdp}` as JSON and as zlib of that, with limits that hold while inflating.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};

/// Output may be at most so many times the input: an honest 68 KB offer is 23 times its 2.9 KB.
pub const INFLATE_RATIO_MAX: usize = 128;

/// Offer or answer; the other kinds of JSEP are not used in this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionKind {
    /// A proposal.
    Offer,
    /// The reply to one.
    Answer,
}

/// A session description as signalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    #[serde(rename = "type")]
    pub kind: DescriptionKind,
    /// Unchecked text, see [`super::validate`].
    pub sdp: String,
}

/// Why a signalled description was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Larger than allowed, or inflates to more.
    #[error("description is too large")]
    TooLarge,
    /// Not zlib, or cut off.
    #[error("description is not zlib data")]
    NotZlib,
    /// Not JSON `{type, sdp}` with type `offer` or `answer`.
    #[error("description is not JSON of type and sdp")]
    NotJson,
}

impl Description {
    /// From JSON text of at most `bytes_max`.
    pub fn from_json(json: &[u8], bytes_max: usize) -> Result<Self, DescriptionError> {
        if json.len() > bytes_max {
            return Err(DescriptionError::TooLarge);
        }
        serde_json::from_slice(json).map_err(|_| DescriptionError::NotJson)
    }

    /// From zlib data that inflates to at most `bytes_max`.
    pub fn from_zlib(data: &[u8], bytes_max: usize) -> Result<Self, DescriptionError> {
        Self::from_json(&inflate(data, bytes_max)?, bytes_max)
    }

    /// As [`Self::from_zlib`], by a decompressor that is there already.
    pub fn from_zlib_by(
        data: &[u8],
        bytes_max: usize,
        inflater: &mut Inflater,
    ) -> Result<Self, DescriptionError> {
        Self::from_json(&inflater.inflate(data, bytes_max)?, bytes_max)
    }

    /// JSON text, as `signal` events carry it.
    pub fn to_json(&self) -> String {
        // A struct of a name and a string has no way to fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// zlib of the JSON, as the data channel carries it.
    pub fn to_zlib(&self) -> Vec<u8> {
        deflate(self.to_json().as_bytes())
    }

    /// As [`Self::to_zlib`], by a compressor that is there already.
    pub fn to_zlib_by(&self, deflater: &mut Deflater) -> Vec<u8> {
        deflater.deflate(self.to_json().as_bytes())
    }
}

/// Inflates zlib data, stopping at `bytes_max` of output and at [`INFLATE_RATIO_MAX`].
///
/// Bytes after the end of the stream are refused: they are no part of a description.
pub fn inflate(data: &[u8], bytes_max: usize) -> Result<Vec<u8>, DescriptionError> {
    Inflater::default().inflate(data, bytes_max)
}

/// A decompressor to be used again and again: its window takes tens of kilobytes.
#[derive(Debug)]
pub struct Inflater {
    decoder: Decompress,
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            decoder: Decompress::new(true),
        }
    }
}

impl Inflater {
    /// See [`inflate`].
    pub fn inflate(&mut self, data: &[u8], bytes_max: usize) -> Result<Vec<u8>, DescriptionError> {
        let limit = bytes_max.min(data.len().saturating_mul(INFLATE_RATIO_MAX));
        let decoder = &mut self.decoder;
        decoder.reset(true);
        // Grown step by step: a small bomb costs little even though its limit is large. One byte more
        // than the limit tells "exactly full" from "too much".
        let mut output = Vec::with_capacity(STEP_BYTES.min(limit + 1));
        loop {
            let read = usize::try_from(decoder.total_in()).unwrap_or(usize::MAX);
            let rest = data.get(read..).unwrap_or_default();
            let status = decoder
                .decompress_vec(rest, &mut output, FlushDecompress::None)
                .map_err(|_| DescriptionError::NotZlib)?;
            if output.len() > limit {
                return Err(DescriptionError::TooLarge);
            }
            if status == Status::StreamEnd {
                let whole = decoder.total_in() == data.len() as u64;
                return whole.then_some(output).ok_or(DescriptionError::NotZlib);
            }
            if output.len() < output.capacity() {
                // There was room, so all input is used up, yet the stream has not ended.
                return Err(DescriptionError::NotZlib);
            }
            output.reserve_exact(output.len().min(limit + 1 - output.len()));
        }
    }
}

/// First size of the output buffer.
const STEP_BYTES: usize = 4 * 1024;

/// Compresses to zlib data.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let encoder = Compress::new(Compression::default(), true);
    Deflater { encoder }.deflate(bytes)
}

/// A compressor to be used again and again: making one costs more than a description does, for its tables
/// take 300 KB. Fast rather than small: descriptions repeat themselves so much that it makes a few hundred
/// bytes of difference.
#[derive(Debug)]
pub struct Deflater {
    encoder: Compress,
}

impl Default for Deflater {
    fn default() -> Self {
        Self {
            encoder: Compress::new(Compression::fast(), true),
        }
    }
}

impl Deflater {
    /// Compresses to zlib data of its own.
    pub fn deflate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let encoder = &mut self.encoder;
        encoder.reset();
        let mut output = Vec::with_capacity(bytes.len() / 4 + 64);
        loop {
            let read = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
            let rest = bytes.get(read..).unwrap_or_default();
            match encoder.compress_vec(rest, &mut output, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return output,
                // The buffer is full: deflate itself cannot fail on any input.
                _ => output.reserve(STEP_BYTES),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 256 * 1024;

    #[test]
    fn reads_the_clients_json_and_refuses_other_kinds() {
        let description =
            Description::from_json(br#"{"type":"offer","sdp":"v=0\r\n"}"#, LIMIT).unwrap();
        assert_eq!(description.kind, DescriptionKind::Offer);
        assert_eq!(description.sdp, "v=0\r\n");
        assert_eq!(description.to_json(), r#"{"type":"offer","sdp":"v=0\r\n"}"#);
        for bad in [
            "",
            "{}",
            r#"{"type":"rollback","sdp":""}"#,
            r#"{"type":"offer","sdp":1}"#,
        ] {
            assert_eq!(
                Description::from_json(bad.as_bytes(), LIMIT),
                Err(DescriptionError::NotJson)
            );
        }
        let deep = "[".repeat(100_000);
        assert_eq!(
            Description::from_json(deep.as_bytes(), LIMIT),
            Err(DescriptionError::NotJson)
        );
        let long = " ".repeat(LIMIT + 1);
        assert_eq!(
            Description::from_json(long.as_bytes(), LIMIT),
            Err(DescriptionError::TooLarge)
        );
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        for megabytes in [1, 16, 64] {
            let bomb = deflate(&vec![0; megabytes << 20]);
            let mut inflater = Inflater::default();
            let refused = inflater.inflate(&bomb, LIMIT);
            assert_eq!(refused, Err(DescriptionError::TooLarge));
            // What it would go on to is never made.
            let made = inflater.decoder.total_out();
            assert!(made <= 2 * LIMIT as u64, "{made}");
        }
        let ratio = deflate(&vec![b'a'; LIMIT - 1]);
        assert!(
            ratio.len() * INFLATE_RATIO_MAX < LIMIT,
            "compresses beyond the ratio"
        );
        assert_eq!(inflate(&ratio, LIMIT), Err(DescriptionError::TooLarge));
    }

    #[test]
    fn exactly_the_limit_passes_and_cut_or_padded_streams_do_not() {
        let noise: Vec<u8> = (0..5000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let packed = deflate(&noise);
        assert_eq!(inflate(&packed, noise.len()), Ok(noise.clone()));
        assert_eq!(
            inflate(&packed, noise.len() - 1),
            Err(DescriptionError::TooLarge)
        );
        assert_eq!(
            inflate(&packed[..packed.len() - 1], LIMIT),
            Err(DescriptionError::NotZlib)
        );
        assert_eq!(
            inflate(&[packed, vec![0]].concat(), LIMIT),
            Err(DescriptionError::NotZlib)
        );
        assert_eq!(inflate(b"", LIMIT), Err(DescriptionError::NotZlib));
    }

    proptest! {
        #[test]
        fn survives_the_round_trip(data in proptest::collection::vec(any::<u8>(), 0..20_000)) {
            prop_assert_eq!(inflate(&deflate(&data), LIMIT), Ok(data));
        }

        #[test]
        fn a_used_compressor_remembers_nothing(
            texts in proptest::collection::vec("[a-d\\r\\n=:]{0,9000}", 1..5),
        ) {
            let mut deflater = Deflater::default();
            for text in texts {
                let packed = deflater.deflate(text.as_bytes());
                prop_assert_eq!(&packed, &Deflater::default().deflate(text.as_bytes()));
                prop_assert_eq!(inflate(&packed, LIMIT), Ok(text.into_bytes()));
            }
        }

        #[test]
        fn a_used_decompressor_remembers_nothing(
            texts in proptest::collection::vec("[a-d]{0,3000}", 1..5), junk: Vec<u8>, cut in 0usize..40,
        ) {
            let mut inflater = Inflater::default();
            for text in texts {
                let packed = deflate(text.as_bytes());
                let part = &packed[..cut.min(packed.len())];
                for input in [&junk[..], part, &packed] {
                    prop_assert_eq!(inflater.inflate(input, LIMIT), inflate(input, LIMIT));
                }
            }
        }

        #[test]
        fn any_bytes_are_survived_within_the_limit(data: Vec<u8>, limit in 0usize..5000) {
            let framed = [b"\x78\x9c".as_slice(), &data].concat();
            for input in [&data, &framed] {
                if let Ok(output) = inflate(input, limit) {
                    prop_assert!(output.len() <= limit);
                }
            }
        }
    }
}
