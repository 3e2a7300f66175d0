//! Small changes to SDP text on its way between str0m and a client.

use std::collections::BTreeMap;

use parley_media::sdp::lines_with_ends;

/// RTP header extension that numbers packets for the estimator.
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// RTP header extensions that the media stack knows what to do with, in video and in audio. It passes over
/// any other, once it has read it letter by letter.
const EXTENSIONS: [&str; 7] = [
    AUDIO_EXTENSIONS[0],
    AUDIO_EXTENSIONS[1],
    TRANSPORT_CC,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "urn:3gpp:video-orientation",
];
/// Of them, those that sound needs: nothing estimates by voices, and they have no layers.
const AUDIO_EXTENSIONS: [&str; 2] = [
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "urn:ietf:params:rtp-hdrext:sdes:mid",
];

/// msid stream id and track id by mid, where they differ from what str0m was told first.
pub(crate) type Msids = BTreeMap<String, (String, String)>;

/// A description of ours without what audio sections have no use for. Transport-wide congestion control is
/// taken out of them both ways: voice goes out unpaced and uncounted, so that the estimator sees video alone
/// (media-plane.md, "str0m 0.25"). Of the header extensions only [`AUDIO_EXTENSIONS`] stay.
pub(crate) fn with_slim_audio(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut audio = false;
    for line in lines_with_ends(sdp) {
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
        }
        if !(audio && is_needless_in_audio(line.trim_end())) {
            out.push_str(line);
        }
    }
    out
}

/// Attributes that the media stack makes something of. Reading a line costs it one try for each form that
/// it knows, letter by letter, and one that it passes over costs most: it is in none of the forms.
const KNOWN: [&str; 17] = [
    "extmap",
    "fmtp",
    "group",
    "ice-lite",
    "inactive",
    "max-message-size",
    "mid",
    "msid",
    "recvonly",
    "rid",
    "rtpmap",
    "sctp-init",
    "sctp-port",
    "sendonly",
    "sendrecv",
    "simulcast",
    "ssrc-group",
];
/// Of these it takes the first in the whole description (BUNDLE, RFC 8843 section 7): the same line again
/// says nothing new.
const SAID_ONCE: [&str; 4] = ["ice-ufrag", "ice-pwd", "fingerprint", "setup"];

/// A client's description as the media stack is given it: see [`with_slim_audio`], and without what changes
/// nothing. It takes the fingerprint from the first description that has one: with `knows_fingerprint` no
/// other is shown to it.
pub(crate) fn for_media_stack(sdp: &str, knows_fingerprint: bool) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut audio = false;
    let mut said: [Option<&str>; SAID_ONCE.len()] = [None; SAID_ONCE.len()];
    let mut ssrc = None;
    for line in lines_with_ends(sdp) {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.starts_with("m=") {
            audio = line.starts_with("m=audio");
            ssrc = None;
        }
        let keep = match line.strip_prefix("a=") {
            // Addresses are those of checks.
            None => !line.is_empty() && !line.starts_with("c="),
            Some(_) if audio && is_needless_in_audio(line) => false,
            Some(attribute) => {
                let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
                match name {
                    "extmap" => EXTENSIONS.contains(&uri(value)),
                    "rtcp-fb" => true,
                    "fingerprint" if knows_fingerprint => false,
                    // Only the number counts, however much is said of it.
                    "ssrc" => {
                        let number = value.split(' ').next();
                        std::mem::replace(&mut ssrc, number) != number
                    }
                    _ => match SAID_ONCE.iter().position(|once| *once == name) {
                        Some(at) if said[at] == Some(line) => false,
                        Some(at) => {
                            said[at].get_or_insert(line);
                            true
                        }
                        None => KNOWN.contains(&name),
                    },
                }
            }
        };
        if keep {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

fn is_needless_in_audio(line: &str) -> bool {
    match line.strip_prefix("a=extmap:") {
        Some(value) => !AUDIO_EXTENSIONS.contains(&uri(value)),
        None => line.starts_with("a=rtcp-fb:") && line.ends_with("transport-cc"),
    }
}

/// `<id>[/<direction>] <URI>[ <attributes>]` (RFC 8285 section 5).
fn uri(extmap: &str) -> &str {
    extmap.split(' ').nth(1).unwrap_or_default()
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
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=rtcp-fb:111 transport-cc\r\nm=video 9 X 96\r\na=mid:1\r\na=msid:s t\r\n\
        a=ssrc:7 cname:t\r\na=ssrc:7 msid:s t\r\na=rtcp-fb:96 transport-cc\r\n";

    #[test]
    fn audio_loses_its_congestion_feedback_and_video_keeps_it() {
        let out = with_slim_audio(SDP);
        assert!(!out.contains("extmap:3") && !out.contains("abs-send-time"));
        assert!(out.contains("extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"));
        assert!(!out.contains("111 transport-cc"));
        assert!(out.contains("96 transport-cc"));
    }

    const BUNDLE: &str = "v=0\r\na=extmap-allow-mixed\r\nm=application 9 X Y\r\nc=IN IP4 0.0.0.0\r\n\
        a=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\n\
        a=ice-options:trickle\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\na=end-of-candidates\r\n\
        m=audio 9 X 111\r\na=mid:1\r\na=rtcp-mux\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n\
        a=fingerprint:sha-256 BB\r\na=setup:active\r\na=extmap:5/sendonly urn:x-unknown\r\n\
        a=rtcp-fb:111 transport-cc\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:7 cname:c\r\n\
        a=ssrc:7 msid:s t\r\na=ssrc:8 cname:c\n";

    #[test]
    fn the_media_stack_is_told_what_it_uses_and_that_once() {
        let told = |fingerprint: &[&str]| {
            let of = |n| fingerprint.get(n).copied().unwrap_or_default();
            [
                "v=0\r\nm=application 9 X Y\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n",
                of(0),
                "a=setup:active\r\nm=audio 9 X 111\r\na=mid:1\r\n",
                of(1),
                "a=rtpmap:111 opus/48000/2\r\na=ssrc:7 cname:c\r\na=ssrc:8 cname:c\r\n",
            ]
            .concat()
        };
        let both = [
            "a=fingerprint:sha-256 AA\r\n",
            "a=fingerprint:sha-256 BB\r\n",
        ];
        assert_eq!(for_media_stack(BUNDLE, false), told(&both));
        assert_eq!(for_media_stack(BUNDLE, true), told(&[]));
    }

    #[test]
    fn every_extension_that_the_media_stack_knows_is_told() {
        let standard = str0m::rtp::ExtensionMap::standard();
        let all: Vec<_> = standard.iter_audio().chain(standard.iter_video()).collect();
        assert!(all.len() > EXTENSIONS.len());
        for (_, extension) in all {
            assert!(EXTENSIONS.contains(&extension.as_uri()), "{extension}");
        }
    }

    /// What the media stack answers to the client's whole description, and to what it is shown of it.
    #[test]
    fn what_is_left_out_changes_no_answer() {
        let answer = |offer: &str| {
            let shared = crate::crypto::SharedDtls::get();
            let mut rtc = str0m::Rtc::builder()
                .set_crypto_provider(shared.provider)
                .set_dtls_cert(shared.certificate)
                .set_local_ice_credentials(str0m::IceCreds {
                    ufrag: "ours".into(),
                    pass: "secret".into(),
                })
                .clear_codecs()
                .enable_opus(true, false)
                .enable_vp8(true)
                .build(std::time::Instant::now());
            let offer = str0m::change::SdpOffer::from_sdp_string(offer).unwrap();
            let answer = rtc.sdp_api().accept_offer(offer).unwrap();
            let offer_next = {
                let mut api = rtc.sdp_api();
                api.add_channel("dc".into());
                let audio = audio_mid(&answer.to_sdp_string());
                api.set_direction(audio, str0m::media::Direction::Inactive);
                api.apply().unwrap().0.to_sdp_string()
            };
            let described = [answer.to_sdp_string(), offer_next].concat();
            // The second line has a random number.
            let lines = described.lines().filter(|line| !line.starts_with("o="));
            lines.map(|line| format!("{line}\r\n")).collect::<String>()
        };
        const CHROMIUM: &str = include_str!("../../../media/fuzz/corpus/sdp/chromium_mic.sdp");
        let whole = parley_media::sdp::prepare_offer(CHROMIUM, &[]);
        let told = for_media_stack(&whole, false);
        assert!(told.len() * 5 < whole.len() * 4, "{}", told.len());
        let expected = with_slim_audio(&answer(&whole));
        assert!(expected.contains("a=simulcast:recv l;h"));
        assert_eq!(with_slim_audio(&answer(&told)), expected);
    }

    fn audio_mid(sdp: &str) -> str0m::media::Mid {
        let audio = sections(sdp).into_iter().find(|s| s.starts_with("m=audio"));
        audio.and_then(mid).unwrap().into()
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
