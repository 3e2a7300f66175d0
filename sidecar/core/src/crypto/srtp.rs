//! str0m's SRTP with an eye on RTCP: sender reports of streams that the session sends itself get their
//! true numbers before they are encrypted, and what the receiver reports about them is noted after it was
//! decrypted. So str0m stays the only originator of SRTCP: a second one would use its nonces again.

use parley_media::rtcp;
use str0m_proto::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

use super::current;

/// The clear part of an encrypted RTCP compound, and after it the SRTCP index (RFC 7714 section 9.2).
const CLEAR_BYTES: usize = 8;
const RTCP_AAD_BYTES: usize = 12;
/// RTCP packet types (RFC 5761 section 4 keeps RTP's payload types away from them).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

fn inner() -> &'static dyn SrtpProvider {
    str0m_aws_lc_rs::default_provider().srtp_provider
}

/// See the module.
#[derive(Debug)]
pub(super) struct Provider;

impl SrtpProvider for Provider {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        // Without AEAD the session's media leaves by str0m alone: nothing to stamp.
        inner().aes_128_cm_sha1_80()
    }
    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Gcm128
    }
    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Gcm256
    }
    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        inner().srtp_aes_128_ecb_round(key, input, output);
    }
    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        inner().srtp_aes_256_ecb_round(key, input, output);
    }
}

#[derive(Debug)]
struct Gcm128;

impl SupportedAeadAes128Gcm for Gcm128 {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Watched(
            inner().aead_aes_128_gcm().create_cipher(key, encrypt),
        ))
    }
}

#[derive(Debug)]
struct Gcm256;

impl SupportedAeadAes256Gcm for Gcm256 {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Watched(
            inner().aead_aes_256_gcm().create_cipher(key, encrypt),
        ))
    }
}

/// A cipher of str0m's own contexts.
#[derive(Debug)]
struct Watched<C>(C);

/// The traits of both key lengths have the same methods.
macro_rules! watch {
    ($cipher:ident) => {
        impl $cipher for Watched<Box<dyn $cipher>> {
            fn encrypt(
                &mut self,
                iv: &[u8; 12],
                aad: &[u8],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<(), CryptoError> {
                match stamped(aad, input) {
                    Some(compound) => self.0.encrypt(iv, aad, &compound[CLEAR_BYTES..], output),
                    None => self.0.encrypt(iv, aad, input, output),
                }
            }
            fn decrypt(
                &mut self,
                iv: &[u8; 12],
                aads: &[&[u8]],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<usize, CryptoError> {
                let length = self.0.decrypt(iv, aads, input, output)?;
                // Only a compound that is not encrypted has a second part.
                if let ([aad] | [aad, []], Some(plain)) = (aads, output.get_mut(..length)) {
                    take_reports(aad, plain);
                }
                Ok(length)
            }
        }
    };
}

watch!(AeadAes128GcmCipher);
watch!(AeadAes256GcmCipher);

fn is_rtcp(aad: &[u8]) -> bool {
    aad.len() == RTCP_AAD_BYTES && RTCP_TYPES.contains(&aad[1])
}

/// The compound in one piece with its sender reports put right; `None` when nothing is to be put right.
fn stamped(aad: &[u8], input: &[u8]) -> Option<Vec<u8>> {
    if !is_rtcp(aad) {
        return None;
    }
    let changed = current::with(|compact, now| {
        let mut compound = [&aad[..CLEAR_BYTES], input].concat();
        let sent = rtcp::stamp_sender_reports(&mut compound, |ssrc| compact.sender_info(ssrc, now));
        let received =
            rtcp::stamp_report_blocks(&mut compound, |ssrc| compact.inbound.report(ssrc));
        (sent || received).then_some(compound)
    });
    changed.flatten()
}

/// What a receiver says of streams that str0m does not send goes no further than here: str0m would keep
/// every word of it until the stream sends, that is for ever.
fn take_reports(aad: &[u8], plain: &mut [u8]) {
    if !is_rtcp(aad) {
        return;
    }
    current::with(|compact, now| {
        let mut compound = [&aad[..CLEAR_BYTES], &*plain].concat();
        compact.pictures.take_feedback(&mut compound, now);
        rtcp::read_sender_reports(&compound, |report| compact.inbound.note_sender(&report));
        rtcp::take_report_blocks(&mut compound, |block| compact.take_report(block));
        plain.copy_from_slice(&compound[CLEAR_BYTES..]);
    });
}
