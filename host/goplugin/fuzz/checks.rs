//! What must hold for any bytes: the body of the fuzz target, shared with the replay of its corpus. Panics
//! are findings.

use parley_goplugin::gob::{Any, Decode, Decoder, Encoder};

/// Takes the bytes as messages of a length byte each. What is understood is understood again after encoding
/// it anew.
pub(crate) fn gob(data: &[u8]) {
    let mut decoder = Decoder::default();
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        let (message, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        let Ok(Some(value)) = decoder.push(message.to_vec()) else {
            continue;
        };
        let Ok(any) = Any::decode(value) else {
            continue;
        };
        let mut encoded = Vec::new();
        Encoder::default().encode(&vec![any.clone()], &mut encoded);
        let again = again(&encoded);
        // As text: a float may be no number, which equals nothing.
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", Some(Any::List(vec![any])))
        );
    }
}

fn again(mut stream: &[u8]) -> Option<Any> {
    let mut decoder = Decoder::default();
    let mut found = None;
    while let Some((&first, rest)) = stream.split_first() {
        let (length, rest) = match first {
            0..128 => (usize::from(first), rest),
            _ => {
                let (number, rest) = rest.split_at(256 - usize::from(first));
                (
                    number
                        .iter()
                        .fold(0, |sum, &byte| (sum << 8) | usize::from(byte)),
                    rest,
                )
            }
        };
        let (message, rest) = rest.split_at(length);
        stream = rest;
        found = decoder.push(message.to_vec()).ok().flatten().or(found);
    }
    Any::decode(found?).ok()
}
