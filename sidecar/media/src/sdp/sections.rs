//! The m-lines of a description, as far as up-link classification needs them.

/// What an m-line carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// `m=audio`.
    Audio,
    /// `m=video`.
    Video,
    /// `m=application`.
    Application,
    /// Anything else.
    Other,
}

/// Of an m-line, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// The sender of the description sends on this m-line.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }
}

/// `a=rid:<id> send|recv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rid {
    /// Its name.
    pub id: String,
    /// `send` (true) or `recv`.
    pub send: bool,
}

/// One m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `a=mid`, empty when absent.
    pub mid: String,
    /// What it carries.
    pub kind: MediaKind,
    /// Port 0: rejected or stopped.
    pub rejected: bool,
    /// Its own or the session's direction.
    pub direction: Direction,
    /// Stream id of the first `a=msid` (or `a=ssrc … msid:`) that is not `-`.
    pub msid_stream: Option<String>,
    /// Track id of the same.
    pub msid_track: Option<String>,
    /// `a=ssrc` in order of appearance, each once.
    pub ssrcs: Vec<u32>,
    /// `a=ssrc-group:FID a b`: media and its retransmissions.
    pub fid: Vec<(u32, u32)>,
    /// In order of appearance.
    pub rids: Vec<Rid>,
}

/// The m-lines in order. Meant for text that passed [`super::validate`]; any text is survived.
pub fn sections(sdp: &str) -> Vec<Section> {
    let _ = sdp;
    todo!()
}
