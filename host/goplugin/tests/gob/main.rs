//! The codec against bytes that Go made, against Go itself, and against bytes that nobody should send.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod corpus;
mod go_peer;
mod golden;
mod hostile;

use parley_goplugin::gob::{Concrete, Decoder, Encoder, Malformed, Value};

/// The bytes of a text as "0a ff \"text\"".
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: String = part.split_whitespace().collect();
        assert_eq!(digits.len() % 2, 0, "{part}");
        for at in (0..digits.len()).step_by(2) {
            out.push(u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        }
    }
    out
}

/// Messages with their lengths before them.
fn stream<M: AsRef<[u8]>>(messages: &[M]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages.iter().map(AsRef::as_ref) {
        let length = message.len();
        if length < 128 {
            out.push(length as u8);
        } else {
            out.push(0xfd);
            out.extend([(length >> 16) as u8, (length >> 8) as u8, length as u8]);
        }
        out.extend(message);
    }
    out
}

/// The messages of a stream, without their lengths. Stops where they end.
fn messages(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((&first, rest)) = stream.split_first() {
        let (length, rest) = if first < 128 {
            (usize::from(first), rest)
        } else {
            let Some((number, rest)) = rest.split_at_checked(256 - usize::from(first)) else {
                break;
            };
            let length = number
                .iter()
                .fold(0usize, |sum, &byte| sum.wrapping_shl(8) | usize::from(byte));
            (length, rest)
        };
        let Some((message, rest)) = rest.split_at_checked(length) else {
            break;
        };
        found.push(message);
        stream = rest;
    }
    found
}

/// All values of a stream.
fn values(stream: &[u8]) -> Result<Vec<Value>, Malformed> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for message in messages(stream) {
        found.extend(decoder.push(message.to_vec())?);
    }
    Ok(found)
}

fn encoded(encoder: &mut Encoder, value: &dyn Concrete) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(value, &mut out);
    out
}
