//! The numbers of gob: everything else is made of them.

use super::malformed::Malformed;

/// Appends an unsigned number: itself below 128, else the negated count of its big-endian bytes and these.
pub(crate) fn put_uint(out: &mut Vec<u8>, value: u64) {
    if let Ok(byte @ 0..128) = u8::try_from(value) {
        out.push(byte);
        return;
    }
    let bytes = value.to_be_bytes();
    let skip = value.leading_zeros() as usize / 8;
    // 1 to 8 bytes, so that the count fits.
    out.push(0u8.wrapping_sub((8 - skip) as u8));
    out.extend_from_slice(&bytes[skip..]);
}

/// Appends a signed number: its sign in the lowest bit.
pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
    let bits = (value << 1) ^ (value >> 63);
    put_uint(out, bits.cast_unsigned());
}

/// Appends a float: its bytes reversed, so that round numbers are short.
pub(crate) fn put_float(out: &mut Vec<u8>, value: f64) {
    put_uint(out, value.to_bits().swap_bytes());
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// What is left of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Malformed> {
        let [first] = *self.take(1)? else {
            return Err(Malformed::Short);
        };
        if first < 128 {
            return Ok(first.into());
        }
        let count = 256 - usize::from(first);
        if count > 8 {
            return Err(Malformed::Number);
        }
        let bytes = self.take(count)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, &byte| (sum << 8) | u64::from(byte)))
    }

    pub(crate) fn int(&mut self) -> Result<i64, Malformed> {
        let bits = self.uint()?;
        let half = (bits >> 1).cast_signed();
        Ok(if bits & 1 == 1 { !half } else { half })
    }

    pub(crate) fn float(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_bits(self.uint()?.swap_bytes()))
    }

    /// A length of something in this message.
    pub(crate) fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.uint()?;
        usize::try_from(length)
            .ok()
            .filter(|&length| length <= self.left())
            .ok_or(Malformed::Short)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(uint: u64, int: i64, float: f64) {
            let mut out = Vec::new();
            put_uint(&mut out, uint);
            put_int(&mut out, int);
            put_float(&mut out, float);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.uint(), Ok(uint));
            prop_assert_eq!(reader.int(), Ok(int));
            prop_assert_eq!(reader.float().map(f64::to_bits), Ok(float.to_bits()));
            prop_assert_eq!(reader.left(), 0);
        }
    }

    #[test]
    fn numbers_of_the_go_documentation() {
        let uint = |value| {
            let mut out = Vec::new();
            put_uint(&mut out, value);
            out
        };
        assert_eq!(uint(7), [7]);
        assert_eq!(uint(256), [0xfe, 1, 0]);
        let mut out = Vec::new();
        put_int(&mut out, -129);
        assert_eq!(out, [0xfe, 1, 1]);
        let mut out = Vec::new();
        put_float(&mut out, 17.0);
        assert_eq!(out, [0xfe, 0x31, 0x40]);
    }

    #[test]
    fn a_number_of_nine_bytes_is_refused() {
        let message = [0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(Reader::new(&message).uint(), Err(Malformed::Number));
    }
}
