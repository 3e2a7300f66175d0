//! Resume tokens: they let a client give its own session a new media connection, and nobody else's.
//!
//! A token is `<ms>.<proof>`: since when the session has been in the call, and the proof over that time and
//! whose session it is. A call that moved to a new media server has no other memory of who was there first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::env::{Env, PlatformError};
use crate::ids::{CallId, SessionId, UserId};

/// Key of the secret, made by the first one who needs it.
const SECRET_KEY: &str = "resume_secret";
const SECRET_BYTES: u32 = 32;
/// Between time and proof; in neither of them.
const SEPARATOR: char = '.';

/// The token for a session: bound to user, call, session and the time (Unix ms) of its first join.
pub(crate) fn token(
    env: &dyn Env,
    user: &UserId,
    call: &CallId,
    session: &SessionId,
    since_ms: i64,
) -> Result<String, PlatformError> {
    let secret = secret(env)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret)
        .map_err(|_| PlatformError::Invalid("secret: length".to_owned()))?;
    // `|` is in no id, so no two of these give the same text.
    mac.update(format!("{user}|{call}|{session}|{since_ms}").as_bytes());
    let proof = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(format!("{since_ms}{SEPARATOR}{proof}"))
}

/// The time in `given`, if that is the session's token; the proof is compared in constant time.
pub(crate) fn verify(
    env: &dyn Env,
    user: &UserId,
    call: &CallId,
    session: &SessionId,
    given: &str,
) -> Result<Option<i64>, PlatformError> {
    let said = given.split_once(SEPARATOR);
    let Some(since_ms) = said.and_then(|(since_ms, _)| since_ms.parse().ok()) else {
        return Ok(None);
    };
    let expected = token(env, user, call, session, since_ms)?;
    let genuine: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
    Ok(genuine.then_some(since_ms))
}

fn secret(env: &dyn Env) -> Result<Vec<u8>, PlatformError> {
    for _ in 0..2 {
        if let Some(secret) = env.kv_get(SECRET_KEY)? {
            return Ok(secret);
        }
        let fresh = env.random(SECRET_BYTES);
        if env.kv_compare_and_set(SECRET_KEY, None, Some(&fresh), 0)? {
            return Ok(fresh);
        }
    }
    Err(PlatformError::Unavailable("no secret".to_owned()))
}
