//! ICE user fragments that carry where a session lives, so that the first datagram of a client finds
//! its shard without a lookup. A keyed checksum keeps outsiders from making ones that aim at a shard.
//!
//! Layout before base64 (whose alphabet is `ice-char`, RFC 8839 section 5.4): node, shard, slot,
//! epoch, then 6 bytes of SipHash-2-4 over them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;

const BODY_BYTES: usize = 9;
const TAG_BYTES: usize = 6;

/// Length of every encoded fragment, characters.
pub const UFRAG_CHARS: usize = 20;

/// Where a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parts {
    /// Number of the node in the deployment.
    pub node: u16,
    /// The shard's number on the node.
    pub shard: u8,
    /// The session's place in the shard's table.
    pub slot: u32,
    /// Which use of that place, or which process start: an old fragment must not hit a new session.
    pub epoch: u16,
}

/// Makes and reads fragments with one secret key per process start.
#[derive(Clone)]
pub struct UfragCodec {
    key: [u8; 16],
}

impl UfragCodec {
    /// The key must be random and unknown to clients.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// [`UFRAG_CHARS`] characters of `[A-Za-z0-9+/]`.
    pub fn encode(&self, parts: Parts) -> String {
        let mut raw = [0; BODY_BYTES + TAG_BYTES];
        raw[0..2].copy_from_slice(&parts.node.to_be_bytes());
        raw[2] = parts.shard;
        raw[3..7].copy_from_slice(&parts.slot.to_be_bytes());
        raw[7..9].copy_from_slice(&parts.epoch.to_be_bytes());
        let tag = self.tag(&raw[..BODY_BYTES]);
        raw[BODY_BYTES..].copy_from_slice(&tag);
        STANDARD_NO_PAD.encode(raw)
    }

    /// The parts of a fragment we made; `None` for any other text.
    pub fn decode(&self, ufrag: &str) -> Option<Parts> {
        if ufrag.len() != UFRAG_CHARS {
            return None;
        }
        let mut raw = [0; BODY_BYTES + TAG_BYTES];
        let written = STANDARD_NO_PAD.decode_slice(ufrag, &mut raw).ok()?;
        if written != raw.len() || self.tag(&raw[..BODY_BYTES]) != raw[BODY_BYTES..] {
            return None;
        }
        Some(Parts {
            node: u16::from_be_bytes([raw[0], raw[1]]),
            shard: raw[2],
            slot: u32::from_be_bytes([raw[3], raw[4], raw[5], raw[6]]),
            epoch: u16::from_be_bytes([raw[7], raw[8]]),
        })
    }

    /// The parts in a STUN USERNAME, `<our fragment>:<theirs>` (RFC 8445 section 7.2.2).
    pub fn decode_username(&self, username: &str) -> Option<Parts> {
        self.decode(username.split_once(':')?.0)
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG_BYTES] {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(body);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&hasher.finish().to_be_bytes()[..TAG_BYTES]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn codec() -> UfragCodec {
        UfragCodec::new([7; 16])
    }

    proptest! {
        #[test]
        fn survives_the_round_trip_in_legal_characters(node: u16, shard: u8, slot: u32, epoch: u16) {
            let parts = Parts { node, shard, slot, epoch };
            let text = codec().encode(parts);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/'));
            prop_assert_eq!(text.len(), UFRAG_CHARS);
            prop_assert_eq!(codec().decode(&text), Some(parts));
            prop_assert_eq!(codec().decode_username(&format!("{text}:abcd")), Some(parts));
            prop_assert_eq!(UfragCodec::new([8; 16]).decode(&text), None);
        }

        #[test]
        fn one_changed_character_is_refused(slot: u32, at in 0..UFRAG_CHARS, to in "[A-Za-z0-9+/]") {
            let text = codec().encode(Parts { node: 1, shard: 0, slot, epoch: 1 });
            let mut forged = text.clone();
            forged.replace_range(at..=at, &to);
            prop_assume!(forged != text);
            prop_assert_eq!(codec().decode(&forged), None);
        }

        #[test]
        fn any_text_is_survived(text in ".{0,40}") {
            prop_assert_eq!(codec().decode(&text), None);
        }
    }
}
