//! What a client says on `calls-dc`.

use super::read::Reader;
use super::write::Writer;
use super::{CAMERAS_MAX, ChannelError};

/// A message from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage<'a> {
    /// 1: answer with `Pong` at once.
    Ping,
    /// The text frame `ping`: answer with `TextPong`.
    TextPing,
    /// 3: zlib of JSON `{type, sdp}`, see [`crate::sdp::Description::from_zlib`].
    Sdp(&'a [u8]),
    /// 4: 0 to 1.
    LossRate(f64),
    /// 5: seconds.
    RoundTripTime(f64),
    /// 6: seconds.
    Jitter(f64),
    /// 7: wants the signalling lock; answer with an explicit boolean.
    Lock,
    /// 8: gives it back; harmless without having it.
    Unlock,
    /// 65: what this client shows.
    View(View),
    /// A type we do not know, its payload unread.
    Unknown(u64),
}

/// What a client shows, complete each time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Shows the shared screen.
    pub screen: bool,
    /// Whose cameras, at most [`super::CAMERAS_MAX`], each session once.
    pub cameras: Vec<CameraView>,
}

/// One camera that a client shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraView {
    /// Whose.
    pub session: String,
    /// Pixels on the display, 0 to 65535.
    pub height: u16,
}

impl<'a> ClientMessage<'a> {
    /// Reads one message; `binary` is the data channel's frame kind.
    pub fn decode(binary: bool, data: &'a [u8]) -> Result<Self, ChannelError> {
        if !binary {
            return match data {
                b"ping" => Ok(Self::TextPing),
                _ => Err(ChannelError::UnknownText),
            };
        }
        let mut reader = Reader::new(data);
        // Values after those we know are left unread: later clients may add some.
        Ok(match reader.unsigned("type")? {
            1 => Self::Ping,
            3 => Self::Sdp(reader.binary("sdp")?),
            4 => Self::LossRate(reader.measure("loss rate")?),
            5 => Self::RoundTripTime(reader.measure("round-trip time")?),
            6 => Self::Jitter(reader.measure("jitter")?),
            7 => Self::Lock,
            8 => Self::Unlock,
            65 => Self::View(View::read(&mut reader)?),
            other => Self::Unknown(other),
        })
    }

    /// The message's bytes and whether they go as a binary frame.
    pub fn encode(&self) -> (bool, Vec<u8>) {
        let writer = match self {
            Self::TextPing => return (false, b"ping".to_vec()),
            Self::Ping => Writer::message(1),
            Self::Lock => Writer::message(7),
            Self::Unlock => Writer::message(8),
            Self::Unknown(kind) => Writer::message(*kind),
            Self::Sdp(data) => {
                let mut writer = Writer::message(3);
                writer.binary(data);
                writer
            }
            Self::LossRate(value) => measured(4, *value),
            Self::RoundTripTime(value) => measured(5, *value),
            Self::Jitter(value) => measured(6, *value),
            Self::View(view) => view.write(),
        };
        (true, writer.into_vec())
    }
}

fn measured(kind: u64, value: f64) -> Writer {
    let mut writer = Writer::message(kind);
    writer.measure(value);
    writer
}

impl View {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ChannelError> {
        let mut view = Self::default();
        for _ in 0..reader.map("view")? {
            match reader.text("view field")? {
                "screen" => view.screen = reader.boolean("screen")?,
                "cameras" => view.cameras = read_cameras(reader)?,
                _ => reader.skip()?,
            }
        }
        Ok(view)
    }

    fn write(&self) -> Writer {
        let mut writer = Writer::message(65);
        writer.map(2).text("screen").boolean(self.screen);
        writer.text("cameras").array(self.cameras.len());
        for camera in &self.cameras {
            writer.map(2).text("session").text(&camera.session);
            writer.text("height").unsigned(camera.height.into());
        }
        writer
    }
}

fn read_cameras(reader: &mut Reader<'_>) -> Result<Vec<CameraView>, ChannelError> {
    let count = reader.array("cameras")?;
    if count > CAMERAS_MAX {
        return Err(ChannelError::Limit("cameras"));
    }
    // A camera takes at least 18 bytes: room for no more than can be there.
    let mut cameras: Vec<CameraView> = Vec::with_capacity(count.min(reader.remaining() / 18));
    for _ in 0..count {
        let camera = CameraView::read(reader)?;
        if cameras.iter().any(|other| other.session == camera.session) {
            return Err(ChannelError::Limit("cameras of one session"));
        }
        cameras.push(camera);
    }
    Ok(cameras)
}

impl CameraView {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ChannelError> {
        let (mut session, mut height) = (None, None);
        for _ in 0..reader.map("camera")? {
            match reader.text("camera field")? {
                "session" => session = Some(reader.text("session")?),
                "height" => height = Some(reader.measure("height")?),
                _ => reader.skip()?,
            }
        }
        Ok(Self {
            session: session.ok_or(ChannelError::Missing("session"))?.to_owned(),
            // Casting a float saturates.
            height: height.ok_or(ChannelError::Missing("height"))? as u16,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn l25_l28_reads_what_the_clients_were_seen_to_send() {
        let cases: [(&[u8], ClientMessage<'_>); 9] = [
            (b"\x01", ClientMessage::Ping),
            (b"\xcc\x01", ClientMessage::Ping),
            (b"\x03\xc4\x02hi", ClientMessage::Sdp(b"hi")),
            (
                b"\x04\xcb\x3f\xd0\0\0\0\0\0\0",
                ClientMessage::LossRate(0.25),
            ),
            (b"\x04\x00", ClientMessage::LossRate(0.0)),
            (
                b"\x05\xcb\x3f\xa5\x81\x06\x24\xdd\x2f\x1b",
                ClientMessage::RoundTripTime(0.042),
            ),
            (b"\xcc\x07", ClientMessage::Lock),
            (b"\x08", ClientMessage::Unlock),
            (b"\x0a\x01", ClientMessage::Unknown(10)),
        ];
        for (bytes, message) in cases {
            assert_eq!(ClientMessage::decode(true, bytes), Ok(message));
        }
        assert_eq!(
            ClientMessage::decode(false, b"ping"),
            Ok(ClientMessage::TextPing)
        );
        assert_eq!(
            ClientMessage::decode(false, b"pong"),
            Err(ChannelError::UnknownText)
        );
    }

    #[test]
    fn refuses_lies_about_lengths_and_deep_nesting() {
        let lies: [&[u8]; 5] = [
            b"\x03\xc6\xff\xff\xff\xff",
            b"\x41\xdf\xff\xff\xff\xff",
            b"\x41\x81\xa7cameras\xdd\xff\xff\xff\xff",
            b"\x04",
            b"",
        ];
        for bytes in lies {
            assert_eq!(
                ClientMessage::decode(true, bytes),
                Err(ChannelError::Truncated)
            );
        }
        let mut deep = b"\x41\x81\xa1x".to_vec();
        deep.extend(std::iter::repeat_n(0x91, 100_000));
        deep.push(0);
        assert_eq!(
            ClientMessage::decode(true, &deep),
            Err(ChannelError::Limit("depth"))
        );
        assert!(
            ClientMessage::decode(true, b"\x04\xcb\x7f\xf8\0\0\0\0\0\0").is_err(),
            "NaN"
        );
        assert!(
            ClientMessage::decode(true, b"\x04\xff").is_err(),
            "negative"
        );
    }

    #[test]
    fn unknown_fields_may_nest_as_deep_as_the_limit_and_no_deeper() {
        let nested = |arrays: usize| {
            let mut view = b"\x41\x81\xa1x".to_vec();
            view.extend(std::iter::repeat_n(0x91, arrays));
            view.push(0);
            ClientMessage::decode(true, &view).map(drop)
        };
        assert_eq!(nested(crate::channel::DEPTH_MAX), Ok(()));
        let deeper = nested(crate::channel::DEPTH_MAX + 1);
        assert_eq!(deeper, Err(ChannelError::Limit("depth")));
    }

    #[test]
    fn a_view_may_carry_unknown_fields_but_not_ten_cameras() {
        let mut writer = Writer::message(65);
        writer
            .map(2)
            .text("later")
            .array(1)
            .map(0)
            .text("screen")
            .boolean(true);
        assert_eq!(
            ClientMessage::decode(true, &writer.into_vec()),
            Ok(ClientMessage::View(View {
                screen: true,
                cameras: vec![]
            }))
        );
        let view = View {
            screen: false,
            cameras: (0..10)
                .map(|n| CameraView {
                    session: n.to_string(),
                    height: n,
                })
                .collect(),
        };
        let (_, bytes) = ClientMessage::View(view).encode();
        assert_eq!(
            ClientMessage::decode(true, &bytes),
            Err(ChannelError::Limit("cameras"))
        );
    }

    fn any_view() -> impl Strategy<Value = View> {
        (
            any::<bool>(),
            proptest::collection::btree_map("[a-z0-9]{1,40}", any::<u16>(), 0..9),
        )
            .prop_map(|(screen, cameras)| View {
                screen,
                cameras: cameras
                    .into_iter()
                    .map(|(session, height)| CameraView { session, height })
                    .collect(),
            })
    }

    proptest! {
        #[test]
        fn survives_the_round_trip(view in any_view(), number in 0.0..1e9f64, data: Vec<u8>) {
            for message in [
                ClientMessage::View(view.clone()),
                ClientMessage::Sdp(&data),
                ClientMessage::LossRate(number),
                ClientMessage::Jitter(number.floor()),
                ClientMessage::TextPing,
                ClientMessage::Lock,
            ] {
                let (binary, bytes) = message.encode();
                prop_assert_eq!(ClientMessage::decode(binary, &bytes), Ok(message));
            }
        }

        #[test]
        fn any_bytes_are_survived(binary: bool, data: Vec<u8>) {
            let _ = ClientMessage::decode(binary, &data);
            let mut view = vec![65];
            view.extend(data);
            let _ = ClientMessage::decode(true, &view);
        }
    }
}
