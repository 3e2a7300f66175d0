//! What must hold for any bytes: the bodies of the fuzz targets, shared with the replay of their
//! corpora. Panics are findings.

use parley_media::channel::{ClientMessage, ServerMessage};
use parley_media::sdp;
use parley_media::ufrag::UfragCodec;
use parley_media::video::Vp8Header;

/// What is accepted is accepted again after encoding it anew.
pub(crate) fn client_msg(data: &[u8]) {
    let _ = ServerMessage::decode(true, data);
    for binary in [true, false] {
        if let Ok(message) = ClientMessage::decode(binary, data) {
            let (again_binary, again) = message.encode();
            assert_eq!(ClientMessage::decode(again_binary, &again), Ok(message));
        }
    }
}

/// A valid description stays valid after the changes made to it, and keeps its m-lines.
pub(crate) fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let before = sdp::sections(text);
    let prepared = sdp::prepare_offer(text, &["0"]);
    let limits = sdp::SdpLimits::default();
    if sdp::validate(text, &limits).is_ok() {
        assert!(before.len() <= limits.m_lines_max);
        assert_eq!(sdp::validate(&prepared, &limits), Ok(()));
        assert_eq!(sdp::sections(&prepared).len(), before.len());
        assert!(!prepared.contains("a=candidate"));
    }
}

/// The limit holds, and what came out goes in again.
pub(crate) fn inflate(data: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    if let Ok(output) = sdp::inflate(data, LIMIT) {
        assert!(output.len() <= LIMIT.min(data.len() * sdp::INFLATE_RATIO_MAX));
        let packed = sdp::deflate(&output);
        if output.len() <= packed.len() * sdp::INFLATE_RATIO_MAX {
            assert_eq!(sdp::inflate(&packed, LIMIT), Ok(output));
        }
    }
    let _ = sdp::Description::from_zlib(data, LIMIT);
    let _ = sdp::Description::from_json(data, LIMIT);
}

/// Patching with the numbers that are there changes nothing.
pub(crate) fn vp8(data: &[u8]) {
    let Some(header) = Vp8Header::parse(data) else {
        return;
    };
    assert!(header.bytes < data.len());
    let mut patched = data.to_vec();
    let numbers = parley_media::video::Vp8Numbers {
        picture_id: header.picture_id,
        tl0: header.tl0,
    };
    assert!(Vp8Header::patch(&mut patched, numbers));
    assert_eq!(patched, data);
}

/// Only what we encoded is decoded.
pub(crate) fn ufrag(data: &[u8]) {
    let codec = UfragCodec::new([1; 16]);
    let text = String::from_utf8_lossy(data);
    if let Some(parts) = codec.decode_username(&text) {
        assert!(text.starts_with(&codec.encode(parts)));
    }
}
