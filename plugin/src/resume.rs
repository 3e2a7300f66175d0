//! Resume tokens: they let a client give its own session a new media connection, and nobody else's.

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

/// The token for a session: bound to user, call and session.
pub(crate) fn token(
    env: &dyn Env,
    user: &UserId,
    call: &CallId,
    session: &SessionId,
) -> Result<String, PlatformError> {
    let secret = secret(env)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret)
        .map_err(|_| PlatformError::Invalid("secret: length".to_owned()))?;
    // `|` is in no id, so no two triples give the same text.
    mac.update(format!("{user}|{call}|{session}").as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Whether `given` is that token, in constant time.
pub(crate) fn verify(
    env: &dyn Env,
    user: &UserId,
    call: &CallId,
    session: &SessionId,
    given: &str,
) -> Result<bool, PlatformError> {
    let expected = token(env, user, call, session)?;
    Ok(expected.as_bytes().ct_eq(given.as_bytes()).into())
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
