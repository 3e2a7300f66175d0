//! What we say on `calls-dc`.

use super::read::Reader;
use super::write::Writer;
use super::{ChannelError, ENTRIES_MAX};
use std::collections::BTreeMap;

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// 2: answers `Ping`.
    Pong,
    /// The text frame `pong`.
    TextPong,
    /// 3: zlib of JSON `{type, sdp}`, see [`crate::sdp::Description::to_zlib`].
    Sdp(Vec<u8>),
    /// 7: the lock was given (true) or not.
    Lock(bool),
    /// 9: every m-line that sends to this client now, by mid. Official profile.
    MediaMap(BTreeMap<String, MediaMapEntry>),
    /// 64: who is in which slot. `slots_v1`.
    SlotMap(SlotMap),
    /// 66: ids of the sessions that speak now. `slots_v1`.
    Voice(Vec<String>),
    /// A type we do not know (only decoded, by test clients; encodes to the bare type).
    Unknown(u64),
}

/// An entry of `MediaMap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaMapEntry {
    /// What it carries; `type` on the wire.
    pub kind: SlotKind,
    /// Whose it is; `sender_id` on the wire.
    pub session: String,
}

/// The complete group of slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotMap {
    /// Counts the maps sent to this session.
    pub epoch: u64,
    /// A mid that is absent is silent.
    pub slots: Vec<Slot>,
}

/// Who is in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The m-line.
    pub mid: String,
    /// What it carries.
    pub kind: SlotKind,
    /// Whose it is.
    pub session: String,
    /// Opaque.
    pub publication: String,
    /// CSRC on the slot's packets.
    pub csrc: u32,
}

/// What a slot carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    /// A microphone.
    Voice,
    /// A shared screen's picture.
    Screen,
    /// A shared screen's sound.
    ScreenAudio,
    /// A camera.
    Video,
}

impl SlotKind {
    /// As on the wire and in track ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen-audio",
            Self::Video => "video",
        }
    }

    /// The inverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Voice, Self::Screen, Self::ScreenAudio, Self::Video]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl ServerMessage {
    /// Reads one message, for test clients; `binary` is the data channel's frame kind.
    pub fn decode(binary: bool, data: &[u8]) -> Result<Self, ChannelError> {
        if !binary {
            return match data {
                b"pong" => Ok(Self::TextPong),
                _ => Err(ChannelError::UnknownText),
            };
        }
        let mut reader = Reader::new(data);
        Ok(match reader.unsigned("type")? {
            2 => Self::Pong,
            3 => Self::Sdp(reader.binary("sdp")?.to_vec()),
            7 => Self::Lock(reader.boolean("lock")?),
            9 => Self::MediaMap(read_media_map(&mut reader)?),
            64 => Self::SlotMap(SlotMap::read(&mut reader)?),
            66 => Self::Voice(read_voice(&mut reader)?),
            other => Self::Unknown(other),
        })
    }

    /// The message's bytes and whether they go as a binary frame.
    pub fn encode(&self) -> (bool, Vec<u8>) {
        let mut writer;
        match self {
            Self::TextPong => return (false, b"pong".to_vec()),
            Self::Pong => writer = Writer::message(2),
            Self::Unknown(kind) => writer = Writer::message(*kind),
            Self::Sdp(data) => {
                writer = Writer::message(3);
                writer.binary(data);
            }
            Self::Lock(given) => {
                writer = Writer::message(7);
                writer.boolean(*given);
            }
            Self::MediaMap(map) => {
                writer = Writer::message(9);
                writer.map(map.len());
                for (mid, entry) in map {
                    writer
                        .text(mid)
                        .map(2)
                        .text("type")
                        .text(entry.kind.as_str());
                    writer.text("sender_id").text(&entry.session);
                }
            }
            Self::SlotMap(map) => {
                writer = Writer::message(64);
                map.write(&mut writer);
            }
            Self::Voice(sessions) => {
                writer = Writer::message(66);
                writer.map(1).text("sessions").array(sessions.len());
                for session in sessions {
                    writer.text(session);
                }
            }
        }
        (true, writer.into_vec())
    }
}

impl SlotMap {
    fn write(&self, writer: &mut Writer) {
        writer.map(2).text("epoch").unsigned(self.epoch);
        writer.text("slots").array(self.slots.len());
        for slot in &self.slots {
            writer.map(5).text("mid").text(&slot.mid);
            writer.text("kind").text(slot.kind.as_str());
            writer.text("session").text(&slot.session);
            writer.text("publication").text(&slot.publication);
            writer.text("csrc").unsigned(slot.csrc.into());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ChannelError> {
        let mut map = Self::default();
        for _ in 0..reader.map("slot map")? {
            match reader.text("slot map field")? {
                "epoch" => map.epoch = reader.unsigned("epoch")?,
                "slots" => {
                    for _ in 0..bounded(reader.array("slots")?)? {
                        map.slots.push(Slot::read(reader)?);
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(map)
    }
}

impl Slot {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ChannelError> {
        let (mut mid, mut kind, mut session, mut publication, mut csrc) =
            (None, None, None, None, None);
        for _ in 0..reader.map("slot")? {
            match reader.text("slot field")? {
                "mid" => mid = Some(reader.text("mid")?),
                "kind" => kind = Some(read_kind(reader)?),
                "session" => session = Some(reader.text("session")?),
                "publication" => publication = Some(reader.text("publication")?),
                "csrc" => csrc = Some(reader.unsigned("csrc")?),
                _ => reader.skip()?,
            }
        }
        let csrc = csrc.ok_or(ChannelError::Missing("csrc"))?;
        Ok(Self {
            mid: mid.ok_or(ChannelError::Missing("mid"))?.to_owned(),
            kind: kind.ok_or(ChannelError::Missing("kind"))?,
            session: session.ok_or(ChannelError::Missing("session"))?.to_owned(),
            publication: publication
                .ok_or(ChannelError::Missing("publication"))?
                .to_owned(),
            csrc: u32::try_from(csrc).map_err(|_| ChannelError::Limit("csrc"))?,
        })
    }
}

fn read_media_map(
    reader: &mut Reader<'_>,
) -> Result<BTreeMap<String, MediaMapEntry>, ChannelError> {
    let mut map = BTreeMap::new();
    for _ in 0..bounded(reader.map("media map")?)? {
        let mid = reader.text("mid")?.to_owned();
        let (mut kind, mut session) = (None, None);
        for _ in 0..reader.map("media map entry")? {
            match reader.text("media map field")? {
                "type" => kind = Some(read_kind(reader)?),
                "sender_id" => session = Some(reader.text("sender_id")?.to_owned()),
                _ => reader.skip()?,
            }
        }
        map.insert(
            mid,
            MediaMapEntry {
                kind: kind.ok_or(ChannelError::Missing("type"))?,
                session: session.ok_or(ChannelError::Missing("sender_id"))?,
            },
        );
    }
    Ok(map)
}

fn read_voice(reader: &mut Reader<'_>) -> Result<Vec<String>, ChannelError> {
    let mut sessions = Vec::new();
    for _ in 0..reader.map("voice")? {
        match reader.text("voice field")? {
            "sessions" => {
                for _ in 0..bounded(reader.array("sessions")?)? {
                    sessions.push(reader.text("session")?.to_owned());
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(sessions)
}

fn read_kind(reader: &mut Reader<'_>) -> Result<SlotKind, ChannelError> {
    SlotKind::parse(reader.text("kind")?).ok_or(ChannelError::WrongType("kind"))
}

fn bounded(entries: usize) -> Result<usize, ChannelError> {
    if entries > ENTRIES_MAX {
        return Err(ChannelError::Limit("entries"));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_those_the_clients_expect() {
        assert_eq!(ServerMessage::Pong.encode(), (true, b"\x02".to_vec()));
        assert_eq!(
            ServerMessage::Lock(true).encode(),
            (true, b"\x07\xc3".to_vec())
        );
        assert_eq!(
            ServerMessage::Lock(false).encode(),
            (true, b"\x07\xc2".to_vec())
        );
        assert_eq!(ServerMessage::TextPong.encode(), (false, b"pong".to_vec()));
        let entry = MediaMapEntry {
            kind: SlotKind::Voice,
            session: "x".repeat(26),
        };
        let map = ServerMessage::MediaMap([("1".to_owned(), entry)].into());
        let expected = [
            b"\x09\x81\xa11\x82\xa4type\xa5voice\xa9sender_id\xba".as_slice(),
            "x".repeat(26).as_bytes(),
        ]
        .concat();
        assert_eq!(map.encode(), (true, expected));
    }

    fn any_kind() -> impl Strategy<Value = SlotKind> {
        prop_oneof![
            Just(SlotKind::Voice),
            Just(SlotKind::Screen),
            Just(SlotKind::ScreenAudio),
            Just(SlotKind::Video)
        ]
    }

    prop_compose! {
        fn any_slot()(mid in "[a-z0-9]{1,8}", kind in any_kind(), session in "[a-z0-9]{26}", publication in ".{0,10}", csrc: u32) -> Slot {
            Slot { mid, kind, session, publication, csrc }
        }
    }

    proptest! {
        #[test]
        fn survives_the_round_trip(
            epoch: u64,
            slots in proptest::collection::vec(any_slot(), 0..20),
            voices in proptest::collection::vec("[a-z0-9]{26}", 0..20),
        ) {
            let map = slots
                .iter()
                .map(|s| (s.mid.clone(), MediaMapEntry { kind: s.kind, session: s.session.clone() }))
                .collect();
            for message in [
                ServerMessage::SlotMap(SlotMap { epoch, slots: slots.clone() }),
                ServerMessage::MediaMap(map),
                ServerMessage::Voice(voices.clone()),
                ServerMessage::Sdp(vec![1, 2, 3]),
                ServerMessage::Unknown(99),
            ] {
                let (binary, bytes) = message.encode();
                prop_assert_eq!(ServerMessage::decode(binary, &bytes), Ok(message));
            }
        }

        #[test]
        fn any_bytes_are_survived(kind in prop_oneof![Just(9u8), Just(64), Just(66)], data: Vec<u8>) {
            let _ = ServerMessage::decode(true, &data);
            let mut message = vec![kind];
            message.extend(data);
            let _ = ServerMessage::decode(true, &message);
        }
    }
}
