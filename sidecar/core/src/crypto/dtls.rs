//! One DTLS configuration and one certificate for all sessions of the process.
//!
//! str0m's stock provider checks the crypto provider anew for every `Rtc` (0.9 of the 0.95 ms that building
//! one costs) and makes a certificate for each; with both shared a build costs 60-75 us. Most of that would
//! be parsing and checking the certificate's key, which dimpl wants for each connection: see [`Keys`].

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use dimpl::crypto::{Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey};
use dimpl::{CryptoError as DtlsCryptoError, CryptoOperation};
use str0m_proto::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion,
};
use str0m_proto::crypto::{CryptoError, CryptoProvider, DtlsVersion};

use super::kdf::SendKey;
use super::{current, srtp};

/// What every `Rtc` is built with.
#[derive(Clone)]
pub(crate) struct SharedDtls {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) certificate: DtlsCert,
}

impl fmt::Debug for SharedDtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The private key stays out of any log.
        f.write_str("SharedDtls")
    }
}

impl SharedDtls {
    /// The process-wide instance; made on first use.
    pub(crate) fn get() -> Self {
        static SHARED: OnceLock<SharedDtls> = OnceLock::new();
        SHARED
            .get_or_init(|| {
                let mut provider = str0m_aws_lc_rs::default_provider();
                provider.dtls_provider = &Provider;
                provider.srtp_provider = &srtp::Provider;
                let certificate = provider
                    .dtls_provider
                    .generate_certificate()
                    .unwrap_or_else(|| unreachable!("aws-lc-rs makes P-256 certificates"));
                Keys::keep(&certificate.private_key);
                SharedDtls {
                    provider: Arc::new(provider),
                    certificate,
                }
            })
            .clone()
    }
}

/// Loads the certificate's key, which is the same for all connections, from what was parsed before.
#[derive(Debug)]
struct Keys;

/// The private key of [`SharedDtls::certificate`], as bytes and parsed.
static OWN_KEY: OnceLock<(Vec<u8>, Arc<EcdsaKeyPair>)> = OnceLock::new();

impl Keys {
    /// From now on this one is not parsed again.
    fn keep(der: &[u8]) {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
            OWN_KEY.get_or_init(|| (der.to_vec(), Arc::new(pair)));
        }
    }

    fn kept(der: &[u8]) -> Option<OwnKey> {
        let (bytes, pair) = OWN_KEY.get()?;
        (bytes == der).then(|| OwnKey(Arc::clone(pair)))
    }
}

impl KeyProvider for Keys {
    fn load_private_key(&self, der: &[u8]) -> Result<Box<dyn SigningKey>, DtlsCryptoError> {
        match Self::kept(der) {
            Some(key) => Ok(Box::new(key)),
            None => str0m_aws_lc_rs::dimpl_crypto_provider()
                .key_provider
                .load_private_key(der),
        }
    }
}

/// Signs as dimpl's own key does.
struct OwnKey(Arc<EcdsaKeyPair>);

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKey")
    }
}

impl SigningKey for OwnKey {
    fn sign(
        &mut self,
        data: &[u8],
        hash: HashAlgorithm,
        out: &mut Buf,
    ) -> Result<(), DtlsCryptoError> {
        let key_hash = self.hash_algorithm();
        if hash != key_hash {
            return Err(DtlsCryptoError::SigningKeyHashMismatch {
                key_hash,
                requested: hash,
            });
        }
        let signature = self
            .0
            .sign(&SystemRandom::new(), data)
            .map_err(|_| DtlsCryptoError::OperationFailed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signature.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

#[derive(Debug)]
struct Provider;

fn config() -> Result<Arc<dimpl::Config>, CryptoError> {
    static CONFIG: OnceLock<Option<Arc<dimpl::Config>>> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let mut crypto = str0m_aws_lc_rs::dimpl_crypto_provider();
            crypto.key_provider = &Keys;
            // No cookie exchange: only tuples that passed an authenticated STUN check get here.
            dimpl::Config::builder()
                .use_server_cookie(false)
                .with_crypto_provider(crypto)
                .build()
                .ok()
                .map(Arc::new)
        })
        .clone()
        .ok_or_else(|| CryptoError::from(std::io::Error::other("DTLS configuration refused")))
}

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate()
            .ok()
            .map(|made| DtlsCert {
                certificate: made.certificate,
                private_key: made.private_key,
            })
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let certificate = dimpl::DtlsCertificate {
            certificate: cert.certificate.clone(),
            private_key: cert.private_key.clone(),
        };
        let config = config()?;
        Ok(Box::new(Instance(match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
            _ => dimpl::Dtls::new_auto(config, certificate, now),
        })))
    }
}

struct Instance(dimpl::Dtls);

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }
    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let active = self.0.is_active();
        let output = self.0.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, profile) = &output {
            let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
            let key = |client| SendKey::derive(material, *profile, client, provider);
            let (ours, theirs) = (key(active), key(!active));
            let reports = SendKey::derive_rtcp(material, *profile, !active, provider);
            current::with(|compact, _| {
                compact.set_keys(ours, theirs);
                compact.pictures.set_report_key(reports);
            });
        }
        output
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }
    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }
    fn is_active(&self) -> bool {
        self.0.is_active()
    }
    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }
    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }
    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, KeyPair as _, UnparsedPublicKey};

    #[test]
    fn the_certificates_key_is_parsed_once_and_signs() {
        let own = SharedDtls::get().certificate;
        let (one, two) = (
            Keys::kept(&own.private_key).unwrap(),
            Keys::kept(&own.private_key).unwrap(),
        );
        assert!(Arc::ptr_eq(&one.0, &two.0));
        let mut key = Keys.load_private_key(&own.private_key).unwrap();
        let mut signature = Buf::new();
        key.sign(b"data", HashAlgorithm::SHA256, &mut signature)
            .unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, one.0.public_key());
        assert!(public.verify(b"data", &signature).is_ok());
        let refused = key.sign(b"data", HashAlgorithm::SHA384, &mut signature);
        assert!(refused.is_err());
    }

    #[test]
    fn another_certificates_key_is_its_own() {
        SharedDtls::get();
        let other = Provider.generate_certificate().unwrap();
        assert!(Keys::kept(&other.private_key).is_none());
        assert!(Keys.load_private_key(&other.private_key).is_ok());
        assert!(Keys.load_private_key(b"no key").is_err());
    }
}
