//! [`Entry`]s as bytes, as they stand in the tap's ring and in the journal. Framing and checksums are
//! the journal's; here is only the body.
//!
//! A body is a kind and its fields: numbers as LEB128, texts with their length before them, a packet's
//! payload last and as long as the rest. A kind's layout never changes: another layout is another kind,
//! so that an older reader says [`Malformed::Kind`] of what it does not know and reads on.

use thiserror::Error;

use super::{At, EndReason, Entry, Media, TrackId, TrackKind};

/// The longest body that [`encode`] makes, bytes, for packets that came in one UDP datagram.
pub const BODY_BYTES_MAX: usize = 1 << 16;
/// Ids and names are cut here, bytes. (The sidecar's limits are below.)
pub const TEXT_BYTES_MAX: usize = 1024;

/// Why bytes are no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// They end before the entry does.
    #[error("the entry ends too early")]
    Short,
    /// A later version's, or none at all.
    #[error("an entry of unknown kind {0}")]
    Kind(u8),
    /// A field has a value that it cannot have.
    #[error("a field is out of its range")]
    Range,
    /// A text is not UTF-8.
    #[error("a text is no UTF-8")]
    Utf8,
    /// More bytes than the entry has.
    #[error("there are bytes after the entry")]
    Trailing,
}

mod kind {
    pub(super) const SEGMENT: u8 = 1;
    pub(super) const SESSION: u8 = 2;
    pub(super) const TRACK: u8 = 3;
    pub(super) const TRACK_END: u8 = 4;
    pub(super) const MEDIA: u8 = 5;
    pub(super) const SENDER_REPORT: u8 = 6;
    pub(super) const SHOW: u8 = 7;
    pub(super) const DROPPED: u8 = 8;
    pub(super) const END: u8 = 9;
}

const MARKER: u8 = 1;
const HAS_LEVEL: u8 = 2;

/// Appends the entry's body. Allocates only what `to` lacks.
pub fn encode(entry: &Entry<'_>, to: &mut Vec<u8>) {
    match *entry {
        Entry::Segment {
            number,
            at,
            wall_ms,
            after_gap,
        } => {
            to.push(kind::SEGMENT);
            put(to, u64::from(number));
            put(to, at.0);
            put(to, wall_ms);
            to.push(u8::from(after_gap));
        }
        Entry::Session {
            session,
            participant,
            name,
        } => {
            to.push(kind::SESSION);
            put_text(to, session);
            put_text(to, participant);
            put_text(to, name);
        }
        Entry::Track {
            track,
            kind,
            session,
        } => {
            to.push(kind::TRACK);
            put(to, u64::from(track.0));
            to.push(track_kind_code(kind));
            put_text(to, session);
        }
        Entry::TrackEnd { track, at } => {
            to.push(kind::TRACK_END);
            put(to, u64::from(track.0));
            put(to, at.0);
        }
        Entry::Media(media) => encode_media(&media, to),
        Entry::SenderReport {
            track,
            at,
            ntp,
            rtp,
        } => {
            to.push(kind::SENDER_REPORT);
            put(to, u64::from(track.0));
            put(to, at.0);
            to.extend_from_slice(&ntp.to_le_bytes());
            to.extend_from_slice(&rtp.to_le_bytes());
        }
        Entry::Show { track, at } => {
            to.push(kind::SHOW);
            to.push(u8::from(track.is_some()));
            put(to, track.map_or(0, |track| u64::from(track.0)));
            put(to, at.0);
        }
        Entry::Dropped { at, audio, video } => {
            to.push(kind::DROPPED);
            put(to, at.0);
            put(to, u64::from(audio));
            put(to, u64::from(video));
        }
        Entry::End { at, reason } => {
            to.push(kind::END);
            put(to, at.0);
            to.push(reason_code(reason));
        }
    }
}

fn encode_media(media: &Media<'_>, to: &mut Vec<u8>) {
    let mut flags = if media.marker { MARKER } else { 0 };
    if media.level.is_some() {
        flags |= HAS_LEVEL;
    }
    to.push(kind::MEDIA);
    to.push(flags);
    put(to, u64::from(media.track.0));
    put(to, media.at.0);
    put(to, media.sequence);
    to.extend_from_slice(&media.rtp.to_le_bytes());
    if let Some(level) = media.level {
        to.extend_from_slice(&level.to_le_bytes());
    }
    to.extend_from_slice(media.payload);
}

/// The entry that `body` is, all of it. Copies nothing.
///
/// # Errors
/// See [`Malformed`]; [`Malformed::Kind`] may be a later version's entry.
pub fn decode(body: &[u8]) -> Result<Entry<'_>, Malformed> {
    let mut from = Reader(body);
    let entry = match from.byte()? {
        kind::SEGMENT => Entry::Segment {
            number: from.number_u32()?,
            at: from.at()?,
            wall_ms: from.number()?,
            after_gap: from.flag()?,
        },
        kind::SESSION => Entry::Session {
            session: from.text()?,
            participant: from.text()?,
            name: from.text()?,
        },
        kind::TRACK => Entry::Track {
            track: from.track()?,
            kind: track_kind(from.byte()?)?,
            session: from.text()?,
        },
        kind::TRACK_END => Entry::TrackEnd {
            track: from.track()?,
            at: from.at()?,
        },
        kind::MEDIA => Entry::Media(media(&mut from)?),
        kind::SENDER_REPORT => Entry::SenderReport {
            track: from.track()?,
            at: from.at()?,
            ntp: u64::from_le_bytes(from.array()?),
            rtp: u32::from_le_bytes(from.array()?),
        },
        kind::SHOW => {
            let shown = from.flag()?;
            let track = from.track()?;
            Entry::Show {
                track: shown.then_some(track),
                at: from.at()?,
            }
        }
        kind::DROPPED => Entry::Dropped {
            at: from.at()?,
            audio: from.number_u32()?,
            video: from.number_u32()?,
        },
        kind::END => Entry::End {
            at: from.at()?,
            reason: reason(from.byte()?)?,
        },
        other => return Err(Malformed::Kind(other)),
    };
    if from.0.is_empty() {
        Ok(entry)
    } else {
        Err(Malformed::Trailing)
    }
}

fn media<'a>(from: &mut Reader<'a>) -> Result<Media<'a>, Malformed> {
    let flags = from.byte()?;
    if flags & !(MARKER | HAS_LEVEL) != 0 {
        return Err(Malformed::Range);
    }
    Ok(Media {
        track: from.track()?,
        at: from.at()?,
        sequence: from.number()?,
        rtp: u32::from_le_bytes(from.array()?),
        marker: flags & MARKER != 0,
        level: if flags & HAS_LEVEL != 0 {
            Some(i8::from_le_bytes(from.array()?))
        } else {
            None
        },
        payload: std::mem::take(&mut from.0),
    })
}

/// What is left of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Range),
        }
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Range);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Range)
    }

    fn number_u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed::Range)
    }

    fn at(&mut self) -> Result<At, Malformed> {
        self.number().map(At)
    }

    fn track(&mut self) -> Result<TrackId, Malformed> {
        self.number_u32().map(TrackId)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let bytes = usize::try_from(self.number()?).map_err(|_| Malformed::Range)?;
        if bytes > TEXT_BYTES_MAX {
            return Err(Malformed::Range);
        }
        std::str::from_utf8(self.take(bytes)?).map_err(|_| Malformed::Utf8)
    }
}

#[allow(clippy::cast_possible_truncation)] // Seven bits at a time.
fn put(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    put(to, text.len() as u64);
    to.extend_from_slice(text.as_bytes());
}

const fn track_kind_code(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Voice => 1,
        TrackKind::ScreenAudio => 2,
        TrackKind::Screen => 3,
        TrackKind::Camera => 4,
    }
}

const fn track_kind(code: u8) -> Result<TrackKind, Malformed> {
    Ok(match code {
        1 => TrackKind::Voice,
        2 => TrackKind::ScreenAudio,
        3 => TrackKind::Screen,
        4 => TrackKind::Camera,
        _ => return Err(Malformed::Range),
    })
}

const fn reason_code(reason: EndReason) -> u8 {
    match reason {
        EndReason::Stopped => 1,
        EndReason::Limit => 2,
        EndReason::CallEnded => 3,
        EndReason::Disk => 4,
        EndReason::Crash => 5,
        EndReason::Internal => 6,
    }
}

const fn reason(code: u8) -> Result<EndReason, Malformed> {
    Ok(match code {
        1 => EndReason::Stopped,
        2 => EndReason::Limit,
        3 => EndReason::CallEnded,
        4 => EndReason::Disk,
        5 => EndReason::Crash,
        6 => EndReason::Internal,
        _ => return Err(Malformed::Range),
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Makes an entry of raw material and checks that its bytes are read as the same entry, and that
    /// no part of them is one.
    fn check(entry: &Entry<'_>) {
        let mut body = Vec::new();
        encode(entry, &mut body);
        assert_eq!(decode(&body), Ok(*entry));
        if let Entry::Media(media) = entry {
            let head = body.len() - media.payload.len();
            assert!(head <= 40, "{head} bytes beside the payload");
            body.truncate(head);
        } else {
            body.push(0);
            assert_eq!(decode(&body), Err(Malformed::Trailing));
            body.pop();
        }
        for end in 0..body.len() {
            assert_eq!(decode(&body[..end]), Err(Malformed::Short));
        }
    }

    fn kinds() -> impl Strategy<Value = TrackKind> {
        prop::sample::select(vec![
            TrackKind::Voice,
            TrackKind::ScreenAudio,
            TrackKind::Screen,
            TrackKind::Camera,
        ])
    }

    fn reasons() -> impl Strategy<Value = EndReason> {
        prop::sample::select(vec![
            EndReason::Stopped,
            EndReason::Limit,
            EndReason::CallEnded,
            EndReason::Disk,
            EndReason::Crash,
            EndReason::Internal,
        ])
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            (a, b) in any::<(u64, u64)>(),
            (c, d) in any::<(u32, u32)>(),
            (flag, level) in any::<(bool, Option<i8>)>(),
            texts in prop::array::uniform3("\\PC{0,40}"),
            payload in vec(any::<u8>(), 0..1500),
            kind in kinds(),
            reason in reasons(),
        ) {
            let [session, participant, name] = &texts;
            let track = TrackId(c);
            let at = At(a);
            check(&Entry::Segment { number: c, at, wall_ms: b, after_gap: flag });
            check(&Entry::Session { session, participant, name });
            check(&Entry::Track { track, kind, session });
            check(&Entry::TrackEnd { track, at });
            check(&Entry::SenderReport { track, at, ntp: b, rtp: d });
            check(&Entry::Show { track: flag.then_some(track), at });
            check(&Entry::Dropped { at, audio: c, video: d });
            check(&Entry::End { at, reason });
            check(&Entry::Media(Media {
                track, at, sequence: b, rtp: d, marker: flag, level, payload: &payload,
            }));
        }

        #[test]
        fn any_bytes_are_an_entry_or_an_error(kind in 0..12_u8, rest in vec(any::<u8>(), 0..100)) {
            let mut body = vec![kind];
            body.extend_from_slice(&rest);
            if let Ok(entry) = decode(&body) {
                let mut again = Vec::new();
                encode(&entry, &mut again);
                prop_assert_eq!(decode(&again), Ok(entry));
            }
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let long = "ä".repeat(TEXT_BYTES_MAX);
        let mut body = Vec::new();
        encode(
            &Entry::Session {
                session: "s",
                participant: &format!("x{long}"),
                name: "",
            },
            &mut body,
        );
        let Ok(Entry::Session { participant, .. }) = decode(&body) else {
            panic!("{:?}", decode(&body));
        };
        assert_eq!(participant.len(), TEXT_BYTES_MAX - 1);
        assert!(participant.ends_with('ä'));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_taken() {
        let mut body = vec![kind::SESSION];
        put(&mut body, TEXT_BYTES_MAX as u64 + 1);
        body.resize(4000, b'x');
        assert_eq!(decode(&body), Err(Malformed::Range));
        assert_eq!(decode(&[kind::TRACK_END, 1, 0xff]), Err(Malformed::Short));
        assert_eq!(
            decode(&[&[kind::TRACK_END, 1][..], &[0xff; 10]].concat()),
            Err(Malformed::Range)
        );
        assert_eq!(decode(&[200]), Err(Malformed::Kind(200)));
    }
}
