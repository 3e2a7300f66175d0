//! One room's unacknowledged events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parley_core::api::{EventKind, Generation, RoomEvent, RoomView};

use super::hub::{ACK_PATIENCE, HostKey, PING_EVERY, PING_PATIENCE};

/// Unacked events per room; beyond, one snapshot takes their place (event.proto).
pub(super) const UNACKED_MAX: usize = 1024;
/// The same in bytes of signals, so that large SDPs cannot fill the memory first.
pub(super) const UNACKED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Two sessions of two people that cause whatever they may, for as long as a silent host keeps their
/// room, leave a third of it to the others.
const _: () = {
    use parley_core::api::event_rates::*;
    const HOSTILE: u64 = 2;
    let seconds = PING_EVERY.as_secs() + PING_PATIENCE.as_secs();
    assert!(seconds > ACK_PATIENCE.as_secs());
    let bytes = SIGNAL_BYTES_BURST + seconds * SIGNAL_BYTES_PER_SECOND;
    assert!(HOSTILE * bytes < UNACKED_BYTES_MAX as u64 * 2 / 3);
    let signals = SIGNALS_BURST + seconds * SIGNALS_PER_SECOND;
    let changes = CHANGES_BURST + seconds * CHANGES_PER_SECOND;
    let joins = JOINS_BURST + seconds * JOINS_PER_SECOND;
    let events = signals + changes + joins * EVENTS_PER_JOIN;
    assert!(HOSTILE * events < UNACKED_MAX as u64 * 2 / 3);
};

/// Where an event stands among those of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) generation: Generation,
    pub(super) seq: u64,
}

/// The state of a room in place of events that were given up.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The last event it covers.
    pub seq: u64,
    /// Unix milliseconds of the view.
    pub at_ms: u64,
    /// The room as it was then or later.
    pub view: RoomView,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Event(Arc<RoomEvent>),
    /// The core was asked.
    SnapshotPending {
        ticket: u64,
    },
    Snapshot(Arc<Snapshot>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) content: Content,
}

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    Appended,
    /// Seen before.
    Duplicate,
    /// Events were given up: the core must be asked for the room.
    Collapsed {
        ticket: u64,
        given_up: usize,
    },
    /// Events were given up, and the room's end says it all.
    CollapsedByEnd {
        given_up: usize,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Room {
    entries: VecDeque<Entry>,
    /// The first so many entries went to the owner.
    sent: usize,
    bytes: usize,
    last: Option<Position>,
    pub(super) owner: Option<HostKey>,
    /// Since when the owner owes an ack.
    pub(super) waiting_since: Option<Instant>,
    /// Stands in its owner's line of rooms with something to send.
    pub(super) in_line: bool,
    pub(super) ended: bool,
}

impl Room {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn unacked(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    pub(super) fn last(&self) -> Option<Position> {
        self.entries.back().map(|entry| entry.position)
    }

    /// Whether something up to `target` was not sent yet.
    pub(super) fn owes_until(&self, target: Position) -> bool {
        self.entries
            .get(self.sent)
            .is_some_and(|next| next.position <= target)
    }

    /// Takes an event from the core. `ticket` names the question for a snapshot, should one be needed.
    pub(super) fn push(&mut self, event: RoomEvent, ticket: u64) -> Pushed {
        let position = Position {
            generation: event.room.generation,
            seq: event.seq,
        };
        let is_end = matches!(event.kind, EventKind::RoomEnded { .. });
        let reopened = self.ended && position.seq == 1;
        let mut given_up = 0;
        let mut lost = false;
        if let Some(last) = self.last.filter(|_| !reopened) {
            if position <= last {
                return Pushed::Duplicate;
            }
            let expected = if position.generation == last.generation {
                last.seq + 1
            } else {
                1
            };
            lost = position.seq != expected;
        }
        if reopened && self.last.is_some_and(|last| last >= position) {
            // The same generation once more: the old positions would be taken for the new ones.
            given_up += self.clear();
        }
        self.last = Some(position);
        self.ended = is_end;
        let size = size_of_event(&event);
        let over = self.entries.len() >= UNACKED_MAX || self.bytes + size > UNACKED_BYTES_MAX;
        let content = Content::Event(Arc::new(event));
        if !over && !lost {
            self.bytes += size;
            self.entries.push_back(Entry { position, content });
            return Pushed::Appended;
        }
        given_up += self.clear();
        if is_end {
            self.bytes += size;
            self.entries.push_back(Entry { position, content });
            return Pushed::CollapsedByEnd { given_up };
        }
        // The core answers later than it made this event, so the view covers it.
        self.entries.push_back(Entry {
            position,
            content: Content::SnapshotPending { ticket },
        });
        Pushed::Collapsed {
            ticket,
            given_up: given_up + 1,
        }
    }

    fn clear(&mut self) -> usize {
        let count = self.entries.len();
        self.entries.clear();
        self.sent = 0;
        self.bytes = 0;
        count
    }

    /// Puts the view where its question stands. `None`: the room is gone, its end follows by itself.
    /// Returns whether the question was still open.
    pub(super) fn fill(&mut self, ticket: u64, view: Option<RoomView>, at_ms: u64) -> bool {
        let asked = |entry: &Entry| matches!(entry.content, Content::SnapshotPending { ticket: t } if t == ticket);
        let Some(index) = self.entries.iter().position(asked) else {
            return false;
        };
        let position = self.entries[index].position;
        match view.filter(|view| view.room.generation == position.generation) {
            Some(view) => {
                self.entries[index].content = Content::Snapshot(Arc::new(Snapshot {
                    seq: position.seq,
                    at_ms,
                    view,
                }));
            }
            // Another generation: its own events follow.
            None => drop(self.entries.remove(index)),
        }
        true
    }

    /// The next entry to send, if it is there.
    pub(super) fn next(&self) -> Option<&Entry> {
        self.entries
            .get(self.sent)
            .filter(|entry| !matches!(entry.content, Content::SnapshotPending { .. }))
    }

    /// The entry of [`Self::next`] went out.
    pub(super) fn advance(&mut self) {
        self.sent = (self.sent + 1).min(self.entries.len());
    }

    /// Forgets what was sent: the next owner gets everything again.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Removes what is done; only what was sent can be. Returns how many entries went.
    pub(super) fn ack(&mut self, acked: Position) -> usize {
        let done = self
            .entries
            .iter()
            .take(self.sent)
            .take_while(|entry| entry.position <= acked)
            .count();
        for entry in self.entries.drain(..done) {
            if let Content::Event(event) = entry.content {
                self.bytes = self.bytes.saturating_sub(size_of_event(&event));
            }
        }
        self.sent -= done;
        done
    }
}

/// Roughly; only what a client can make large is measured.
fn size_of_event(event: &RoomEvent) -> usize {
    const FLAT: usize = 512;
    match &event.kind {
        EventKind::Signal { json, .. } => FLAT + json.len(),
        EventKind::TimerFired { payload, .. } => FLAT + payload.len(),
        _ => FLAT,
    }
}
