//! Writes msgpack into a `Vec`, which cannot fail.

use rmp::encode::{self, ByteBuf};

/// One message being written: its type first.
pub(super) struct Writer {
    buffer: ByteBuf,
}

impl Writer {
    pub(super) fn message(kind: u64) -> Self {
        let mut writer = Self {
            buffer: ByteBuf::new(),
        };
        writer.unsigned(kind);
        writer
    }

    pub(super) fn unsigned(&mut self, value: u64) -> &mut Self {
        let Ok(_) = encode::write_uint(&mut self.buffer, value);
        self
    }

    /// As JavaScript does it: integers as integers.
    pub(super) fn measure(&mut self, value: f64) -> &mut Self {
        if value.fract() == 0.0 && (0.0..2f64.powi(53)).contains(&value) {
            self.unsigned(value as u64)
        } else {
            let Ok(()) = encode::write_f64(&mut self.buffer, value);
            self
        }
    }

    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        let Ok(()) = encode::write_bool(&mut self.buffer, value);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let Ok(()) = encode::write_str(&mut self.buffer, text);
        self
    }

    pub(super) fn binary(&mut self, data: &[u8]) -> &mut Self {
        let Ok(()) = encode::write_bin(&mut self.buffer, data);
        self
    }

    pub(super) fn array(&mut self, length: usize) -> &mut Self {
        let Ok(_) = encode::write_array_len(&mut self.buffer, clamp(length));
        self
    }

    pub(super) fn map(&mut self, pairs: usize) -> &mut Self {
        let Ok(_) = encode::write_map_len(&mut self.buffer, clamp(pairs));
        self
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.buffer.into_vec()
    }
}

/// Our maps hold at most [`super::ENTRIES_MAX`] entries.
fn clamp(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
