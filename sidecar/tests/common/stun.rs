//! STUN messages by hand (RFC 8489), so that also wrong ones can be sent.

use aws_lc_rs::hmac;

pub const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const PRIORITY: u16 = 0x0024;
const ICE_CONTROLLING: u16 = 0x802a;
const FINGERPRINT: u16 = 0x8028;

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = u16::try_from(message.len() - 20).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// A binding request as a browser sends it, signed with `password`.
pub fn binding(ours: &str, theirs: &str, password: &str, transaction: u32) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0];
    message.extend(COOKIE);
    message.extend([7; 8]);
    message.extend(transaction.to_be_bytes());
    attribute(
        &mut message,
        USERNAME,
        format!("{ours}:{theirs}").as_bytes(),
    );
    attribute(&mut message, PRIORITY, &0x6e00_01ff_u32.to_be_bytes());
    attribute(&mut message, ICE_CONTROLLING, &1_u64.to_be_bytes());
    sign(&mut message, password);
    message
}

/// Adds MESSAGE-INTEGRITY and FINGERPRINT.
pub fn sign(message: &mut Vec<u8>, password: &str) {
    // The length covers the attribute itself while it is computed (RFC 8489 section 14.5).
    let end = message.len();
    attribute(message, MESSAGE_INTEGRITY, &[0; 20]);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &message[..end]);
    let start = end + 4;
    message[start..start + 20].copy_from_slice(tag.as_ref());
    let end = message.len();
    attribute(message, FINGERPRINT, &[0; 4]);
    let crc = crc32(&message[..end]) ^ 0x5354_554e;
    message[end + 4..end + 8].copy_from_slice(&crc.to_be_bytes());
}

/// CRC-32 (ITU V.42), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

/// A success response to a binding request of this transaction.
pub fn is_success(answer: &[u8], transaction: u32) -> bool {
    answer.len() >= 20 && answer[..2] == [1, 1] && answer[16..20] == transaction.to_be_bytes()
}
