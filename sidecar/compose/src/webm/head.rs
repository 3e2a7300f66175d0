//! What stands before the clusters, and is written again when more is known.

use super::ebml::{self, id};

/// Numbers of the tracks.
pub(crate) const AUDIO_TRACK: u8 = 1;
/// See [`AUDIO_TRACK`].
pub(crate) const VIDEO_TRACK: u8 = 2;

/// Decoders need this much before a seek's target to converge, ns (RFC 7845 section 4.6).
const SEEK_PRE_ROLL: u64 = 80_000_000;
/// Room that is kept for the three elements that are written again.
const SEEK_HEAD_BYTES: usize = 128;
const INFO_BYTES: usize = 96;
const TRACKS_BYTES: usize = 256;

/// What is known of a file so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Samples at 48 kHz that decoders drop at the beginning.
    pub(crate) pre_skip: u16,
    /// The largest picture so far; `None`: no picture yet.
    pub(crate) video: Option<(u16, u16)>,
    /// 0: not known.
    pub(crate) duration_ms: u64,
    /// Of the cues, in the segment.
    pub(crate) cues_at: Option<u64>,
    /// Of the segment's contents, once they are complete.
    pub(crate) segment_bytes: Option<u64>,
}

/// Bytes before the segment's contents.
pub(crate) fn segment_start() -> u64 {
    (ebml_header().len() + 4 + ebml::UNKNOWN_SIZE.len()) as u64
}

impl Head {
    /// From the file's first byte to the first cluster; always the same length.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = ebml_header();
        ebml::write_id(&mut out, id::SEGMENT);
        out.extend_from_slice(
            &self
                .segment_bytes
                .map_or(ebml::UNKNOWN_SIZE, ebml::long_size),
        );
        padded(&mut out, SEEK_HEAD_BYTES, |out| self.seek_head(out));
        padded(&mut out, INFO_BYTES, |out| self.info(out));
        padded(&mut out, TRACKS_BYTES, |out| self.tracks(out));
        out
    }

    fn seek_head(&self, out: &mut Vec<u8>) {
        let info = SEEK_HEAD_BYTES as u64;
        let entries = [
            (id::INFO, Some(info)),
            (id::TRACKS, Some(info + INFO_BYTES as u64)),
            (id::CUES, self.cues_at),
        ];
        ebml::master(out, id::SEEK_HEAD, |out| {
            for (which, position) in entries {
                let Some(position) = position else { continue };
                ebml::master(out, id::SEEK, |out| {
                    ebml::binary(out, id::SEEK_ID, &which.to_be_bytes());
                    ebml::uint(out, id::SEEK_POSITION, position);
                });
            }
        });
    }

    fn info(&self, out: &mut Vec<u8>) {
        ebml::master(out, id::INFO, |out| {
            ebml::uint(out, id::TIMESTAMP_SCALE, 1_000_000);
            if self.duration_ms > 0 {
                ebml::float(out, id::DURATION, self.duration_ms as f64);
            }
            ebml::binary(out, id::MUXING_APP, b"Parley");
            ebml::binary(out, id::WRITING_APP, b"Parley");
        });
    }

    fn tracks(&self, out: &mut Vec<u8>) {
        ebml::master(out, id::TRACKS, |out| {
            track(out, AUDIO_TRACK, 2, b"A_OPUS", |out| {
                ebml::binary(out, id::CODEC_PRIVATE, &self.opus_head());
                let delay = u64::from(self.pre_skip) * 1_000_000_000 / 48_000;
                ebml::uint(out, id::CODEC_DELAY, delay);
                ebml::uint(out, id::SEEK_PRE_ROLL, SEEK_PRE_ROLL);
                ebml::master(out, id::AUDIO, |out| {
                    ebml::float(out, id::SAMPLING_FREQUENCY, 48_000.0);
                    ebml::uint(out, id::CHANNELS, 2);
                });
            });
            if let Some((width, height)) = self.video {
                track(out, VIDEO_TRACK, 1, b"V_VP8", |out| {
                    ebml::master(out, id::VIDEO, |out| {
                        ebml::uint(out, id::PIXEL_WIDTH, width.into());
                        ebml::uint(out, id::PIXEL_HEIGHT, height.into());
                    });
                });
            }
        });
    }

    /// RFC 7845 section 5.1.
    fn opus_head(&self) -> [u8; 19] {
        let mut head = *b"OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00";
        head[10..12].copy_from_slice(&self.pre_skip.to_le_bytes());
        head
    }
}

fn ebml_header() -> Vec<u8> {
    let mut out = Vec::new();
    ebml::master(&mut out, id::EBML, |out| {
        ebml::uint(out, id::EBML_VERSION, 1);
        ebml::uint(out, id::EBML_READ_VERSION, 1);
        ebml::uint(out, id::EBML_MAX_ID_LENGTH, 4);
        ebml::uint(out, id::EBML_MAX_SIZE_LENGTH, 8);
        ebml::binary(out, id::DOC_TYPE, b"webm");
        ebml::uint(out, id::DOC_TYPE_VERSION, 4);
        ebml::uint(out, id::DOC_TYPE_READ_VERSION, 2);
    });
    out
}

fn track(out: &mut Vec<u8>, number: u8, kind: u64, codec: &[u8], fill: impl FnOnce(&mut Vec<u8>)) {
    ebml::master(out, id::TRACK_ENTRY, |out| {
        ebml::uint(out, id::TRACK_NUMBER, number.into());
        ebml::uint(out, id::TRACK_UID, number.into());
        ebml::uint(out, id::TRACK_TYPE, kind);
        ebml::uint(out, id::FLAG_LACING, 0);
        ebml::binary(out, id::CODEC_ID, codec);
        fill(out);
    });
}

/// An element, and nothing after it up to `room`.
fn padded(out: &mut Vec<u8>, room: usize, fill: impl FnOnce(&mut Vec<u8>)) {
    let end = out.len() + room;
    fill(out);
    // Two bytes are the least that a void takes; the elements above leave far more.
    ebml::void(out, end.saturating_sub(out.len()).max(2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_known_takes_the_same_room() {
        let least = Head {
            pre_skip: 312,
            video: None,
            duration_ms: 0,
            cues_at: None,
            segment_bytes: None,
        };
        let most = Head {
            pre_skip: 4_000,
            video: Some((16_383, 16_383)),
            duration_ms: u64::MAX,
            cues_at: Some(u64::MAX >> 8),
            segment_bytes: Some(u64::MAX >> 9),
        };
        let expected = segment_start() as usize + SEEK_HEAD_BYTES + INFO_BYTES + TRACKS_BYTES;
        assert_eq!(least.bytes().len(), expected);
        assert_eq!(most.bytes().len(), expected);
    }
}
