//! AEAD of SRTP (RFC 7714) with one side's key.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use str0m::rtp::Ssrc;
use str0m_proto::crypto::AeadAes128Gcm;

use crate::crypto::SendKey;

/// Authentication tag of both profiles, bytes.
pub(crate) const TAG: usize = AeadAes128Gcm::TAG_LEN;
/// The clear part of an SRTCP packet, and what ends it: the flag that it is encrypted, and its index (RFC 7714
/// section 9.2), bytes.
const CLEAR: usize = 8;
const INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// Salt and nonce of both, bytes (RFC 7714 section 8.1).
const NONCE: usize = AeadAes128Gcm::IV_LEN;

/// See the module. Its key is where the session's own state is: one pointer less to follow for each packet
/// than by the media stack's interface.
pub(crate) struct Cipher {
    key: LessSafeKey,
    salt: [u8; NONCE],
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// Of one side, for whichever it is that is done with it. An error: the library has no such cipher.
    pub(crate) fn new(key: &SendKey) -> Result<Self, Unspecified> {
        match key {
            SendKey::Aes128Gcm { key, salt } => Self::with(&AES_128_GCM, key, *salt),
            SendKey::Aes256Gcm { key, salt } => Self::with(&AES_256_GCM, key, *salt),
        }
    }

    fn with(
        algorithm: &'static Algorithm,
        key: &[u8],
        salt: [u8; NONCE],
    ) -> Result<Self, Unspecified> {
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key)?);
        Ok(Self { key, salt })
    }

    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        // The same for both lengths of keys.
        let (rollover, sequence) = ((index >> 16) as u32, index as u16);
        let iv = AeadAes128Gcm::rtp_iv(self.salt, ssrc, rollover, sequence);
        Nonce::assume_unique_for_key(iv)
    }

    /// The payload in `body`, which is ciphertext and tag, into `plain`: its length. `plain` has room for
    /// all of `body` but the tag.
    pub(crate) fn open(
        &self,
        ssrc: u32,
        index: u64,
        header: &[u8],
        body: &[u8],
        plain: &mut [u8],
    ) -> Result<usize, Unspecified> {
        let (text, tag) = body.split_last_chunk::<TAG>().ok_or(Unspecified)?;
        let plain = plain.get_mut(..text.len()).ok_or(Unspecified)?;
        let (nonce, aad) = (self.nonce(ssrc, index), Aad::from(header));
        self.key
            .open_separate_gather(nonce, aad, text, tag, plain)?;
        Ok(text.len())
    }

    /// Ciphertext and tag of `payload` into `body`, which has room for exactly both.
    pub(crate) fn seal(
        &self,
        ssrc: Ssrc,
        index: u64,
        header: &[u8],
        payload: &[u8],
        body: &mut [u8],
    ) -> Result<(), Unspecified> {
        let (text, tag) = body.split_last_chunk_mut::<TAG>().ok_or(Unspecified)?;
        if text.len() != payload.len() {
            return Err(Unspecified);
        }
        text.copy_from_slice(payload);
        let (nonce, aad) = (self.nonce(*ssrc, index), Aad::from(header));
        let made = self.key.seal_in_place_separate_tag(nonce, aad, text)?;
        tag.copy_from_slice(made.as_ref());
        Ok(())
    }

    /// Encrypts where it lies what follows the first `header` bytes of the packet that begins at `start` and
    /// ends where `bytes` does, and appends the tag.
    pub(crate) fn seal_last(
        &self,
        ssrc: u32,
        index: u64,
        bytes: &mut Vec<u8>,
        start: usize,
        header: usize,
    ) -> Result<(), Unspecified> {
        let packet = bytes.get_mut(start..).ok_or(Unspecified)?;
        let (head, body) = packet.split_at_mut_checked(header).ok_or(Unspecified)?;
        let (nonce, aad) = (self.nonce(ssrc, index), Aad::from(&*head));
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, body)?;
        bytes.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Decrypts an SRTCP packet into `plain`, in place of what is there, with a key of RTCP. An error: it is
    /// not authentic, or not encrypted at all.
    pub(crate) fn open_report(
        &self,
        datagram: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        let (rest, index) = datagram.split_last_chunk::<INDEX>().ok_or(Unspecified)?;
        let (head, sealed) = rest.split_first_chunk::<CLEAR>().ok_or(Unspecified)?;
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Unspecified)?;
        let flagged = u32::from_be_bytes(*index);
        if flagged & ENCRYPTED == 0 {
            return Err(Unspecified);
        }
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let iv = AeadAes128Gcm::rtcp_iv(self.salt, ssrc, flagged & !ENCRYPTED);
        let mut aad = [0; CLEAR + INDEX];
        aad[..CLEAR].copy_from_slice(head);
        aad[CLEAR..].copy_from_slice(index);
        plain.clear();
        plain.extend_from_slice(head);
        plain.resize(CLEAR + text.len(), 0);
        let nonce = Nonce::assume_unique_for_key(iv);
        let body = &mut plain[CLEAR..];
        self.key
            .open_separate_gather(nonce, Aad::from(aad), text, tag, body)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_last_is_sealed_as_elsewhere() {
        let key = SendKey::Aes256Gcm {
            key: [3; 32],
            salt: [4; NONCE],
        };
        let cipher = Cipher::new(&key).unwrap();
        let (header, payload) = ([7; 20], [9; 300]);
        let mut bytes = vec![0xee; 5];
        bytes.extend(header);
        bytes.extend(payload);
        assert!(cipher.seal_last(8, 0x1_0002, &mut bytes, 5, 20).is_ok());
        let mut body = vec![0; payload.len() + TAG];
        let sealed = cipher.seal(8.into(), 0x1_0002, &header, &payload, &mut body);
        assert!(sealed.is_ok());
        assert_eq!(bytes[..25], [&[0xee; 5][..], &header].concat());
        assert_eq!(bytes[25..], body);
        assert!(cipher.seal_last(8, 1, &mut bytes, 5, 2_000).is_err());
    }

    /// RFC 7714 section 17.1: an SRTCP packet that is encrypted and authenticated.
    #[test]
    fn the_report_of_the_rfc_is_opened() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
            let pairs = digits.chunks(2);
            pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        };
        let sealed = bytes(
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
             c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872
             45d9eade 800005d4",
        );
        let plain = bytes(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
             deadbeef deadbeef deadbeef deadbeef deadbeef",
        );
        let key = SendKey::Aes128Gcm {
            key: std::array::from_fn(|n| n as u8),
            salt: *b"Quid pro quo",
        };
        let cipher = Cipher::new(&key).unwrap();
        let mut opened = vec![1, 2, 3];
        assert!(cipher.open_report(&sealed, &mut opened).is_ok());
        assert_eq!(opened, plain);
        let mut forged = sealed.clone();
        forged[20] ^= 1;
        assert!(cipher.open_report(&forged, &mut opened).is_err());
        // Not encrypted, by its flag; and too short.
        forged.clone_from(&sealed);
        let flag = forged.len() - INDEX;
        forged[flag] = 0;
        assert!(cipher.open_report(&forged, &mut opened).is_err());
        assert!((0..40).all(|end| cipher.open_report(&sealed[..end], &mut opened).is_err()));
    }

    /// RFC 7714 section 16.1.1 gives session key and salt, packet and result; its header has no CSRC, so
    /// the cipher is asked directly.
    #[test]
    fn the_vectors_of_the_rfc_come_out() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
            let pairs = digits.chunks(2);
            pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        };
        let header = bytes("8040f17b 8041f8d3 5501a0b2");
        let plain = b"Gallia est omnis divisa in partes tres";
        let salt = *b"Quid pro quo";
        let short: [u8; 16] = std::array::from_fn(|n| n as u8);
        let long: [u8; 32] = std::array::from_fn(|n| n as u8);
        let cases = [
            (
                SendKey::Aes128Gcm { key: short, salt },
                "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
                 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce",
            ),
            (
                SendKey::Aes256Gcm { key: long, salt },
                "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
                 1ba63799 b87b 7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
            ),
        ];
        for (key, expected) in cases {
            let mut body = vec![0; plain.len() + TAG];
            let cipher = Cipher::new(&key).unwrap();
            let sealed = cipher.seal(0x5501_a0b2.into(), 0xf17b, &header, plain, &mut body);
            assert!(sealed.is_ok());
            assert_eq!(body, bytes(expected));
            let mut opened = vec![0; plain.len()];
            let length = cipher.open(0x5501_a0b2, 0xf17b, &header, &body, &mut opened);
            assert_eq!((length, &opened[..]), (Ok(plain.len()), &plain[..]));
            body[3] ^= 1;
            let forged = cipher.open(0x5501_a0b2, 0xf17b, &header, &body, &mut opened);
            assert_eq!(forged, Err(Unspecified));
            let short = cipher.seal(0x5501_a0b2.into(), 0xf17b, &header, plain, &mut body[1..]);
            assert_eq!(short, Err(Unspecified));
        }
    }
}
