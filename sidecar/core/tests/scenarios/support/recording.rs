//! What a room gave to its recordings, as the recorder would get it.

use std::time::Duration;

use parley_core::api::*;
use parley_media::recording::{Entry, Media, RecordingKey, TrackId, TrackKind, codec};

use super::{Sim, room_ref};

/// The recording that scenarios start, and its key.
pub const RECORDING: &str = "rec";
pub const KEY: RecordingKey = RecordingKey(1);

/// As the recorder hands it to the core for a first start.
pub fn start() -> StartRecording {
    StartRecording {
        room: room_ref(),
        recording: RecordingId(RECORDING.into()),
        starter: ParticipantId("p-alice".into()),
        max_duration: None,
        remind_before: None,
        max_height: None,
        journal: Journal {
            key: KEY,
            segment: 1,
            started_at_ms: 1_000_000,
            elapsed: Duration::ZERO,
        },
    }
}

impl Sim {
    pub fn record(&mut self, start: StartRecording) -> RecordingView {
        let command = Command::StartRecording(Box::new(start));
        match self.command(command).unwrap() {
            Reply::Recording(Some(view)) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn stop_recording(&mut self) -> Option<RecordingView> {
        let stop = Command::StopRecording {
            room: room_ref(),
            recording: None,
            actor: Some(ParticipantId("p-bob".into())),
        };
        match self.command(stop).unwrap() {
            Reply::Recording(view) => view,
            other => panic!("{other:?}"),
        }
    }

    pub fn recording_news(&mut self, news: RecordingNews) {
        let command = Command::RecordingNews { key: KEY, news };
        assert!(matches!(self.command(command), Ok(Reply::Done)));
    }

    /// Everything of one recording.
    pub fn entries_of(&self, key: RecordingKey) -> Vec<Entry<'_>> {
        let entries = self.recorded.iter().filter(|(of, _)| *of == key);
        entries
            .map(|(_, bytes)| codec::decode(bytes).unwrap())
            .collect()
    }

    pub fn entries(&self) -> Vec<Entry<'_>> {
        self.entries_of(KEY)
    }

    /// The tracks of a session in the order of their beginnings.
    pub fn tracks(&self, of: &str, what: TrackKind) -> Vec<TrackId> {
        let entries = self.entries();
        let tracks = entries.iter().filter_map(|entry| match entry {
            Entry::Track {
                track,
                kind,
                session,
            } if *session == of && *kind == what => Some(*track),
            _ => None,
        });
        tracks.collect()
    }

    /// The packets of a track.
    pub fn media(&self, of: TrackId) -> Vec<Media<'_>> {
        let entries = self.entries();
        let media = entries.iter().filter_map(|entry| match entry {
            Entry::Media(media) if media.track == of => Some(*media),
            _ => None,
        });
        media.collect()
    }

    /// What was to be shown, in order.
    pub fn shown(&self) -> Vec<Option<TrackId>> {
        let entries = self.entries();
        let shown = entries.iter().filter_map(|entry| match entry {
            Entry::Show { track, .. } => Some(*track),
            _ => None,
        });
        shown.collect()
    }

    /// What the room told of its recordings, in order.
    pub fn recording_events(&self) -> Vec<&EventKind> {
        let told = self.events.iter().map(|event| &event.kind);
        told.filter(|kind| {
            matches!(
                kind,
                EventKind::RecordingChanged(_) | EventKind::RecordingReminder { .. }
            )
        })
        .collect()
    }
}
