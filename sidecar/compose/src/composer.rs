//! Entries in, files out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Seek, Write};

use parley_media::recording::{At, Entry, Media, TrackId, TrackKind};

use crate::audio::mixer::Mixer;
use crate::audio::track::SoundTrack;
use crate::audio::{FRAME, FRAME_US};
use crate::captions::{self, Captions};
use crate::clock::SessionClock;
use crate::video::stage::{Shown, Stage};
use crate::webm::parts::Output;
use crate::{Finished, FinishedFile, Lost};

/// µs for which late packets are waited for.
const WINDOW: u64 = 1_000_000;
/// µs after which a missing packet of a picture is given up: early enough for what waited for it to be
/// written at its own time.
const PATIENCE: u64 = 800_000;
/// µs of the longest recording; what claims to be later is not believed.
const TIMELINE_MAX: u64 = 48 * 3_600_000_000;
/// Sessions and tracks of a recording; more are not composed.
const SESSIONS_MAX: usize = 20_000;
const TRACKS_MAX: usize = 20_000;
/// Participants that are named.
const PARTICIPANTS_MAX: usize = 1_000;

/// How to compose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// A part is closed before it has this many bytes; 0: no limit. Below 256 KiB counts as 256 KiB.
    pub bytes_max: u64,
}

/// Where files are made.
pub trait Parts {
    /// One file: written from its start, patched in place later.
    type File: Write + Seek;

    /// Makes an empty file of this name.
    ///
    /// # Errors
    /// The file cannot be made; composing fails.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
}

/// Composes one recording.
pub struct Composer<P: Parts> {
    options: Options,
    /// With the first entry.
    parts: Option<P>,
    made: Option<Made<P>>,
    sessions: BTreeMap<String, usize>,
    speakers: Vec<Speaker>,
    tracks: BTreeMap<TrackId, Track>,
    sounds: BTreeMap<TrackId, SoundTrack>,
    stage: Stage,
    captions: Captions,
    /// The newest entry's time, and up to where all is written, µs.
    now: u64,
    written: i64,
    participants: Vec<String>,
    named: BTreeSet<String>,
    gaps: u32,
    lost: Lost,
}

/// What exists from the first entry on.
struct Made<P: Parts> {
    output: Output<P>,
    captions: P::File,
    mixer: Mixer,
}

struct Speaker {
    participant: String,
    name: String,
    clock: SessionClock,
}

struct Track {
    kind: TrackKind,
    speaker: usize,
    ended: bool,
}

impl<P: Parts> Composer<P> {
    /// No file is made before the first entry.
    pub fn new(parts: P, options: Options) -> Self {
        Self {
            options,
            parts: Some(parts),
            made: None,
            sessions: BTreeMap::new(),
            speakers: Vec::new(),
            tracks: BTreeMap::new(),
            sounds: BTreeMap::new(),
            stage: Stage::new(),
            captions: Captions::new(),
            now: 0,
            written: 0,
            participants: Vec::new(),
            named: BTreeSet::new(),
            gaps: 0,
            lost: Lost::default(),
        }
    }

    /// Takes the next entry of the journal. What it means is written up to a second later, so that
    /// late packets find their place.
    ///
    /// # Errors
    /// A file cannot be written; nothing sensible can be done with this composer any more.
    pub fn push(&mut self, entry: Entry<'_>) -> io::Result<()> {
        self.make()?;
        match entry {
            Entry::Segment { at, after_gap, .. } => {
                if after_gap && at.0 <= TIMELINE_MAX {
                    self.gap(at.0)?;
                }
                self.advance(at.0)
            }
            Entry::Session {
                session,
                participant,
                name,
            } => {
                self.session(session, participant, name);
                Ok(())
            }
            Entry::Track {
                track,
                kind,
                session,
            } => {
                self.track(track, kind, session);
                Ok(())
            }
            Entry::TrackEnd { track, at } => {
                self.advance(at.0)?;
                if let Some(known) = self.tracks.get_mut(&track) {
                    known.ended = true;
                    if !known.kind.is_audio() {
                        self.stage.end(track, self.now);
                    }
                }
                Ok(())
            }
            Entry::Media(media) => {
                self.advance(media.at.0)?;
                self.media(&media);
                Ok(())
            }
            Entry::SenderReport {
                track,
                at,
                ntp,
                rtp,
            } => {
                self.advance(at.0)?;
                self.report(track, ntp, rtp);
                Ok(())
            }
            Entry::Show { track, at } => {
                self.advance(at.0)?;
                self.stage.show(track, self.now);
                Ok(())
            }
            Entry::Dropped { at, audio, video } => {
                self.lost.dropped_audio += u64::from(audio);
                self.lost.dropped_video += u64::from(video);
                self.advance(at.0)
            }
            Entry::End { at, .. } => self.advance(at.0),
        }
    }

    /// Writes what is ready; the files so far can be played when it returns.
    ///
    /// # Errors
    /// As [`Composer::push`].
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(made) = &mut self.made else {
            return Ok(());
        };
        self.captions.write(&mut made.captions, true)?;
        made.captions.flush()?;
        made.output.flush()
    }

    /// Writes the rest, durations and indexes; also after a journal that just stops.
    ///
    /// # Errors
    /// As [`Composer::push`].
    pub fn finish(mut self) -> io::Result<Finished> {
        self.make()?;
        self.drain()?;
        let duration_ms = self.written.max(0) as u64 / 1_000;
        let mut files = Vec::new();
        if let Some(made) = &mut self.made {
            files = made.output.finish()?;
            self.captions.stop_all();
            self.captions.write(&mut made.captions, true)?;
            made.captions.flush()?;
            files.push(FinishedFile {
                name: captions::NAME.to_owned(),
                content_type: "text/vtt",
                duration_ms: 0,
                starts_at_ms: 0,
            });
        }
        Ok(Finished {
            files,
            participants: self.participants,
            gaps: self.gaps,
            duration_ms,
            lost: self.lost,
        })
    }

    fn make(&mut self) -> io::Result<()> {
        if let Some(mut parts) = self.parts.take() {
            let mut mixer = Mixer::new()?;
            let pre_skip = mixer.pre_skip()?;
            self.made = Some(Made {
                captions: parts.create(captions::NAME)?,
                output: Output::new(parts, self.options, pre_skip),
                mixer,
            });
        }
        Ok(())
    }

    fn session(&mut self, session: &str, participant: &str, name: &str) {
        if let Some(&known) = self.sessions.get(session) {
            self.speakers[known].name = name.to_owned();
            return;
        }
        if self.speakers.len() >= SESSIONS_MAX {
            self.lost.malformed += 1;
            return;
        }
        self.sessions
            .insert(session.to_owned(), self.speakers.len());
        self.speakers.push(Speaker {
            participant: participant.to_owned(),
            name: name.to_owned(),
            clock: SessionClock::new(),
        });
    }

    fn track(&mut self, track: TrackId, kind: TrackKind, session: &str) {
        let Some(&speaker) = self.sessions.get(session) else {
            self.lost.malformed += 1;
            return;
        };
        if let Some(known) = self.tracks.get(&track) {
            // Each segment may say again what it goes on with.
            if known.kind != kind || known.speaker != speaker {
                self.lost.malformed += 1;
            }
            return;
        }
        if self.tracks.len() >= TRACKS_MAX {
            self.lost.malformed += 1;
            return;
        }
        if kind.is_audio() {
            self.sounds.insert(track, SoundTrack::new(kind));
        } else {
            self.stage.add(track);
        }
        let known = Track {
            kind,
            speaker,
            ended: false,
        };
        self.tracks.insert(track, known);
    }

    fn media(&mut self, media: &Media<'_>) {
        let Some(track) = self.tracks.get(&media.track).filter(|track| !track.ended) else {
            self.lost.malformed += 1;
            return;
        };
        let speaker = &mut self.speakers[track.speaker];
        if self.participants.len() < PARTICIPANTS_MAX && !self.named.contains(&speaker.participant)
        {
            self.named.insert(speaker.participant.clone());
            self.participants.push(speaker.participant.clone());
        }
        // Time never goes back: what was read from a journal was written in order.
        let at = At(self.now);
        match self.sounds.get_mut(&media.track) {
            Some(sound) => sound.push(
                &mut speaker.clock,
                at.0,
                media.sequence,
                media.rtp,
                media.payload,
                &mut self.lost,
            ),
            None => {
                let media = Media { at, ..*media };
                self.stage.push(&mut speaker.clock, &media, &mut self.lost);
            }
        }
    }

    fn report(&mut self, id: TrackId, ntp: u64, rtp: u32) {
        let Some(track) = self.tracks.get(&id) else {
            self.lost.malformed += 1;
            return;
        };
        let clock = &mut self.speakers[track.speaker].clock;
        let believed = match self.sounds.get_mut(&id) {
            Some(sound) => sound.report(clock, ntp, rtp),
            None => self.stage.report(clock, id, ntp, rtp),
        };
        if !believed {
            self.lost.malformed += 1;
        }
    }

    /// It is `at` now: writes what nothing can change any more.
    fn advance(&mut self, at: u64) -> io::Result<()> {
        if at > TIMELINE_MAX {
            self.lost.malformed += 1;
            return Ok(());
        }
        self.now = self.now.max(at);
        let ready = self.now.saturating_sub(WINDOW) as i64;
        if self.written + FRAME_US <= ready {
            let arrived = self.now.saturating_sub(PATIENCE);
            self.stage.expire(arrived, &mut self.lost);
            while self.written + FRAME_US <= ready {
                self.frame()?;
            }
        }
        Ok(())
    }

    /// Writes all up to now.
    fn drain(&mut self) -> io::Result<()> {
        self.stage.expire(u64::MAX, &mut self.lost);
        while self.written < self.now as i64 {
            self.frame()?;
        }
        Ok(())
    }

    /// Nothing was recorded until `to`.
    fn gap(&mut self, to: u64) -> io::Result<()> {
        self.drain()?;
        self.gaps = self.gaps.saturating_add(1);
        let from = self.now;
        self.captions.gap(from as i64, to.max(from) as i64);
        self.stage.interrupt(from);
        for sound in self.sounds.values_mut() {
            sound.interrupt();
        }
        Ok(())
    }

    /// Writes the next 20 ms.
    fn frame(&mut self) -> io::Result<()> {
        let Some(made) = &mut self.made else {
            return Ok(());
        };
        let at = self.written;
        while let Some(shown) = self.stage.next(at) {
            match shown {
                Shown::Frame { at, frame } => made.output.frame(at, &frame, &mut self.lost)?,
                Shown::Nothing { at } => made.output.still(at)?,
            }
        }
        if !self.stage.is_showing() && made.output.wants_still(at) {
            made.output.still(at)?;
        }
        let start = at / FRAME_US * FRAME as i64;
        for (id, sound) in &mut self.sounds {
            if !sound.is_busy() {
                continue;
            }
            let heard = sound.mix(start, made.mixer.sum(), &mut self.lost);
            if let Some(heard) = heard
                && sound.kind == TrackKind::Voice
                && let Some(track) = self.tracks.get(id)
            {
                let name = &self.speakers[track.speaker].name;
                self.captions.hear(track.speaker, name, at, heard.power);
            }
        }
        self.captions.pass(at);
        self.captions.write(&mut made.captions, false)?;
        made.output.audio(at, made.mixer.encode()?)?;
        self.written += FRAME_US;
        if self.written % 1_000_000 == 0 {
            let tracks = &self.tracks;
            self.sounds.retain(|id, sound| {
                sound.rest(start);
                sound.is_busy() || tracks.get(id).is_some_and(|track| !track.ended)
            });
        }
        Ok(())
    }
}
