//! Ids, tokens and their hashes.

use sha2::{Digest, Sha256};

/// z-base-32's alphabet: lower-case and digits, as Mattermost's ids use.
const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
/// Length of every id.
const ID_CHARS: usize = 26;

fn encode(bytes: &[u8]) -> String {
    let (mut buffer, mut bits, mut text) = (0u32, 0u32, String::with_capacity(ID_CHARS));
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[((buffer >> bits) & 31) as usize]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[((buffer << (5 - bits)) & 31) as usize]));
    }
    text.truncate(ID_CHARS);
    text
}

/// A new random id: 26 characters, 128 bits.
///
/// # Panics
/// If the operating system has no random numbers; nothing safe can be done then.
pub(crate) fn new_id() -> String {
    let mut bytes = [0u8; 16];
    #[allow(clippy::expect_used)]
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    encode(&bytes)
}

/// What is stored of a token.
pub(crate) fn hash_token(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// The CSRF token that belongs to a session token: script-readable, and useless without it.
pub(crate) fn csrf_of(token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"parley csrf\0");
    hash.update(token.as_bytes());
    encode(&hash.finalize()[..16])
}

/// Is this an id (`^[a-z0-9]{26}$`)?
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// 64-bit FNV-1a, as Mattermost puts it into bundle names.
pub(crate) fn fnv1a_64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_the_platform() {
        for _ in 0..100 {
            assert!(is_id(&new_id()));
        }
        assert_ne!(new_id(), new_id());
        assert!(!is_id("A".repeat(26).as_str()));
        assert!(!is_id(""));
    }

    #[test]
    fn fnv_matches_the_published_vectors() {
        assert_eq!(fnv1a_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a_64(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
