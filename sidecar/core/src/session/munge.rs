//! Small changes to SDP text on its way between str0m and a client.

use std::collections::BTreeMap;

use parley_media::sdp::lines_with_ends;

/// RTP header extension that numbers packets for the estimator.
const TRANSPORT_CC_URI: &str = "transport-wide-cc";

/// msid stream id and track id by mid, where they differ from what str0m was told first.
pub(crate) type Msids = BTreeMap<String, (String, String)>;

/// Takes transport-wide congestion control out of audio sections, both ways: voice goes out unpaced and
/// uncounted, so that the estimator sees video alone (media-plane.md, "str0m 0.25").
pub(crate) fn without_audio_feedback(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut audio = false;
    for line in lines_with_ends(sdp) {
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
        }
        if !(audio && is_audio_feedback(line)) {
            out.push_str(line);
        }
    }
    out
}

/// Lines that the media stack has no use for: it reads each line by trying one form after the other, which
/// is a third of what a description costs.
const NEEDLESS: [&str; 5] = [
    "a=ice-options:",
    "a=rtcp:",
    "a=rtcp-mux",
    "a=rtcp-rsize",
    "a=msid-semantic:",
];
/// Of these it takes the first in the whole description (BUNDLE, RFC 8843 section 7): the same line again
/// says nothing new.
const SAID_ONCE: [&str; 4] = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"];

/// A client's description as the media stack is given it: see [`without_audio_feedback`], and without what
/// changes nothing.
pub(crate) fn for_media_stack(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut audio = false;
    let mut said: [Option<&str>; SAID_ONCE.len()] = [None; SAID_ONCE.len()];
    for line in lines_with_ends(sdp) {
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
        }
        if (audio && is_audio_feedback(line))
            || NEEDLESS.iter().any(|start| line.starts_with(start))
        {
            continue;
        }
        let known = SAID_ONCE.iter().zip(&mut said);
        if let Some((_, said)) = known
            .into_iter()
            .find(|(start, _)| line.starts_with(**start))
        {
            if *said == Some(line) {
                continue;
            }
            said.get_or_insert(line);
        }
        out.push_str(line);
    }
    out
}

fn is_audio_feedback(line: &str) -> bool {
    (line.starts_with("a=extmap:") && line.contains(TRANSPORT_CC_URI))
        || (line.starts_with("a=rtcp-fb:") && line.trim_end().ends_with("transport-cc"))
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
        for line in lines_with_ends(section) {
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
        lines_with_ends(sdp)
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
    lines_with_ends(section)
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
    fn the_media_stack_is_told_everything_once() {
        const BUNDLE: &str = "v=0\r\nm=application 9 X Y\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
            a=fingerprint:sha-256 AA\r\na=setup:active\r\na=ice-options:trickle\r\nm=audio 9 X 111\r\n\
            a=mid:1\r\na=rtcp-mux\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 BB\r\n\
            a=setup:active\r\na=rtcp-fb:111 transport-cc\r\na=rtpmap:111 opus/48000/2\r\n";
        assert_eq!(
            for_media_stack(BUNDLE),
            "v=0\r\nm=application 9 X Y\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
             a=fingerprint:sha-256 AA\r\na=setup:active\r\nm=audio 9 X 111\r\na=mid:1\r\n\
             a=fingerprint:sha-256 BB\r\na=rtpmap:111 opus/48000/2\r\n"
        );
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
