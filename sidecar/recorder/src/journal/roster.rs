//! What a reader must know of a recording before the packets that come next: repeated in each segment.

use parley_media::recording::{Entry, TrackId};

use super::frame;

/// Sessions, and tracks, that are repeated; beyond, the oldest are forgotten. (A room has fewer.)
const KEPT_MAX: usize = 1024;

/// The sessions and tracks that are there, and what is shown.
#[derive(Default)]
pub(super) struct Roster(Vec<Kept>);

struct Kept {
    /// The record's.
    number: u64,
    what: What,
    body: Vec<u8>,
}

#[derive(PartialEq, Eq, Clone)]
enum What {
    Session(String),
    Track(TrackId, String),
    Show,
}

impl Roster {
    /// Takes up what the entry says; packets are left alone.
    pub(super) fn note(&mut self, number: u64, entry: &Entry<'_>, body: &[u8]) {
        let what = match *entry {
            Entry::Session { session, .. } => What::Session(session.to_owned()),
            Entry::Track { track, session, .. } => What::Track(track, session.to_owned()),
            Entry::Show { .. } => What::Show,
            Entry::TrackEnd { track, .. } => return self.end(track),
            _ => return,
        };
        self.0.retain(|kept| kept.what != what);
        if self.0.len() == KEPT_MAX {
            self.forget_one();
        }
        self.0.push(Kept {
            number,
            what,
            body: body.to_vec(),
        });
    }

    /// Appends the records whose numbers are below `before`, as they were.
    pub(super) fn put(&self, before: u64, to: &mut Vec<u8>) {
        for kept in self.0.iter().filter(|kept| kept.number < before) {
            frame::put(kept.number, &kept.body, to);
        }
    }

    fn end(&mut self, ended: TrackId) {
        self.0
            .retain(|kept| !matches!(kept.what, What::Track(track, _) if track == ended));
    }

    /// The oldest session of which no track is there, else the oldest of all.
    fn forget_one(&mut self) {
        let with_tracks: std::collections::HashSet<&str> = self
            .0
            .iter()
            .filter_map(|kept| match &kept.what {
                What::Track(_, session) => Some(session.as_str()),
                _ => None,
            })
            .collect();
        let oldest = self.0.iter().position(
            |kept| matches!(&kept.what, What::Session(session) if !with_tracks.contains(session.as_str())),
        );
        self.0.remove(oldest.unwrap_or(0));
    }
}
