//! Which track's frames are shown when.
//!
//! A [`Entry::Show`](parley_media::recording::Entry::Show) counts from the first key frame of its track
//! that was whole after it, at that frame's capture time; until then the old track goes on. Key frames
//! carry the number of the show that they may begin, so that differing delays cannot turn an order of
//! shows around.

use std::collections::{BTreeMap, VecDeque};

use parley_media::recording::{Media, TrackId};

use super::Frame;
use super::depack::Depacketizer;
use crate::Lost;
use crate::clock::{SessionClock, TrackClock};

/// Hz (RFC 7741 section 4.1).
const RATE: u32 = 90_000;
/// Bytes of whole frames that wait at most, per track.
const READY_BYTES_MAX: usize = 4 << 20;
/// Shows and ends that wait at most.
const TURNS_MAX: usize = 1_024;
/// µs that the last picture of an ended track stands while another one is awaited.
const LINGER: i64 = 1_500_000;

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A frame, captured at `at` µs.
    Frame { at: i64, frame: Frame },
    /// Nothing is shown from `at` µs on.
    Nothing { at: i64 },
}

/// See the module.
pub(crate) struct Stage {
    tracks: BTreeMap<TrackId, PictureTrack>,
    /// What was wanted last, and its number.
    wanted: Option<TrackId>,
    show: u64,
    /// What is shown, and the number of the show that began it.
    current: Option<TrackId>,
    current_show: u64,
    turns: VecDeque<Turn>,
    scratch: Vec<Frame>,
}

struct PictureTrack {
    clock: TrackClock,
    depacketizer: Depacketizer,
    /// With the show that the frame may begin.
    ready: VecDeque<(u64, Frame)>,
    ready_bytes: usize,
    /// The last one that left, µs.
    last: i64,
    /// Nothing comes any more.
    ended: bool,
}

/// Something that ends what is shown.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: i64,
    /// Ends shows up to this number …
    show: u64,
    /// … of this track only.
    track: Option<TrackId>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            tracks: BTreeMap::new(),
            wanted: None,
            show: 0,
            current: None,
            current_show: 0,
            turns: VecDeque::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, track: TrackId) {
        self.tracks.entry(track).or_insert_with(|| PictureTrack {
            clock: TrackClock::new(RATE),
            depacketizer: Depacketizer::new(),
            ready: VecDeque::new(),
            ready_bytes: 0,
            last: 0,
            ended: false,
        });
    }

    pub(crate) fn push(&mut self, session: &mut SessionClock, media: &Media<'_>, lost: &mut Lost) {
        let Some(track) = self.tracks.get_mut(&media.track) else {
            return;
        };
        let ticks = track.clock.observe(session, media.at.0, media.rtp);
        track.depacketizer.push(
            media.at.0,
            ticks,
            media.sequence,
            media.marker,
            media.payload,
            &mut self.scratch,
            lost,
        );
        let show = (self.wanted == Some(media.track)).then_some(self.show);
        track.keep(&mut self.scratch, show, lost);
    }

    pub(crate) fn report(
        &mut self,
        session: &mut SessionClock,
        track: TrackId,
        ntp: u64,
        rtp: u32,
    ) -> bool {
        self.tracks
            .get_mut(&track)
            .is_none_or(|track| track.clock.report(session, ntp, rtp))
    }

    pub(crate) fn show(&mut self, track: Option<TrackId>, at: u64) {
        if self.wanted == track {
            return;
        }
        self.wanted = track;
        if track.is_none() {
            self.turn(at as i64, None);
        }
        self.show += 1;
    }

    pub(crate) fn end(&mut self, track: TrackId, at: u64) {
        let at = at as i64;
        if let Some(track) = self.tracks.get_mut(&track) {
            track.ended = true;
        }
        let other = self.wanted.is_some_and(|wanted| wanted != track);
        self.turn(if other { at + LINGER } else { at }, Some(track));
        if self.wanted == Some(track) {
            self.wanted = None;
            self.show += 1;
        }
    }

    /// Nothing goes on here: every track needs a key frame.
    pub(crate) fn interrupt(&mut self, at: u64) {
        self.turn(at as i64, None);
        self.show += 1;
        for track in self.tracks.values_mut() {
            track.depacketizer = Depacketizer::new();
        }
    }

    /// Something is shown.
    pub(crate) fn is_showing(&self) -> bool {
        self.current.is_some()
    }

    /// Gives up packets missing since before `arrived`, µs.
    pub(crate) fn expire(&mut self, arrived: u64, lost: &mut Lost) {
        for (&id, track) in &mut self.tracks {
            track.depacketizer.expire(arrived, &mut self.scratch, lost);
            let show = (self.wanted == Some(id)).then_some(self.show);
            track.keep(&mut self.scratch, show, lost);
        }
        self.tracks.retain(|_, track| {
            !(track.ended && track.ready.is_empty() && track.depacketizer.is_empty())
        });
    }

    /// The next thing to be written, captured up to `until` µs.
    pub(crate) fn next(&mut self, until: i64) -> Option<Shown> {
        loop {
            let frame = self
                .tracks
                .iter_mut()
                .filter_map(|(&id, track)| Some((track.first()?, id)))
                .min();
            let turn = self.turns.front().map(|turn| turn.at);
            match (turn, frame) {
                (Some(at), frame) if at <= until && frame.is_none_or(|(first, _)| at < first) => {
                    let turn = self.turns.pop_front()?;
                    let ends = self.current_show <= turn.show
                        && self.current.is_some()
                        && turn.track.is_none_or(|track| self.current == Some(track));
                    if ends {
                        self.current = None;
                        return Some(Shown::Nothing { at });
                    }
                }
                (_, Some((at, id))) if at <= until => {
                    let track = self.tracks.get_mut(&id)?;
                    track.last = at;
                    let (show, frame) = track.ready.pop_front()?;
                    track.ready_bytes -= frame.data.len();
                    if self.current != Some(id) && show > self.current_show && frame.key.is_some() {
                        self.current = Some(id);
                    }
                    if self.current == Some(id) {
                        self.current_show = self.current_show.max(show);
                        return Some(Shown::Frame { at, frame });
                    }
                }
                _ => return None,
            }
        }
    }

    fn turn(&mut self, at: i64, track: Option<TrackId>) {
        let show = self.show;
        let place = self.turns.partition_point(|turn| turn.at <= at);
        self.turns.insert(place, Turn { at, show, track });
        if self.turns.len() > TURNS_MAX {
            self.turns.pop_front();
        }
    }
}

impl PictureTrack {
    /// When the first ready frame was captured; in a track's order nothing goes back.
    fn first(&mut self) -> Option<i64> {
        let ticks = self.ready.front()?.1.ticks;
        Some(self.clock.capture(ticks).max(self.last))
    }

    /// Takes what the depacketizer has ready.
    fn keep(&mut self, frames: &mut Vec<Frame>, show: Option<u64>, lost: &mut Lost) {
        for frame in frames.drain(..) {
            self.ready_bytes += frame.data.len();
            self.ready.push_back((show.unwrap_or(0), frame));
        }
        if self.ready_bytes > READY_BYTES_MAX {
            // Nothing that a sender within its limits can do.
            lost.video_frames += self.ready.len() as u64;
            self.ready.clear();
            self.ready_bytes = 0;
            self.depacketizer = Depacketizer::new();
        }
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
