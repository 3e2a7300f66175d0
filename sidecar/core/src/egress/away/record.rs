//! What batches are made of: records of bytes, so that a lane copies a batch in one go.
//!
//! An order belongs to the last payload before it in its batch. Both ends are the same build of the same
//! process: there is no version, and what cannot be read is a bug of ours that is counted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::crypto::SendKey;
use crate::egress::Path;
use crate::ids::Key;

/// One packet for one listener. What header extensions it has is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) ssrc: u32,
    /// Sequence number with rollover.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) csrc: u32,
    pub(crate) marker: bool,
    pub(crate) pt: u8,
    /// Id of the audio-level extension, and RFC 6464's level and voice bit.
    pub(crate) level: Option<(u8, (i8, bool))>,
}

/// See the module. `Key`s are those of the home shard's routes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A guest, the key that home no longer has, and where to send.
    Open(Key, SendKey, Option<Path>),
    /// The client has another address now.
    Path(Key, Path),
    Close(Key),
    Payload(&'a [u8]),
    Order(Key, Order),
}

const OPEN: u8 = 1;
const PATH: u8 = 2;
const CLOSE: u8 = 3;
const PAYLOAD: u8 = 4;
const ORDER: u8 = 5;

const MARKER: u8 = 0x80;
const VOICE: u8 = 0x80;
const NO_PATH: u8 = 0;
const SOME_PATH: u8 = 1;
const GCM_128: u8 = 0;
const GCM_256: u8 = 1;
const V4: u8 = 4;
const V6: u8 = 6;

/// Of an order, bytes.
pub(super) const ORDER_BYTES: usize = 32;
/// Of a payload's tag and length, bytes.
#[cfg(test)]
pub(super) const PAYLOAD_OVERHEAD: usize = 3;

impl Record<'_> {
    /// `false`: a payload that no datagram could carry.
    pub(super) fn write(&self, to: &mut Vec<u8>) -> bool {
        match self {
            Self::Open(key, secret, path) => {
                to.push(OPEN);
                write_key(to, *key);
                match secret {
                    SendKey::Aes128Gcm { key, salt } => {
                        to.push(GCM_128);
                        to.extend_from_slice(key);
                        to.extend_from_slice(salt);
                    }
                    SendKey::Aes256Gcm { key, salt } => {
                        to.push(GCM_256);
                        to.extend_from_slice(key);
                        to.extend_from_slice(salt);
                    }
                }
                match path {
                    None => to.push(NO_PATH),
                    Some(path) => {
                        to.push(SOME_PATH);
                        write_path(to, path);
                    }
                }
            }
            Self::Path(key, path) => {
                to.push(PATH);
                write_key(to, *key);
                write_path(to, path);
            }
            Self::Close(key) => {
                to.push(CLOSE);
                write_key(to, *key);
            }
            Self::Payload(bytes) => {
                let Ok(length) = u16::try_from(bytes.len()) else {
                    return false;
                };
                to.push(PAYLOAD);
                to.extend_from_slice(&length.to_le_bytes());
                to.extend_from_slice(bytes);
            }
            Self::Order(key, order) => to.extend_from_slice(&order_bytes(*key, order)),
        }
        true
    }

    /// Must arrive, other than packets.
    pub(super) fn is_control(&self) -> bool {
        matches!(self, Self::Open(..) | Self::Path(..) | Self::Close(_))
    }
}

fn order_bytes(key: Key, order: &Order) -> [u8; ORDER_BYTES] {
    // Extension ids are 1 to 14 (RFC 8285 section 4.2).
    let (level_id, level) = match order.level {
        Some((id, (level, voice))) => {
            let voice = if voice { VOICE } else { 0 };
            (id, voice | (level.unsigned_abs() & !VOICE))
        }
        None => (0, 0),
    };
    let marker = if order.marker { MARKER } else { 0 };
    let mut bytes = [0; ORDER_BYTES];
    bytes[..4].copy_from_slice(&[ORDER, (order.pt & !MARKER) | marker, level_id, level]);
    bytes[4..8].copy_from_slice(&key.slot.to_le_bytes());
    bytes[8..12].copy_from_slice(&key.epoch.to_le_bytes());
    bytes[12..16].copy_from_slice(&order.ssrc.to_le_bytes());
    bytes[16..20].copy_from_slice(&order.timestamp.to_le_bytes());
    bytes[20..24].copy_from_slice(&order.csrc.to_le_bytes());
    bytes[24..].copy_from_slice(&order.index.to_le_bytes());
    bytes
}

fn write_key(to: &mut Vec<u8>, key: Key) {
    to.extend_from_slice(&key.slot.to_le_bytes());
    to.extend_from_slice(&key.epoch.to_le_bytes());
}

fn write_path(to: &mut Vec<u8>, path: &Path) {
    for address in [path.source, path.destination] {
        let (family, ip) = match address.ip() {
            IpAddr::V4(v4) => (V4, v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => (V6, v6),
        };
        to.push(family);
        to.extend_from_slice(&ip.octets());
        to.extend_from_slice(&address.port().to_le_bytes());
    }
}

/// The records of a batch, in order.
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

/// Keys stand in them.
impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Records of {} bytes", self.rest.len())
    }
}

/// The rest of a batch cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Records<'a> {
    pub(super) fn new(batch: &'a [u8]) -> Self {
        Self { rest: batch }
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let [tag] = self.bytes()?;
        match tag {
            OPEN => {
                let key = self.key()?;
                let secret = match self.bytes()? {
                    [GCM_128] => SendKey::Aes128Gcm {
                        key: self.bytes()?,
                        salt: self.bytes()?,
                    },
                    [GCM_256] => SendKey::Aes256Gcm {
                        key: self.bytes()?,
                        salt: self.bytes()?,
                    },
                    _ => return None,
                };
                let path = match self.bytes()? {
                    [NO_PATH] => None,
                    [SOME_PATH] => Some(self.path()?),
                    _ => return None,
                };
                Some(Record::Open(key, secret, path))
            }
            PATH => Some(Record::Path(self.key()?, self.path()?)),
            CLOSE => Some(Record::Close(self.key()?)),
            PAYLOAD => {
                let length = usize::from(u16::from_le_bytes(self.bytes()?));
                let (payload, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Some(Record::Payload(payload))
            }
            ORDER => self.order(),
            _ => None,
        }
    }

    fn order(&mut self) -> Option<Record<'a>> {
        let [pt, level_id, level] = self.bytes()?;
        let key = self.key()?;
        let number = |bytes| u32::from_le_bytes(bytes);
        let order = Order {
            ssrc: number(self.bytes()?),
            timestamp: number(self.bytes()?),
            csrc: number(self.bytes()?),
            index: u64::from_le_bytes(self.bytes()?),
            marker: pt & MARKER != 0,
            pt: pt & !MARKER,
            level: (level_id != 0).then(|| {
                let loudness = -(level & !VOICE).cast_signed();
                (level_id, (loudness, level & VOICE != 0))
            }),
        };
        Some(Record::Order(key, order))
    }

    fn key(&mut self) -> Option<Key> {
        Some(Key {
            slot: u32::from_le_bytes(self.bytes()?),
            epoch: u32::from_le_bytes(self.bytes()?),
        })
    }

    fn path(&mut self) -> Option<Path> {
        Some(Path {
            source: self.address()?,
            destination: self.address()?,
        })
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let [family] = self.bytes()?;
        let ip = Ipv6Addr::from(self.bytes::<16>()?);
        let port = u16::from_le_bytes(self.bytes()?);
        let ip = match family {
            V4 => IpAddr::V4(ip.to_ipv4_mapped()?),
            V6 => IpAddr::V6(ip),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.read().ok_or(Malformed);
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples() -> Vec<Record<'static>> {
        let key = Key { slot: 7, epoch: 9 };
        let path = Path {
            source: "192.0.2.1:8443".parse().unwrap(),
            destination: "[2001:db8::9]:50123".parse().unwrap(),
        };
        let short = SendKey::Aes128Gcm {
            key: [1; 16],
            salt: [2; 12],
        };
        let long = SendKey::Aes256Gcm {
            key: [3; 32],
            salt: [4; 12],
        };
        let order = Order {
            ssrc: 0xfeed_0001,
            index: 0xffff_1234_5678,
            timestamp: 0x8000_0001,
            csrc: 0x0102_0304,
            marker: true,
            pt: 111,
            level: Some((14, (-127, true))),
        };
        let plain = Order {
            marker: false,
            level: None,
            ..order
        };
        vec![
            Record::Open(key, short, None),
            Record::Open(key, long, Some(path)),
            Record::Path(key, path),
            Record::Payload(b"opus"),
            Record::Order(key, order),
            Record::Order(key, plain),
            Record::Payload(b""),
            Record::Close(key),
        ]
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let mut bytes = Vec::new();
        for record in samples() {
            let before = bytes.len();
            assert!(record.write(&mut bytes));
            match record {
                Record::Order(..) => assert_eq!(bytes.len() - before, ORDER_BYTES),
                Record::Payload(payload) => {
                    assert_eq!(bytes.len() - before, PAYLOAD_OVERHEAD + payload.len());
                }
                _ => {}
            }
        }
        let read: Result<Vec<_>, _> = Records::new(&bytes).collect();
        assert_eq!(read, Ok(samples()));
    }

    #[test]
    fn what_no_datagram_carries_is_not_written() {
        let mut bytes = Vec::new();
        assert!(!Record::Payload(&[0; 65_536]).write(&mut bytes));
        assert!(bytes.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(0u8..8, 0..400)) {
            let records = Records::new(&bytes).count();
            prop_assert!(records <= bytes.len());
        }

        #[test]
        fn a_cut_batch_is_read_up_to_the_cut(cut in 0usize..300) {
            let mut bytes = Vec::new();
            for record in samples() {
                record.write(&mut bytes);
            }
            bytes.truncate(cut);
            let all = samples();
            for (n, record) in Records::new(&bytes).enumerate() {
                match record {
                    Ok(record) => prop_assert_eq!(&record, &all[n]),
                    Err(Malformed) => prop_assert!(bytes.len() == cut),
                }
            }
        }
    }
}
