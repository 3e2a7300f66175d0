//! Descriptions for the tests, in the shape browsers make them.

/// Data channel, microphone, simulcast screen.
pub(super) const CHROMIUM_MIC: &str = include_str!("../../fuzz/corpus/sdp/chromium_mic.sdp");

/// One valid section.
pub(super) fn section(kind: &str, mid: &str, attributes: &str) -> String {
    let rest = match kind {
        "audio" => "UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n",
        "video" => "UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
        _ => "UDP/DTLS/SCTP webrtc-datachannel\r\n",
    };
    format!("m={kind} 9 {rest}a=mid:{mid}\r\n{attributes}")
}
