//! The few bytes of STUN that the door reads before it spends an HMAC (RFC 8489 sections 5 and 14).

/// Fixed header.
pub(super) const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const ATTR_USERNAME: u16 = 0x0006;
/// RFC 8489 section 14.3: less than 509 bytes.
const USERNAME_BYTES_MAX: usize = 508;

/// A binding request by its type; anything else must come from an admitted tuple.
pub(super) fn is_request(data: &[u8]) -> bool {
    data.starts_with(&BINDING_REQUEST)
}

/// What tells a request from all others of its client (RFC 8489 section 5).
pub(super) type Transaction = [u8; 12];

/// The id of a message that is long enough to be one.
pub(super) fn transaction(data: &[u8]) -> Option<Transaction> {
    data.get(8..HEADER_BYTES)?.try_into().ok()
}

/// The part of USERNAME before the colon: the fragment that we made. `None` for anything malformed.
pub(super) fn local_ufrag(data: &[u8]) -> Option<&str> {
    let body = data.get(HEADER_BYTES..)?;
    let length = u16::from_be_bytes([data[2], data[3]]);
    if data[4..8] != MAGIC_COOKIE || usize::from(length) != body.len() {
        return None;
    }
    let username = attribute(body, ATTR_USERNAME)?;
    if username.len() > USERNAME_BYTES_MAX {
        return None;
    }
    let (ours, _theirs) = std::str::from_utf8(username).ok()?.split_once(':')?;
    Some(ours)
}

fn attribute(mut body: &[u8], wanted: u16) -> Option<&[u8]> {
    while body.len() >= 4 {
        let kind = u16::from_be_bytes([body[0], body[1]]);
        let length = usize::from(u16::from_be_bytes([body[2], body[3]]));
        let value = body.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        body = body.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
thread_local! {
    /// Signatures of this thread: what the door spends on strangers is counted in them.
    pub(super) static SIGNED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// HMAC-SHA1 as str0m's STUN code wants it.
pub(super) fn hmac(key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
    #[cfg(test)]
    SIGNED.set(SIGNED.get() + 1);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mut context = aws_lc_rs::hmac::Context::with_key(&key);
    for payload in payloads {
        context.update(payload);
    }
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}
