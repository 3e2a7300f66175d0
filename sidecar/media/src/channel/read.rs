//! Reads msgpack values from a slice without allocating. Lengths are checked against what is left
//! before anything is believed.

use super::{ChannelError, DEPTH_MAX, TEXT_BYTES_MAX};
use rmp::Marker;

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Bytes not read yet: an upper bound for how many values can follow.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<u64, ChannelError> {
        let number = self.number(field)?;
        match number {
            Number::Unsigned(value) => Ok(value),
            // JavaScript encoders may send an integer as a float.
            Number::Float(value)
                if value >= 0.0 && value.fract() == 0.0 && value < 2f64.powi(53) =>
            {
                Ok(value as u64)
            }
            Number::Negative | Number::Float(_) => Err(ChannelError::WrongType(field)),
        }
    }

    /// A finite number of at least 0; integers are accepted.
    pub(super) fn measure(&mut self, field: &'static str) -> Result<f64, ChannelError> {
        match self.number(field)? {
            Number::Unsigned(value) => Ok(value as f64),
            Number::Float(value) if value.is_finite() && value >= 0.0 => Ok(value),
            Number::Negative | Number::Float(_) => Err(ChannelError::WrongType(field)),
        }
    }

    pub(super) fn boolean(&mut self, field: &'static str) -> Result<bool, ChannelError> {
        match self.marker()? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            _ => Err(ChannelError::WrongType(field)),
        }
    }

    /// Text of at most [`TEXT_BYTES_MAX`] bytes.
    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, ChannelError> {
        let length = match self.marker()? {
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 => self.length(1)?,
            Marker::Str16 => self.length(2)?,
            Marker::Str32 => self.length(4)?,
            _ => return Err(ChannelError::WrongType(field)),
        };
        if length > TEXT_BYTES_MAX {
            return Err(ChannelError::Limit(field));
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| ChannelError::NotUtf8(field))
    }

    pub(super) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], ChannelError> {
        let length = match self.marker()? {
            Marker::Bin8 => self.length(1)?,
            Marker::Bin16 => self.length(2)?,
            Marker::Bin32 => self.length(4)?,
            _ => return Err(ChannelError::WrongType(field)),
        };
        self.take(length)
    }

    /// Number of entries; there are at least as many bytes left.
    pub(super) fn array(&mut self, field: &'static str) -> Result<usize, ChannelError> {
        let length = match self.marker()? {
            Marker::FixArray(length) => usize::from(length),
            Marker::Array16 => self.length(2)?,
            Marker::Array32 => self.length(4)?,
            _ => return Err(ChannelError::WrongType(field)),
        };
        self.plausible(length, 1)
    }

    /// Number of pairs; there are at least twice as many bytes left.
    pub(super) fn map(&mut self, field: &'static str) -> Result<usize, ChannelError> {
        let length = match self.marker()? {
            Marker::FixMap(length) => usize::from(length),
            Marker::Map16 => self.length(2)?,
            Marker::Map32 => self.length(4)?,
            _ => return Err(ChannelError::WrongType(field)),
        };
        self.plausible(length, 2)
    }

    /// Steps over one value of any type.
    pub(super) fn skip(&mut self) -> Result<(), ChannelError> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Result<(), ChannelError> {
        if depth > DEPTH_MAX {
            return Err(ChannelError::Limit("depth"));
        }
        let bytes = match self.marker()? {
            Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) => {
                0
            }
            Marker::U8 | Marker::I8 => 1,
            Marker::U16 | Marker::I16 | Marker::FixExt1 => 2,
            Marker::FixExt2 => 3,
            Marker::U32 | Marker::I32 | Marker::F32 => 4,
            Marker::FixExt4 => 5,
            Marker::U64 | Marker::I64 | Marker::F64 => 8,
            Marker::FixExt8 => 9,
            Marker::FixExt16 => 17,
            Marker::FixStr(length) => usize::from(length),
            Marker::Str8 | Marker::Bin8 => self.length(1)?,
            Marker::Str16 | Marker::Bin16 => self.length(2)?,
            Marker::Str32 | Marker::Bin32 => self.length(4)?,
            Marker::Ext8 => self.length(1)?.saturating_add(1),
            Marker::Ext16 => self.length(2)?.saturating_add(1),
            Marker::Ext32 => self.length(4)?.saturating_add(1),
            Marker::FixArray(length) => return self.skip_many(length.into(), depth),
            Marker::Array16 => {
                let count = self.length(2)?;
                return self.skip_many(count, depth);
            }
            Marker::Array32 => {
                let count = self.length(4)?;
                return self.skip_many(count, depth);
            }
            Marker::FixMap(length) => return self.skip_many(usize::from(length) * 2, depth),
            Marker::Map16 => {
                let count = self.length(2)?;
                return self.skip_many(count * 2, depth);
            }
            Marker::Map32 => {
                let count = self.length(4)?;
                return self.skip_many(count.saturating_mul(2), depth);
            }
            Marker::Reserved => return Err(ChannelError::WrongType("value")),
        };
        self.take(bytes).map(drop)
    }

    fn skip_many(&mut self, count: usize, depth: usize) -> Result<(), ChannelError> {
        self.plausible(count, 1)?;
        (0..count).try_for_each(|_| self.skip_at(depth + 1))
    }

    fn number(&mut self, field: &'static str) -> Result<Number, ChannelError> {
        let signed = |value: i64| u64::try_from(value).map_or(Number::Negative, Number::Unsigned);
        Ok(match self.marker()? {
            Marker::FixPos(value) => Number::Unsigned(value.into()),
            Marker::FixNeg(_) => Number::Negative,
            Marker::U8 => Number::Unsigned(u8::from_be_bytes(self.fixed()?).into()),
            Marker::U16 => Number::Unsigned(u16::from_be_bytes(self.fixed()?).into()),
            Marker::U32 => Number::Unsigned(u32::from_be_bytes(self.fixed()?).into()),
            Marker::U64 => Number::Unsigned(u64::from_be_bytes(self.fixed()?)),
            Marker::I8 => signed(i8::from_be_bytes(self.fixed()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.fixed()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.fixed()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.fixed()?)),
            Marker::F32 => Number::Float(f32::from_be_bytes(self.fixed()?).into()),
            Marker::F64 => Number::Float(f64::from_be_bytes(self.fixed()?)),
            _ => return Err(ChannelError::WrongType(field)),
        })
    }

    fn marker(&mut self) -> Result<Marker, ChannelError> {
        let [byte] = self.fixed()?;
        Ok(Marker::from_u8(byte))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, ChannelError> {
        let length = self
            .take(bytes)?
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(length).map_err(|_| ChannelError::Truncated)
    }

    fn plausible(&self, count: usize, bytes_each: usize) -> Result<usize, ChannelError> {
        if count > self.rest.len() / bytes_each {
            return Err(ChannelError::Truncated);
        }
        Ok(count)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ChannelError> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(ChannelError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], ChannelError> {
        let (head, rest) = self
            .rest
            .split_at_checked(bytes)
            .ok_or(ChannelError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}

enum Number {
    Unsigned(u64),
    Negative,
    Float(f64),
}
