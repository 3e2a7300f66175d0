//! One file: clusters that are written whole, indexes.
//!
//! The present cluster is kept in memory, two seconds at most, also when it was flushed; what is in the
//! file can be played. Where there is no picture yet, room for one is kept every ten seconds, for the case
//! that one comes later: players want a picture track to begin with the sound, and seek by its key frames.

use std::io::{self, Seek, SeekFrom, Write};

use super::ebml::{self, id};
use super::head::{AUDIO_TRACK, Head, VIDEO_TRACK, segment_start};
use crate::video::still::{STILL, STILL_SIZE};

/// A cluster is closed after so many ms …
const CLUSTER_MS: u64 = 2_000;
/// … or bytes.
const CLUSTER_BYTES: usize = 512 * 1024;
/// A key frame begins a cluster, but no cluster is shorter than this, ms, for it.
const CLUSTER_MS_MIN: u64 = 500;
/// ms between entries of the index where there are no key frames.
const CUE_MS: u64 = 5_000;
/// ms between stills, and the room kept for them.
pub(crate) const STILL_MS: u64 = 10_000;
/// Bytes before a cluster's first block: id, size, timestamp.
const CLUSTER_HEAD: u64 = 4 + 8 + 10;
/// Bytes of a block's track, time and flags.
const BLOCK_HEAD: usize = 4;
/// Bytes of an entry of the index, at most.
const CUE_BYTES: u64 = 32;

/// A file that is being written. All times are ms from its beginning.
pub(crate) struct WebmFile<F> {
    file: F,
    head: Head,
    /// Bytes in the file, without what was flushed of the present cluster.
    length: u64,
    cluster: Option<Cluster>,
    /// Of the clusters at which a player can begin: ms, position in the file.
    index: Vec<(u64, u64)>,
    /// Where room for a still is kept: ms, position of the cluster.
    kept: Vec<(u64, u64)>,
    scratch: Vec<u8>,
}

struct Cluster {
    start: u64,
    blocks: Vec<u8>,
    /// Begins with a key frame.
    key: bool,
    /// Begins with room for a still.
    kept: bool,
}

impl<F: Write + Seek> WebmFile<F> {
    /// Begins a file; `video`: it begins with a key frame not larger than this.
    pub(crate) fn new(mut file: F, pre_skip: u16, video: Option<(u16, u16)>) -> io::Result<Self> {
        let head = Head {
            pre_skip,
            video,
            duration_ms: 0,
            cues_at: None,
            segment_bytes: None,
        };
        let bytes = head.bytes();
        file.write_all(&bytes)?;
        Ok(Self {
            file,
            head,
            length: bytes.len() as u64,
            cluster: None,
            index: Vec::new(),
            kept: Vec::new(),
            scratch: Vec::new(),
        })
    }

    pub(crate) fn has_video(&self) -> bool {
        self.head.video.is_some()
    }

    /// Bytes of the file if it is finished after another `more`.
    pub(crate) fn bytes_with(&self, more: u64) -> u64 {
        let pending = self.cluster.as_ref().map_or(0, |it| it.blocks.len() as u64);
        let cues = (self.index.len() + self.kept.len() + 2) as u64 * CUE_BYTES;
        let block = BLOCK_HEAD as u64 + 9;
        self.length + 2 * (CLUSTER_HEAD + kept_room() as u64) + pending + more + block + cues
    }

    /// An Opus packet.
    pub(crate) fn audio(&mut self, ms: u64, packet: &[u8]) -> io::Result<()> {
        self.make_room(ms, packet.len(), false)?;
        self.block(AUDIO_TRACK, ms, true, packet);
        self.head.duration_ms = self.head.duration_ms.max(ms + 20);
        Ok(())
    }

    /// A VP8 frame; `size`: of a key frame.
    pub(crate) fn video(
        &mut self,
        ms: u64,
        size: Option<(u16, u16)>,
        frame: &[u8],
    ) -> io::Result<()> {
        if let Some((width, height)) = size {
            match self.head.video {
                None => self.begin_video((width, height))?,
                Some((w, h)) if w < width || h < height => {
                    self.head.video = Some((w.max(width), h.max(height)));
                    self.patch_head()?;
                }
                Some(_) => {}
            }
        }
        self.make_room(ms, frame.len(), size.is_some())?;
        self.block(VIDEO_TRACK, ms, size.is_some(), frame);
        Ok(())
    }

    /// What was given so far can be played afterwards. The present cluster is written as it is, and once
    /// more, longer, in the same place when it is closed: what comes out does not depend on flushes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(cluster) = self.cluster.take() {
            self.write_cluster(&cluster)?;
            self.cluster = Some(cluster);
            self.patch_head()?;
        }
        self.file.flush()
    }

    /// Completes the file. Returns how long it plays, ms.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.close_cluster()?;
        let track = if self.has_video() {
            VIDEO_TRACK
        } else {
            AUDIO_TRACK
        };
        let segment = segment_start();
        if !self.index.is_empty() {
            let mut cues = Vec::new();
            ebml::master(&mut cues, id::CUES, |out| {
                for &(ms, position) in &self.index {
                    ebml::master(out, id::CUE_POINT, |out| {
                        ebml::uint(out, id::CUE_TIME, ms);
                        ebml::master(out, id::CUE_TRACK_POSITIONS, |out| {
                            ebml::uint(out, id::CUE_TRACK, track.into());
                            ebml::uint(out, id::CUE_CLUSTER_POSITION, position - segment);
                        });
                    });
                }
            });
            self.file.write_all(&cues)?;
            self.head.cues_at = Some(self.length - segment);
            self.length += cues.len() as u64;
        }
        self.head.segment_bytes = Some(self.length - segment);
        self.patch_head()?;
        self.file.flush()?;
        Ok(self.head.duration_ms)
    }

    /// The first picture: the track is told of, and all room kept is used.
    fn begin_video(&mut self, size: (u16, u16)) -> io::Result<()> {
        self.close_cluster()?;
        let (width, height) = if self.kept.is_empty() {
            size
        } else {
            (size.0.max(STILL_SIZE.0), size.1.max(STILL_SIZE.1))
        };
        self.head.video = Some((width, height));
        let mut still = Vec::new();
        write_block(&mut still, VIDEO_TRACK, 0, true, &STILL);
        for &(_, position) in &self.kept {
            self.file.seek(SeekFrom::Start(position + CLUSTER_HEAD))?;
            self.file.write_all(&still)?;
        }
        self.index = std::mem::take(&mut self.kept);
        self.patch_head()
    }

    /// Closes the cluster if a block of `bytes` at `ms` belongs into the next one.
    fn make_room(&mut self, ms: u64, bytes: usize, key: bool) -> io::Result<()> {
        if let Some(cluster) = &self.cluster {
            let age = ms.saturating_sub(cluster.start);
            let full = cluster.blocks.len() + bytes > CLUSTER_BYTES;
            if age >= CLUSTER_MS || full || key && age >= CLUSTER_MS_MIN {
                self.close_cluster()?;
            }
        }
        if self.cluster.is_none() {
            let kept = !self.has_video()
                && self
                    .kept
                    .last()
                    .is_none_or(|(last, _)| ms - last.min(&ms) >= STILL_MS);
            let mut blocks = Vec::with_capacity(16 * 1024);
            if kept {
                ebml::void(&mut blocks, kept_room());
            }
            self.cluster = Some(Cluster {
                start: ms,
                blocks,
                key,
                kept,
            });
        }
        Ok(())
    }

    fn block(&mut self, track: u8, ms: u64, key: bool, data: &[u8]) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        let relative = ms as i64 - cluster.start as i64;
        // Within a cluster's length, see `make_room`.
        write_block(&mut cluster.blocks, track, relative as i16, key, data);
    }

    fn close_cluster(&mut self) -> io::Result<()> {
        let Some(cluster) = self.cluster.take() else {
            return Ok(());
        };
        let position = self.length;
        self.length += self.write_cluster(&cluster)?;
        if cluster.kept {
            self.kept.push((cluster.start, position));
        }
        let last = self.index.last().map(|(ms, _)| *ms);
        let far = last.is_none_or(|last| cluster.start >= last + CUE_MS);
        if if self.has_video() { cluster.key } else { far } {
            self.index.push((cluster.start, position));
        }
        Ok(())
    }

    /// Writes it where the file is. Returns its bytes.
    fn write_cluster(&mut self, cluster: &Cluster) -> io::Result<u64> {
        let bytes = &mut self.scratch;
        bytes.clear();
        ebml::write_id(bytes, id::CLUSTER);
        bytes.extend_from_slice(&ebml::long_size(10 + cluster.blocks.len() as u64));
        ebml::binary(bytes, id::TIMESTAMP, &cluster.start.to_be_bytes());
        bytes.extend_from_slice(&cluster.blocks);
        self.file.write_all(bytes)?;
        Ok(bytes.len() as u64)
    }

    fn patch_head(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.head.bytes())?;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }
}

fn write_block(out: &mut Vec<u8>, track: u8, relative: i16, key: bool, data: &[u8]) {
    ebml::write_id(out, id::SIMPLE_BLOCK);
    ebml::write_size(out, (BLOCK_HEAD + data.len()) as u64);
    out.push(0x80 | track);
    out.extend_from_slice(&relative.to_be_bytes());
    out.push(if key { 0x80 } else { 0 });
    out.extend_from_slice(data);
}

/// Bytes of a block with the still.
fn kept_room() -> usize {
    let data = BLOCK_HEAD + STILL.len();
    1 + if data < 127 { 1 } else { 2 } + data
}
