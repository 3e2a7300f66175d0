//! What a client says on `calls-dc`.

use super::ChannelError;

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
        let _ = (binary, data);
        todo!()
    }

    /// The message's bytes and whether they go as a binary frame.
    pub fn encode(&self) -> (bool, Vec<u8>) {
        todo!()
    }
}
