//! The media stack's cryptography: one configuration for all sessions, and two openings in it for the
//! streams that a session encrypts or decrypts itself.
//!
//! str0m calls its providers without saying for which `Rtc`. So every call that makes an `Rtc` work goes
//! through [`during`] with the [`Compact`](crate::egress::Compact) of its session: the keys of a finished
//! handshake are put there, reports are stamped from there, and noted there.

mod current;
mod dtls;
mod kdf;
mod srtp;

pub(crate) use current::during;
pub(crate) use dtls::SharedDtls;
pub(crate) use kdf::SendKey;
