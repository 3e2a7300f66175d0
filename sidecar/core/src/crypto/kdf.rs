//! Session keys out of the keying material of DTLS-SRTP (RFC 5764 section 4.2, RFC 3711 section 4.3.1,
//! RFC 7714 section 11).

use str0m_proto::crypto::SrtpProvider;
use str0m_proto::crypto::dtls::SrtpProfile;

/// Labels of RFC 3711 section 4.3.2: of the encryption, and of the salt; those of RTCP are so much higher.
const LABEL_ENCRYPTION: u8 = 0;
const LABEL_SALT: u8 = 2;
const RTCP_LABELS: u8 = 3;
/// AES block, bytes.
const BLOCK: usize = 16;
/// Of the master and the session salt of AEAD profiles (RFC 7714 section 12).
const SALT: usize = 12;

/// What one side encrypts the RTP with that it sends, or its RTCP.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SendKey {
    Aes128Gcm { key: [u8; 16], salt: [u8; SALT] },
    Aes256Gcm { key: [u8; 32], salt: [u8; SALT] },
}

impl std::fmt::Debug for SendKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SendKey")
    }
}

impl SendKey {
    /// The key of the RTP that the DTLS client sends, or of what the server does. `None` for profiles that
    /// are left to the media stack.
    pub(crate) fn derive(
        material: &[u8],
        profile: SrtpProfile,
        client: bool,
        provider: &dyn SrtpProvider,
    ) -> Option<Self> {
        Self::derive_for(material, profile, client, 0, provider)
    }

    /// As [`Self::derive`], of RTCP.
    pub(crate) fn derive_rtcp(
        material: &[u8],
        profile: SrtpProfile,
        client: bool,
        provider: &dyn SrtpProvider,
    ) -> Option<Self> {
        Self::derive_for(material, profile, client, RTCP_LABELS, provider)
    }

    fn derive_for(
        material: &[u8],
        profile: SrtpProfile,
        client: bool,
        labels: u8,
        provider: &dyn SrtpProvider,
    ) -> Option<Self> {
        match profile {
            SrtpProfile::AEAD_AES_128_GCM => {
                let (master, salt) = keys_of::<16>(material, client)?;
                let block = |iv: &[u8; BLOCK], out: &mut [u8]| {
                    provider.srtp_aes_128_ecb_round(&master, iv, out);
                };
                Some(Self::Aes128Gcm {
                    key: expand(&salt, labels + LABEL_ENCRYPTION, block),
                    salt: expand(&salt, labels + LABEL_SALT, block),
                })
            }
            SrtpProfile::AEAD_AES_256_GCM => {
                let (master, salt) = keys_of::<32>(material, client)?;
                let block = |iv: &[u8; BLOCK], out: &mut [u8]| {
                    provider.srtp_aes_256_ecb_round(&master, iv, out);
                };
                Some(Self::Aes256Gcm {
                    key: expand(&salt, labels + LABEL_ENCRYPTION, block),
                    salt: expand(&salt, labels + LABEL_SALT, block),
                })
            }
            _ => None,
        }
    }
}

/// One side's master key and salt: client's key, server's key, client's salt, server's salt.
fn keys_of<const KEY: usize>(material: &[u8], client: bool) -> Option<([u8; KEY], [u8; SALT])> {
    let side = usize::from(!client);
    let key = material.get(side * KEY..)?.first_chunk()?;
    let salt = material.get(2 * KEY + side * SALT..)?.first_chunk()?;
    Some((*key, *salt))
}

/// AES in counter mode over the salt with the label in it, as many blocks as asked for. Salts are of 14
/// bytes; those of AEAD end with zeros (RFC 7714 section 11).
fn expand<const N: usize>(
    salt: &[u8],
    label: u8,
    block: impl Fn(&[u8; BLOCK], &mut [u8]),
) -> [u8; N] {
    let mut iv = [0; BLOCK];
    iv[..salt.len()].copy_from_slice(salt);
    iv[7] ^= label;
    let mut key = [0; N];
    for (counter, part) in key.chunks_mut(BLOCK).enumerate() {
        iv[14..].copy_from_slice(&(counter as u16).to_be_bytes());
        // Some implementations of ECB want room for one block more.
        let mut out = [0; 2 * BLOCK];
        block(&iv, &mut out);
        part.copy_from_slice(&out[..part.len()]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> &'static dyn SrtpProvider {
        str0m_aws_lc_rs::default_provider().srtp_provider
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    /// RFC 3711 appendix B.3: cipher key, cipher salt, and the authentication key of 94 bytes, which
    /// takes six blocks.
    #[test]
    fn the_keys_are_those_of_the_appendix() {
        let master: [u8; 16] = bytes("e1f97a0d3e018be0d64fa32c06de4139")
            .try_into()
            .unwrap();
        let salt = bytes("0ec675ad498afeebb6960b3aabe6");
        let block = |iv: &[u8; BLOCK], out: &mut [u8]| {
            provider().srtp_aes_128_ecb_round(&master, iv, out);
        };
        let key: [u8; 16] = expand(&salt, LABEL_ENCRYPTION, block);
        assert_eq!(key.to_vec(), bytes("c61e7a93744f39ee10734afe3ff7a087"));
        let derived: [u8; 14] = expand(&salt, LABEL_SALT, block);
        assert_eq!(derived.to_vec(), bytes("30cbbc08863d8c85d49db34a9ae1"));
        let authentication: [u8; 94] = expand(&salt, 1, block);
        assert_eq!(
            authentication.to_vec(),
            bytes(
                "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbce\
                 e049646c43d9327ad175578ef72270986371c10c9a369ac2f94a8c5fbcdddc25\
                 6d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2"
            )
        );
    }

    #[test]
    fn each_side_takes_its_own_half_and_long_keys_take_two_blocks() {
        let material: Vec<u8> = (0..88).collect();
        let derive = |client| {
            SendKey::derive(&material, SrtpProfile::AEAD_AES_256_GCM, client, provider()).unwrap()
        };
        assert_ne!(derive(true), derive(false));
        let SendKey::Aes256Gcm { key, .. } = derive(false) else {
            panic!("another profile");
        };
        assert_ne!(key[..16], key[16..]);
        let short = SendKey::derive(
            &material[..55],
            SrtpProfile::AEAD_AES_128_GCM,
            false,
            provider(),
        );
        assert_eq!(short, None);
    }

    #[test]
    fn what_the_media_stack_must_encrypt_itself_has_no_key_here() {
        let key = SendKey::derive(&[0; 60], SrtpProfile::AES128_CM_SHA1_80, false, provider());
        assert_eq!(key, None);
    }
}
