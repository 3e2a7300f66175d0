//! AEAD of SRTP (RFC 7714) with one side's key.

use str0m::rtp::Ssrc;
use str0m_proto::crypto::{
    AeadAes128Gcm, AeadAes128GcmCipher, AeadAes256Gcm, AeadAes256GcmCipher, CryptoError,
};

use crate::crypto::SendKey;

/// Authentication tag of both profiles, bytes.
pub(crate) const TAG: usize = AeadAes128Gcm::TAG_LEN;

/// See the module.
#[derive(Debug)]
pub(crate) enum Cipher {
    Aes128Gcm {
        cipher: Box<dyn AeadAes128GcmCipher>,
        salt: [u8; AeadAes128Gcm::SALT_LEN],
    },
    Aes256Gcm {
        cipher: Box<dyn AeadAes256GcmCipher>,
        salt: [u8; AeadAes256Gcm::SALT_LEN],
    },
}

impl Cipher {
    /// For packets that leave.
    pub(crate) fn new(key: SendKey) -> Self {
        Self::with(key, true)
    }

    /// For packets that come in.
    pub(crate) fn opening(key: SendKey) -> Self {
        Self::with(key, false)
    }

    fn with(key: SendKey, encrypt: bool) -> Self {
        let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
        match key {
            SendKey::Aes128Gcm { key, salt } => Self::Aes128Gcm {
                cipher: provider.aead_aes_128_gcm().create_cipher(key, encrypt),
                salt,
            },
            SendKey::Aes256Gcm { key, salt } => Self::Aes256Gcm {
                cipher: provider.aead_aes_256_gcm().create_cipher(key, encrypt),
                salt,
            },
        }
    }

    /// The payload in `body`, which is ciphertext and tag, into `plain`: its length. `plain` has room for
    /// all of `body` but the tag.
    pub(crate) fn open(
        &mut self,
        ssrc: u32,
        index: u64,
        header: &[u8],
        body: &[u8],
        plain: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let (rollover, sequence) = ((index >> 16) as u32, index as u16);
        match self {
            Self::Aes128Gcm { cipher, salt } => {
                let iv = AeadAes128Gcm::rtp_iv(*salt, ssrc, rollover, sequence);
                cipher.decrypt(&iv, &[header], body, plain)
            }
            Self::Aes256Gcm { cipher, salt } => {
                let iv = AeadAes256Gcm::rtp_iv(*salt, ssrc, rollover, sequence);
                cipher.decrypt(&iv, &[header], body, plain)
            }
        }
    }

    /// Ciphertext and tag of `payload` into `body`, which has room for both.
    pub(crate) fn seal(
        &mut self,
        ssrc: Ssrc,
        index: u64,
        header: &[u8],
        payload: &[u8],
        body: &mut [u8],
    ) -> Result<(), CryptoError> {
        let (rollover, sequence) = ((index >> 16) as u32, index as u16);
        match self {
            Self::Aes128Gcm { cipher, salt } => {
                let iv = AeadAes128Gcm::rtp_iv(*salt, *ssrc, rollover, sequence);
                cipher.encrypt(&iv, header, payload, body)
            }
            Self::Aes256Gcm { cipher, salt } => {
                let iv = AeadAes256Gcm::rtp_iv(*salt, *ssrc, rollover, sequence);
                cipher.encrypt(&iv, header, payload, body)
            }
        }
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
            let sealed =
                Cipher::new(key).seal(0x5501_a0b2.into(), 0xf17b, &header, plain, &mut body);
            assert!(sealed.is_ok());
            assert_eq!(body, bytes(expected));
        }
    }
}
