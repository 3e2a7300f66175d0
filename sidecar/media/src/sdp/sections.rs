//! The m-lines of a description, as far as up-link classification needs them.

use super::text::lines;

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
    /// The attribute without `a=`.
    pub(super) fn parse(attribute: &str) -> Option<Self> {
        match attribute {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

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
    /// Port 0: rejected or stopped. Not so a `bundle-only` line of an offer (RFC 9143 section 6).
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
    let mut session_direction = Direction::SendRecv;
    let mut sections: Vec<Section> = Vec::new();
    for line in lines(sdp) {
        if let Some(media) = line.strip_prefix("m=") {
            sections.push(Section::start(media, session_direction));
            continue;
        }
        let Some(attribute) = line.strip_prefix("a=") else {
            continue;
        };
        match sections.last_mut() {
            Some(section) => section.read(attribute),
            None => {
                if let Some(direction) = Direction::parse(attribute) {
                    session_direction = direction;
                }
            }
        }
    }
    sections
}

impl Section {
    fn start(media: &str, direction: Direction) -> Self {
        let mut words = media.split(' ');
        let kind = match words.next() {
            Some("audio") => MediaKind::Audio,
            Some("video") => MediaKind::Video,
            Some("application") => MediaKind::Application,
            _ => MediaKind::Other,
        };
        Self {
            mid: String::new(),
            kind,
            rejected: words.next() == Some("0"),
            direction,
            msid_stream: None,
            msid_track: None,
            ssrcs: Vec::new(),
            fid: Vec::new(),
            rids: Vec::new(),
        }
    }

    fn read(&mut self, attribute: &str) {
        if let Some(direction) = Direction::parse(attribute) {
            self.direction = direction;
            return;
        }
        if attribute == "bundle-only" {
            self.rejected = false;
        }
        let Some((name, value)) = attribute.split_once(':') else {
            return;
        };
        match name {
            "mid" => self.mid = value.trim().to_owned(),
            "msid" => self.read_msid(value),
            "ssrc" => {
                let (number, rest) = value.split_once(' ').unwrap_or((value, ""));
                let Ok(ssrc) = number.parse() else { return };
                if !self.ssrcs.contains(&ssrc) {
                    self.ssrcs.push(ssrc);
                }
                if let Some(msid) = rest.strip_prefix("msid:") {
                    self.read_msid(msid);
                }
            }
            "ssrc-group" => {
                let mut words = value.split(' ');
                if words.next() == Some("FID") {
                    let mut numbers = words.filter_map(|word| word.parse().ok());
                    if let (Some(media), Some(repair)) = (numbers.next(), numbers.next()) {
                        self.fid.push((media, repair));
                    }
                }
            }
            "rid" => {
                let mut words = value.split(' ');
                if let (Some(id), Some(direction)) = (words.next(), words.next()) {
                    self.rids.push(Rid {
                        id: id.to_owned(),
                        send: direction == "send",
                    });
                }
            }
            _ => {}
        }
    }

    fn read_msid(&mut self, value: &str) {
        let (stream, track) = value.split_once(' ').unwrap_or((value, ""));
        if self.msid_stream.is_none() && stream != "-" && !stream.is_empty() {
            self.msid_stream = Some(stream.to_owned());
            self.msid_track = (!track.is_empty()).then(|| track.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::CHROMIUM_MIC;
    use super::*;

    #[test]
    fn reads_a_browsers_offer() {
        let sections = sections(CHROMIUM_MIC);
        let shape: Vec<_> = sections.iter().map(|s| (s.mid.as_str(), s.kind)).collect();
        assert_eq!(
            shape,
            [
                ("0", MediaKind::Application),
                ("1", MediaKind::Audio),
                ("2", MediaKind::Video)
            ]
        );
        let mic = &sections[1];
        assert_eq!(mic.direction, Direction::SendRecv);
        assert_eq!(mic.msid_stream.as_deref(), Some("micstream"));
        assert_eq!(mic.msid_track.as_deref(), Some("mictrack"));
        assert_eq!(mic.ssrcs, [1111]);
        let screen = &sections[2];
        assert_eq!(screen.direction, Direction::SendOnly);
        assert_eq!(screen.msid_stream.as_deref(), Some("screenstream"));
        assert_eq!(screen.fid, [(2222, 2223)]);
        assert_eq!(
            screen
                .rids
                .iter()
                .map(|r| r.id.as_str())
                .collect::<Vec<_>>(),
            ["l", "h"]
        );
        assert!(screen.rids.iter().all(|r| r.send));
    }

    #[test]
    fn the_msid_of_an_ssrc_line_counts_and_a_dash_does_not() {
        let sdp =
            "m=audio 0 X 1\na=msid:- t\na=ssrc:7 msid:stream track\na=ssrc:7 cname:c\na=ssrc:x y\n";
        let sections = sections(sdp);
        assert_eq!(sections[0].msid_stream.as_deref(), Some("stream"));
        assert_eq!(sections[0].ssrcs, [7]);
        assert!(sections[0].rejected);
    }

    #[test]
    fn a_bundle_only_line_is_not_rejected() {
        let sdp = "m=audio 9 X 1\nm=audio 0 X 1\na=bundle-only\nm=audio 0 X 1\n";
        let rejected: Vec<_> = sections(sdp).iter().map(|s| s.rejected).collect();
        assert_eq!(rejected, [false, false, true]);
    }
}
