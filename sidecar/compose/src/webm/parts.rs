//! One file after the other: each plays by itself, begins at 0, and stays below a size.

use std::io;

use super::file::{STILL_MS, WebmFile};
use crate::video::Frame;
use crate::video::still::{STILL, STILL_SIZE};
use crate::{FinishedFile, Lost, Options, Parts};

/// Bytes below which no limit makes sense: a key frame and a second of sound fit.
const LIMIT_MIN: u64 = 256 * 1024;
/// A picture whose time would be wrong by more than this, ms, is left out instead.
const AHEAD_MAX: u64 = 250;

/// Where sound and pictures go, in the order of their times.
pub(crate) struct Output<P: Parts> {
    pub(crate) parts: P,
    /// 0: none.
    bytes_max: u64,
    pre_skip: u16,
    file: Option<WebmFile<P::File>>,
    /// The present file's name, and its beginning on the timeline, ms.
    name: String,
    start: u64,
    /// Time of the last block, and of the last picture, ms.
    last: u64,
    last_picture: Option<u64>,
    /// Pictures are left out until a key frame.
    needs_key: bool,
    /// Bytes since the last key frame, and the most that there were between two of this file.
    run: u64,
    run_max: u64,
    finished: Vec<FinishedFile>,
}

impl<P: Parts> Output<P> {
    pub(crate) fn new(parts: P, options: Options, pre_skip: u16) -> Self {
        let bytes_max = match options.bytes_max {
            0 => 0,
            limit => limit.max(LIMIT_MIN),
        };
        Self {
            parts,
            bytes_max,
            pre_skip,
            file: None,
            name: String::new(),
            start: 0,
            last: 0,
            last_picture: None,
            needs_key: false,
            run: 0,
            run_max: 0,
            finished: Vec::new(),
        }
    }

    /// 20 ms of sound at `at` µs.
    pub(crate) fn audio(&mut self, at: i64, packet: &[u8]) -> io::Result<()> {
        let ms = (at / 1_000) as u64;
        if !self.fits(packet.len() as u64) {
            self.split(ms)?;
        }
        self.run += packet.len() as u64;
        let start = self.start;
        self.opened(ms)?.audio(ms - start.min(ms), packet)?;
        self.last = ms;
        Ok(())
    }

    /// A frame captured at `at` µs.
    pub(crate) fn frame(&mut self, at: i64, frame: &Frame, lost: &mut Lost) -> io::Result<()> {
        if self.needs_key && frame.key.is_none() {
            lost.video_frames += 1;
            return Ok(());
        }
        self.needs_key = false;
        if !self.picture(at, frame.key, &frame.data)? {
            self.needs_key = true;
            lost.video_frames += 1;
        }
        Ok(())
    }

    /// A still at `at` µs, if there are pictures at all.
    pub(crate) fn still(&mut self, at: i64) -> io::Result<()> {
        if self.last_picture.is_some() {
            self.picture(at, Some(STILL_SIZE), &STILL)?;
            self.needs_key = true;
        }
        Ok(())
    }

    /// The last still is long ago.
    pub(crate) fn wants_still(&self, at: i64) -> bool {
        self.last_picture
            .is_some_and(|last| (at / 1_000) as u64 >= last + STILL_MS)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }

    /// Completes the last file.
    pub(crate) fn finish(&mut self) -> io::Result<Vec<FinishedFile>> {
        self.close()?;
        Ok(std::mem::take(&mut self.finished))
    }

    /// False: there is no place for it.
    fn picture(&mut self, at: i64, size: Option<(u16, u16)>, data: &[u8]) -> io::Result<bool> {
        let bytes = data.len() as u64;
        if self.bytes_max > 0 && bytes > LIMIT_MIN / 2 && bytes > self.bytes_max / 2 {
            return Ok(false);
        }
        let wish = (at / 1_000) as u64;
        let ms = wish
            .max(self.last)
            .max(self.last_picture.map_or(0, |last| last + 1));
        if ms > wish.max(self.last) + AHEAD_MAX {
            return Ok(false);
        }
        if size.is_some() {
            self.run_max = self.run_max.max(self.run);
            self.run = 0;
            if self.file.is_some() && !self.fits(bytes + self.run_max + self.run_max / 4) {
                self.close()?;
            }
        } else if !self.fits(bytes) {
            self.split(ms)?;
            return Ok(false);
        }
        self.run += bytes;
        self.last_picture = Some(ms);
        self.last = self.last.max(ms);
        let video = size;
        let start = match &self.file {
            Some(_) => self.start,
            None => ms,
        };
        self.opened_with(ms, video)?
            .video(ms - start.min(ms), size, data)?;
        Ok(true)
    }

    fn fits(&self, bytes: u64) -> bool {
        let Some(file) = &self.file else { return true };
        self.bytes_max == 0 || file.bytes_with(bytes) < self.bytes_max
    }

    /// Closes the file where no key frame is: the next one begins with a still, if with a picture.
    fn split(&mut self, ms: u64) -> io::Result<()> {
        self.close()?;
        self.last = self.last.max(ms);
        self.still(ms as i64 * 1_000)
    }

    fn opened(&mut self, ms: u64) -> io::Result<&mut WebmFile<P::File>> {
        self.opened_with(ms, None)
    }

    fn opened_with(
        &mut self,
        ms: u64,
        video: Option<(u16, u16)>,
    ) -> io::Result<&mut WebmFile<P::File>> {
        match &mut self.file {
            Some(file) => Ok(file),
            empty => {
                self.name = match self.finished.len() {
                    0 => "recording.webm".to_owned(),
                    before => format!("recording-{}.webm", before + 1),
                };
                self.start = ms;
                let file = self.parts.create(&self.name)?;
                Ok(empty.insert(WebmFile::new(file, self.pre_skip, video)?))
            }
        }
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        self.run = 0;
        self.run_max = 0;
        let content_type = if file.has_video() {
            "video/webm"
        } else {
            "audio/webm"
        };
        let duration_ms = file.finish()?;
        self.finished.push(FinishedFile {
            name: std::mem::take(&mut self.name),
            content_type,
            duration_ms,
            starts_at_ms: self.start,
        });
        Ok(())
    }
}
