//! Small changes to SDP text on its way between str0m and a client.

use std::collections::BTreeMap;

/// RTP header extension that numbers packets for the estimator.
const TRANSPORT_CC_URI: &str = "transport-wide-cc";

/// msid stream id and track id by mid, where they differ from what str0m was told first.
pub(crate) type Msids = BTreeMap<String, (String, String)>;

/// Takes transport-wide congestion control out of audio sections, both ways: voice goes out unpaced and
/// uncounted, so that the estimator sees video alone (media-plane.md, "str0m 0.25").
pub(crate) fn without_audio_feedback(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut audio = false;
    for line in sdp.split_inclusive('\n') {
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
        }
        let feedback = (line.starts_with("a=extmap:") && line.contains(TRANSPORT_CC_URI))
            || (line.starts_with("a=rtcp-fb:") && line.trim_end().ends_with("transport-cc"));
        if !(audio && feedback) {
            out.push_str(line);
        }
    }
    out
}

/// Names the tracks anew in the sections of `msids`: an m-line that is active again carries another
/// publication, and official clients read its name when the track fires.
pub(crate) fn with_msids(sdp: &str, msids: &Msids) -> String {
    if msids.is_empty() {
        return sdp.to_owned();
    }
    let mut out = String::with_capacity(sdp.len());
    for section in sections(sdp) {
        let ids = mid(section).and_then(|mid| msids.get(mid));
        let Some((stream, track)) = ids else {
            out.push_str(section);
            continue;
        };
        for line in section.split_inclusive('\n') {
            if line.starts_with("a=msid:") {
                out.push_str(&format!("a=msid:{stream} {track}\r\n"));
            } else if let Some((ssrc, _)) = ssrc_msid(line) {
                out.push_str(&format!("a=ssrc:{ssrc} msid:{stream} {track}\r\n"));
            } else {
                out.push_str(line);
            }
        }
    }
    out
}

/// `ice-ufrag` and `ice-pwd` of the first section that has them.
pub(crate) fn ice_credentials(sdp: &str) -> Option<(&str, &str)> {
    let value = |name: &str| {
        sdp.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim_end)
    };
    Some((value("a=ice-ufrag:")?, value("a=ice-pwd:")?))
}

/// The session part, then each m-line's part.
fn sections(sdp: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(sdp.match_indices("\nm=").map(|(at, _)| at + 1));
    starts.push(sdp.len());
    starts
        .windows(2)
        .map(|pair| &sdp[pair[0]..pair[1]])
        .collect()
}

fn mid(section: &str) -> Option<&str> {
    section
        .lines()
        .find_map(|line| line.strip_prefix("a=mid:"))
        .map(str::trim_end)
}

fn ssrc_msid(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("a=ssrc:")?.split_once(" msid:")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 X 111\r\na=mid:0\r\n\
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=rtcp-fb:111 transport-cc\r\nm=video 9 X 96\r\na=mid:1\r\na=msid:s t\r\n\
        a=ssrc:7 cname:t\r\na=ssrc:7 msid:s t\r\na=rtcp-fb:96 transport-cc\r\n";

    #[test]
    fn audio_loses_its_congestion_feedback_and_video_keeps_it() {
        let out = without_audio_feedback(SDP);
        assert!(!out.contains("extmap:3"));
        assert!(!out.contains("111 transport-cc"));
        assert!(out.contains("96 transport-cc"));
    }

    #[test]
    fn a_section_gets_its_new_name() {
        let msids = Msids::from([("1".into(), ("S2".into(), "T2".into()))]);
        let out = with_msids(SDP, &msids);
        assert!(out.contains("a=msid:S2 T2\r\n") && out.contains("a=ssrc:7 msid:S2 T2\r\n"));
        assert!(out.contains("a=ssrc:7 cname:t\r\n"));
        assert_eq!(with_msids(SDP, &Msids::new()), SDP);
    }

    #[test]
    fn credentials_are_found() {
        assert_eq!(ice_credentials(SDP), Some(("abcd", "secret")));
        assert_eq!(ice_credentials("v=0\r\n"), None);
    }
}
