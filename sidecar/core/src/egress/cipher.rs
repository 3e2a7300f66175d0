//! AEAD of SRTP (RFC 7714) with one side's key.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use str0m::rtp::Ssrc;
use str0m_proto::crypto::AeadAes128Gcm;

use crate::crypto::SendKey;

/// Authentication tag of both profiles, bytes.
pub(crate) const TAG: usize = AeadAes128Gcm::TAG_LEN;
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
