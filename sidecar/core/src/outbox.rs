//! What the shell is to do, in order. Bytes of datagrams that the core made itself lie in one buffer
//! that is used again each time the shell has taken everything.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;

use parley_media::recording::{Entry, Media, RecordingKey, TrackId, TrackKind};
use str0m::net::DatagramSend;

use crate::api::RoomEvent;
use crate::egress::Path;

/// Room that is kept while nothing waits, bytes; more was one burst.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Something for the shell.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Datagram {
        source: SocketAddr,
        destination: SocketAddr,
        payload: Payload,
    },
    Event(Box<RoomEvent>),
    Record {
        key: RecordingKey,
        entry: Kept,
    },
}

/// A recording's [`Entry`] whose bytes and texts lie in the outbox's buffer.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Without its payload, and where that is.
    Media(Media<'static>, Range<usize>),
    /// One after the other: session, participant, name.
    Session([Range<usize>; 3]),
    Track(TrackId, TrackKind, Range<usize>),
    /// What brings no bytes of its own.
    Plain(Entry<'static>),
}

/// Bytes of a datagram.
#[derive(Debug)]
pub(crate) enum Payload {
    /// From a media stack.
    Rtc(DatagramSend),
    /// In the outbox's buffer.
    Own(Range<usize>),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: Vec<u8>,
}

impl Outbox {
    pub(crate) fn push_event(&mut self, event: RoomEvent) {
        self.queue.push_back(Outgoing::Event(Box::new(event)));
    }

    pub(crate) fn push_datagram(&mut self, path: Path, contents: DatagramSend) {
        self.queue.push_back(Outgoing::Datagram {
            source: path.source,
            destination: path.destination,
            payload: Payload::Rtc(contents),
        });
    }

    /// A datagram of `length` bytes that `write` fills in. When it fails nothing is sent.
    pub(crate) fn push_with<E>(
        &mut self,
        path: Path,
        length: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        if let Err(error) = write(&mut self.bytes[start..]) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.queue.push_back(Outgoing::Datagram {
            source: path.source,
            destination: path.destination,
            payload: Payload::Own(start..start + length),
        });
        Ok(())
    }

    /// A datagram that `make` appends to the buffer. When it fails nothing is sent.
    pub(crate) fn push_made<T, E>(
        &mut self,
        path: Path,
        make: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<T, E> {
        let start = self.bytes.len();
        let made = make(&mut self.bytes);
        if made.is_err() {
            self.bytes.truncate(start);
            return made;
        }
        self.queue.push_back(Outgoing::Datagram {
            source: path.source,
            destination: path.destination,
            payload: Payload::Own(start..self.bytes.len()),
        });
        made
    }

    /// What a recording is to hear of. Everything it borrows is copied.
    pub(crate) fn push_record(&mut self, key: RecordingKey, entry: &Entry<'_>) {
        let entry = match *entry {
            Entry::Media(media) => {
                let payload = self.keep(media.payload);
                Kept::Media(
                    Media {
                        payload: &[],
                        ..media
                    },
                    payload,
                )
            }
            Entry::Session {
                session,
                participant,
                name,
            } => Kept::Session([session, participant, name].map(|text| self.keep(text.as_bytes()))),
            Entry::Track {
                track,
                kind,
                session,
            } => Kept::Track(track, kind, self.keep(session.as_bytes())),
            Entry::Segment {
                number,
                at,
                wall_ms,
                after_gap,
            } => Kept::Plain(Entry::Segment {
                number,
                at,
                wall_ms,
                after_gap,
            }),
            Entry::TrackEnd { track, at } => Kept::Plain(Entry::TrackEnd { track, at }),
            Entry::SenderReport {
                track,
                at,
                ntp,
                rtp,
            } => Kept::Plain(Entry::SenderReport {
                track,
                at,
                ntp,
                rtp,
            }),
            Entry::Show { track, at } => Kept::Plain(Entry::Show { track, at }),
            Entry::Dropped { at, audio, video } => Kept::Plain(Entry::Dropped { at, audio, video }),
            Entry::End { at, reason } => Kept::Plain(Entry::End { at, reason }),
        };
        self.queue.push_back(Outgoing::Record { key, entry });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// The entry of an [`Outgoing::Record`]; until the outbox was found empty.
    pub(crate) fn entry(&self, kept: Kept) -> Entry<'_> {
        // Texts were copied whole, so they are texts.
        let text =
            |range: Range<usize>| std::str::from_utf8(&self.bytes[range]).unwrap_or_default();
        match kept {
            Kept::Media(media, payload) => Entry::Media(Media {
                payload: &self.bytes[payload],
                ..media
            }),
            Kept::Session([session, participant, name]) => Entry::Session {
                session: text(session),
                participant: text(participant),
                name: text(name),
            },
            Kept::Track(track, kind, session) => Entry::Track {
                track,
                kind,
                session: text(session),
            },
            Kept::Plain(entry) => entry,
        }
    }

    /// When there is nothing more, the bytes of what was there are let go.
    pub(crate) fn is_empty(&mut self) -> bool {
        let is_empty = self.queue.is_empty();
        if is_empty {
            // Both begin anew where they began before, which is in a near cache.
            self.queue.clear();
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        }
        is_empty
    }

    /// How many bytes of its own were put in since it was found empty.
    pub(crate) fn made(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        if self.is_empty() {
            return None;
        }
        self.queue.pop_front()
    }

    /// The bytes of a [`Payload::Own`]; until the outbox was found empty.
    pub(crate) fn own(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    #[cfg(test)]
    pub(crate) fn own_bytes(&self, start: usize) -> &[u8] {
        &self.bytes[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_datagrams_keep_their_place_and_the_buffer_is_used_again() {
        let mut outbox = Outbox::default();
        let path = Path {
            source: "127.0.0.1:1".parse().unwrap(),
            destination: "127.0.0.1:2".parse().unwrap(),
        };
        let fill = |with: u8| {
            move |bytes: &mut [u8]| {
                bytes.fill(with);
                Ok::<(), ()>(())
            }
        };
        outbox.push_with(path, 2, fill(1)).unwrap();
        outbox.push_datagram(path, vec![2].into());
        assert_eq!(outbox.push_with(path, 9, |_| Err(3)), Err(3));
        outbox.push_with(path, 3, fill(4)).unwrap();
        let mut seen = Vec::new();
        while let Some(Outgoing::Datagram { payload, .. }) = outbox.pop() {
            seen.push(match payload {
                Payload::Rtc(contents) => contents.to_vec(),
                Payload::Own(range) => outbox.own(range).to_vec(),
            });
        }
        assert_eq!(seen, [vec![1, 1], vec![2], vec![4, 4, 4]]);
        assert!(outbox.bytes.is_empty());
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        use parley_media::recording::{At, EndReason};

        let track = TrackId(7);
        let at = At(5);
        let entries = [
            Entry::Session {
                session: "s",
                participant: "",
                name: "Zoë",
            },
            Entry::Track {
                track,
                kind: TrackKind::Camera,
                session: "s",
            },
            Entry::Media(Media {
                track,
                at,
                sequence: 1,
                rtp: 2,
                marker: true,
                level: Some(-3),
                payload: &[1, 2, 3],
            }),
            Entry::Show {
                track: Some(track),
                at,
            },
            Entry::End {
                at,
                reason: EndReason::Limit,
            },
        ];
        let mut outbox = Outbox::default();
        for entry in &entries {
            outbox.push_record(RecordingKey(3), entry);
        }
        for entry in &entries {
            let Some(Outgoing::Record { key, entry: kept }) = outbox.pop() else {
                panic!("another output");
            };
            assert_eq!((key, outbox.entry(kept)), (RecordingKey(3), *entry));
        }
        assert!(outbox.pop().is_none() && outbox.bytes.is_empty());
    }
}
