//! What leaves a room for its recording: packets as they came in, by tracks. One branch per packet where
//! nothing is recorded; one copy where something is.

use std::time::{Duration, Instant};

use parley_media::recording::{At, EndReason, Entry, Media, RecordingKey, TrackId, TrackKind};

use super::picture::Picture;
use crate::api::{Now, SessionId, StartRecording};
use crate::session::Session;
use crate::session::inbound::Incoming;
use crate::shared::Shared;

/// The session's label that people know its participant by.
const NAME_LABEL: &str = "name";
/// Tracks of one start of a recording: their numbers have 16 bits.
const TRACKS_MAX: u32 = 1 << 16;

/// An incoming stream as a recording knows it; kept with the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tapped {
    key: RecordingKey,
    pub(super) track: TrackId,
    kind: TrackKind,
    /// The last sender report that was told.
    report: Option<(u64, u32)>,
}

/// A recording in progress.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(super) key: RecordingKey,
    segment: u32,
    tracks: u32,
    began: Instant,
    /// Where `began` is on the recording's timeline.
    offset: Duration,
    pub(super) ends_at: Option<Instant>,
    pub(super) remind_at: Option<Instant>,
    pub(super) max_height: Option<u16>,
    pub(super) pinned: Option<SessionId>,
    /// The disk takes no pictures.
    pub(super) audio_only: bool,
    pub(super) picture: Picture,
}

impl Tap {
    pub(super) fn new(start: &StartRecording, now: Instant) -> Self {
        let journal = &start.journal;
        let ends_at = start
            .max_duration
            .map(|max| now + max.saturating_sub(journal.elapsed));
        let remind_at = ends_at
            .zip(start.remind_before)
            .and_then(|(at, before)| at.checked_sub(before))
            // Too short for one, or it was told before the sidecar died.
            .filter(|at| *at > now);
        Self {
            key: journal.key,
            segment: journal.segment,
            tracks: 0,
            began: now,
            offset: journal.elapsed,
            ends_at,
            remind_at,
            max_height: start.max_height,
            pinned: None,
            audio_only: false,
            picture: Picture::default(),
        }
    }

    fn at(&self, now: Now) -> At {
        let since = now.instant.saturating_duration_since(self.began);
        At((self.offset + since).as_micros() as u64)
    }

    /// One packet of a session's stream.
    pub(crate) fn take(
        &mut self,
        session: &mut Session,
        stream: usize,
        kind: TrackKind,
        packet: &Incoming<'_>,
        shared: &mut Shared,
    ) {
        let bytes = packet.payload.len();
        if kind.is_audio() && !session.tap_allowance.take_sound(bytes, shared.now.instant) {
            session.drop_one("recording_sound_rate", shared);
            return;
        }
        let Some(track) = self.track(session, stream, kind, shared) else {
            shared.drop_one("recording_tracks");
            return;
        };
        let at = self.at(shared.now);
        if let Some(report) = packet.clock
            && let Some(tapped) = &mut session.up.stream_mut(stream).tapped
            && tapped.report != Some(report)
        {
            tapped.report = Some(report);
            let (ntp, rtp) = report;
            let entry = Entry::SenderReport {
                track,
                at,
                ntp,
                rtp,
            };
            shared.out.push_record(self.key, &entry);
        }
        let media = Media {
            track,
            at,
            sequence: packet.sequence,
            rtp: packet.timestamp,
            marker: packet.marker,
            level: packet.level,
            payload: packet.payload,
        };
        shared.out.push_record(self.key, &Entry::Media(media));
    }

    /// The track that this stream is, begun if need be. `None`: too many.
    pub(super) fn track(
        &mut self,
        session: &mut Session,
        stream: usize,
        kind: TrackKind,
        shared: &mut Shared,
    ) -> Option<TrackId> {
        let known = session.up.stream_mut(stream).tapped;
        match known.filter(|tapped| tapped.key == self.key) {
            Some(tapped) if tapped.kind == kind => return Some(tapped.track),
            // Sound that was taken for a voice until the share was announced.
            Some(tapped) => {
                session.up.stream_mut(stream).tapped = None;
                self.end_track(tapped, shared);
            }
            None => {}
        }
        let now = shared.now.instant;
        if self.tracks >= TRACKS_MAX || !session.tap_allowance.take_track(now) {
            return None;
        }
        let track = TrackId::new(self.segment, self.tracks as u16);
        self.tracks += 1;
        self.introduce(session, shared);
        let entry = Entry::Track {
            track,
            kind,
            session: &session.id.0,
        };
        shared.out.push_record(self.key, &entry);
        session.up.stream_mut(stream).tapped = Some(Tapped {
            key: self.key,
            track,
            kind,
            report: None,
        });
        Some(track)
    }

    fn introduce(&self, session: &mut Session, shared: &mut Shared) {
        if session.recorded == Some(self.key) {
            return;
        }
        session.recorded = Some(self.key);
        let entry = Entry::Session {
            session: &session.id.0,
            participant: &session.participant.0,
            name: session.labels.get(NAME_LABEL).map_or("", String::as_str),
        };
        shared.out.push_record(self.key, &entry);
    }

    /// All of a session's tracks end: it leaves, or comes back with another media connection.
    pub(super) fn end_tracks(&mut self, session: &mut Session, shared: &mut Shared) {
        session.recorded = None;
        for stream in session.up.streams_mut() {
            if let Some(tapped) = stream.tapped.take() {
                self.end_track(tapped, shared);
            }
        }
        self.picture.forget(session.owner.seat);
    }

    /// A stream gives its place to another one.
    pub(crate) fn end_track(&self, tapped: Tapped, shared: &mut Shared) {
        if tapped.key == self.key {
            let (track, at) = (tapped.track, self.at(shared.now));
            let entry = Entry::TrackEnd { track, at };
            shared.out.push_record(self.key, &entry);
        }
    }

    pub(super) fn show(&self, track: Option<TrackId>, shared: &mut Shared) {
        let at = self.at(shared.now);
        shared.out.push_record(self.key, &Entry::Show { track, at });
    }

    pub(super) fn end(&self, reason: EndReason, shared: &mut Shared) {
        let at = self.at(shared.now);
        shared.out.push_record(self.key, &Entry::End { at, reason });
    }
}
