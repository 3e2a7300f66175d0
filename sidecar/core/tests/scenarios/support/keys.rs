//! A client's own keys, kept by a layer around its DTLS: for packets that are authentic and hostile, as no
//! media library makes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use str0m_proto::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion,
};
use str0m_proto::crypto::{CryptoError, CryptoProvider, DtlsVersion};

/// Length of an AEAD profile's salt (RFC 7714 section 12).
const SALT: usize = 12;
/// First SRTCP index of ours, far above those that the media library uses.
const FIRST_INDEX: u32 = 1 << 20;

#[derive(Debug, Default)]
struct State {
    /// Both sides' keys and salts as DTLS exported them (RFC 5764 section 4.2), and whether the client
    /// was the DTLS client.
    exported: Option<(Vec<u8>, bool)>,
    /// Application data to send beside that of the media library.
    extra: VecDeque<Vec<u8>>,
    /// SCTP packets that the media library sent.
    sctp: Vec<Vec<u8>>,
    index: u32,
}

/// What the layer knows of its client.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<Mutex<State>>);

impl Keys {
    /// For a client's `Rtc`.
    pub fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = str0m_aws_lc_rs::default_provider();
        // Leaked: providers live as long as the process, and a test has a few clients.
        provider.dtls_provider = Box::leak(Box::new(Layer {
            inner: provider.dtls_provider,
            keys: self.clone(),
        }));
        Arc::new(provider)
    }

    /// Sent within DTLS, in place of an SCTP packet, when the client's clock moves next.
    pub fn send_in_dtls(&self, bytes: Vec<u8>) {
        self.0.lock().unwrap().extra.push_back(bytes);
    }

    /// How many of those wait.
    pub fn waiting(&self) -> usize {
        self.0.lock().unwrap().extra.len()
    }

    /// The SCTP packets that the media library sent.
    pub fn sctp_packets(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().sctp.clone()
    }

    /// Encrypts and signs an RTCP packet (RFC 7714 section 9.2).
    pub fn protect_rtcp(&self, packet: &[u8]) -> Vec<u8> {
        let (key, salt) = self.derive(3);
        let index = {
            let mut state = self.0.lock().unwrap();
            state.index += 1;
            FIRST_INDEX + state.index
        };
        let mut iv = salt;
        for (at, byte) in packet[4..8].iter().enumerate() {
            iv[2 + at] ^= byte;
        }
        for (at, byte) in index.to_be_bytes().iter().enumerate() {
            iv[8 + at] ^= byte;
        }
        let tail = (index | 1 << 31).to_be_bytes();
        let mut aad = packet[..8].to_vec();
        aad.extend(tail);
        let mut out = packet[..8].to_vec();
        out.extend(seal(&key, &iv, &aad, &packet[8..]));
        out.extend(tail);
        out
    }

    /// Encrypts and signs an RTP packet with this rollover counter (RFC 7714 section 8.1). The first
    /// `header` bytes stay as they are.
    pub fn protect_rtp(&self, packet: &[u8], header: usize, rollover: u32) -> Vec<u8> {
        let (key, salt) = self.derive(0);
        let mut iv = salt;
        let rollover = rollover.to_be_bytes();
        let parts = packet[8..12].iter().chain(&rollover).chain(&packet[2..4]);
        for (at, byte) in parts.enumerate() {
            iv[2 + at] ^= byte;
        }
        let mut out = packet[..header].to_vec();
        out.extend(seal(&key, &iv, &packet[..header], &packet[header..]));
        out
    }

    /// Session key and salt of this direction (RFC 3711 section 4.3): label 0 for RTP, 3 for RTCP.
    fn derive(&self, label: u8) -> (Vec<u8>, [u8; SALT]) {
        let state = self.0.lock().unwrap();
        let (exported, client) = state.exported.as_ref().expect("connected");
        let length = exported.len() / 2 - SALT;
        let (key_at, salt_at) = if *client { (0, 0) } else { (length, SALT) };
        let master = &exported[key_at..key_at + length];
        let salt = &exported[2 * length + salt_at..][..SALT];
        let stream = |label: u8, bytes: usize| {
            let mut out = Vec::new();
            for round in 0u16.. {
                if out.len() >= bytes {
                    break;
                }
                let mut input = [0; 16];
                input[..SALT].copy_from_slice(salt);
                input[7] ^= label;
                input[14..].copy_from_slice(&round.to_be_bytes());
                let mut block = [0; 32];
                let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
                if length == 16 {
                    provider.srtp_aes_128_ecb_round(master, &input, &mut block);
                } else {
                    provider.srtp_aes_256_ecb_round(master, &input, &mut block);
                }
                out.extend_from_slice(&block[..16]);
            }
            out.truncate(bytes);
            out
        };
        let salt = stream(label + 2, SALT).try_into().unwrap();
        (stream(label, length), salt)
    }
}

fn seal(key: &[u8], iv: &[u8; SALT], aad: &[u8], input: &[u8]) -> Vec<u8> {
    let provider = str0m_aws_lc_rs::default_provider().srtp_provider;
    let mut out = vec![0; input.len() + 16];
    let sealed = if let Ok(key) = <[u8; 16]>::try_from(key) {
        let mut cipher = provider.aead_aes_128_gcm().create_cipher(key, true);
        cipher.encrypt(iv, aad, input, &mut out)
    } else {
        let key = key.try_into().expect("a GCM profile was negotiated");
        let mut cipher = provider.aead_aes_256_gcm().create_cipher(key, true);
        cipher.encrypt(iv, aad, input, &mut out)
    };
    sealed.unwrap();
    out
}

#[derive(Debug)]
struct Layer {
    inner: &'static dyn DtlsProvider,
    keys: Keys,
}

impl DtlsProvider for Layer {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.inner.new_dtls(cert, now, version, mtu)?;
        let keys = self.keys.clone();
        Ok(Box::new(Instance { inner, keys }))
    }
}

#[derive(Debug)]
struct Instance {
    inner: Box<dyn DtlsInstance>,
    keys: Keys,
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }
    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let active = self.inner.is_active();
        // One at a time: DTLS has a short queue.
        let extra = self.keys.0.lock().unwrap().extra.pop_front();
        if let Some(bytes) = extra {
            self.inner.send_application_data(&bytes).unwrap();
        }
        let output = self.inner.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(material, _) = &output {
            self.keys.0.lock().unwrap().exported = Some((material.to_vec(), active));
        }
        output
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }
    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.keys.0.lock().unwrap().sctp.push(data.to_vec());
        self.inner.send_application_data(data)
    }
    fn is_active(&self) -> bool {
        self.inner.is_active()
    }
    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }
    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }
    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
