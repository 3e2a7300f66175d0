//! `GET /turn-credentials`: a name and password of limited life for each user, as TURN servers with a
//! shared secret expect them (draft-uberti-behave-turn-rest-00; coturn's `use-auth-secret`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use parley_settings::{IceServer, Settings};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::Guest;
use crate::ids::UserId;
use crate::refusal::Refusal;

/// Servers whose users get credentials from us; none without a secret.
pub(crate) fn servers(settings: &Settings) -> Vec<IceServer> {
    if settings.turn_static_auth_secret.is_empty() {
        return Vec::new();
    }
    let mut servers = settings.ice_servers();
    servers.retain(IceServer::wants_credentials);
    servers
}

impl Guest<'_> {
    /// The answer; refused when no server needs them.
    pub(crate) fn turn_credentials(&self, user: &UserId) -> Result<Value, Refusal> {
        let servers = servers(&self.settings);
        if servers.is_empty() {
            return Err(Refusal::NoPermission);
        }
        let name = self.env.user(user)?.username;
        let life_s = i64::from(self.settings.turn_credentials_expiration_minutes) * 60;
        let username = format!("{}:{name}", self.env.now_ms() / 1_000 + life_s);
        let secret = self.settings.turn_static_auth_secret.reveal();
        let credential = credential(secret, &username)?;
        let made: Vec<Value> = servers
            .iter()
            .map(|server| {
                json!({
                    "urls": server.urls,
                    "username": username,
                    "credential": credential,
                })
            })
            .collect();
        Ok(Value::Array(made))
    }
}

fn credential(secret: &str, username: &str) -> Result<String, Refusal> {
    // HMAC takes keys of any length (RFC 2104).
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(|_| Refusal::Unavailable)?;
    mac.update(username.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf %s "1700086400:alice" | openssl dgst -sha1 -hmac north -binary | base64` says, which is
    /// coturn's own recipe.
    #[test]
    fn l07_a_credential_is_what_coturn_expects() {
        let credential = credential("north", "1700086400:alice").unwrap();
        assert_eq!(credential, "SXua5ne/+mDhiHTp0pQJzRO4ESg=");
    }
}
