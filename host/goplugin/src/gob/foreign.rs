//! Types of Go's library that make their own bytes.

use super::define::{TypeId, Types};
use super::encode::{Encode, Present, Writer};
use super::value::{Decode, Mismatch, Value};

/// Seconds from the year 1, where Go's time begins, to 1970.
const UNIX_IN_GO_S: i64 = 62_135_596_800;
/// The version of Go's binary time that this is. Version 2 has zones of seconds, which nobody lives in.
const TIME_VERSION: u8 = 1;
/// The offset that stands for UTC.
const ZONE_UTC: i16 = -1;

/// `time.Time`; the default is Go's zero time, in the year 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Unix seconds.
    pub unix_s: i64,
    /// 0 to 999,999,999.
    pub nanos: u32,
    /// Minutes east of UTC; `None` = UTC.
    pub zone_minutes: Option<i16>,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            unix_s: -UNIX_IN_GO_S,
            nanos: 0,
            zone_minutes: None,
        }
    }
}

impl Encode for Time {
    fn define(types: &mut Types) -> TypeId {
        types.gob_encoder::<Self>("Time")
    }

    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn put(&self, writer: &mut Writer<'_>) {
        let mut bytes = vec![TIME_VERSION];
        bytes.extend(self.unix_s.wrapping_add(UNIX_IN_GO_S).to_be_bytes());
        bytes.extend(self.nanos.to_be_bytes());
        bytes.extend(self.zone_minutes.unwrap_or(ZONE_UTC).to_be_bytes());
        writer.bytes(&bytes);
    }
}

impl Present for Time {}

impl Decode for Time {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        const WANTED: &str = "a time";
        let Value::Opaque(bytes) = &value else {
            return Err(value.mismatch(WANTED));
        };
        let parts = bytes.split_first_chunk::<9>().and_then(|(head, rest)| {
            let ([version, seconds @ ..], (nanos, zone)) = (head, rest.split_first_chunk::<4>()?);
            let zone = <[u8; 2]>::try_from(zone).ok()?;
            (*version == TIME_VERSION).then_some((*seconds, *nanos, zone))
        });
        let (seconds, nanos, zone) = parts.ok_or_else(|| value.mismatch(WANTED))?;
        let zone = i16::from_be_bytes(zone);
        Ok(Self {
            unix_s: i64::from_be_bytes(seconds).wrapping_sub(UNIX_IN_GO_S),
            nanos: u32::from_be_bytes(nanos),
            zone_minutes: (zone != ZONE_UTC).then_some(zone),
        })
    }
}

/// `url.URL`, as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Url(pub String);

impl Encode for Url {
    fn define(types: &mut Types) -> TypeId {
        types.binary_marshaler::<Self>("URL")
    }

    fn is_zero(&self) -> bool {
        false
    }

    fn put(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0.as_bytes());
    }
}

impl Present for Url {}

impl Decode for Url {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Opaque(bytes) => Ok(Self(String::from_utf8_lossy(&bytes).into_owned())),
            other => Err(other.mismatch("a URL")),
        }
    }
}
