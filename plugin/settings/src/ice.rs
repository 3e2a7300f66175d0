//! Servers that help clients to reach the media server, and the secret that TURN servers share with us.

use serde::{Deserialize, Serialize};

/// Schemes of RFC 7064 and RFC 7065.
const SCHEMES: [&str; 4] = ["stun:", "stuns:", "turn:", "turns:"];
/// Most servers: a client tries them all.
const SERVERS_MAX: usize = 16;

/// A server, as clients take it (`RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Its addresses, e.g. `turn:turn.example.com:3478`.
    pub urls: Vec<String>,
    /// Empty = none, or made for each user from the shared secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// As the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

impl IceServer {
    /// A TURN server whose users have names and passwords of limited life.
    pub fn wants_credentials(&self) -> bool {
        let relays = |url: &String| url.starts_with("turn:") || url.starts_with("turns:");
        self.urls.iter().any(relays) && self.username.is_empty() && self.credential.is_empty()
    }
}

/// Reads the setting; empty text = none. The error is for the admin.
pub(crate) fn parse(text: &str) -> Result<Vec<IceServer>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let servers: Vec<IceServer> = serde_json::from_str(text).map_err(|error| {
        let error = error.to_string();
        // What stands there in the place of what is expected may be a password.
        let error = match error.split_once(", expected ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => error,
        };
        format!("a JSON list such as [{{\"urls\":[\"stun:…\"]}}]: {error}")
    })?;
    if servers.len() > SERVERS_MAX {
        return Err(format!("at most {SERVERS_MAX} servers"));
    }
    for server in &servers {
        if server.urls.is_empty() {
            return Err("each server needs \"urls\"".to_owned());
        }
        let known = |url: &String| SCHEMES.iter().any(|scheme| url.starts_with(scheme));
        if let Some(url) = server.urls.iter().find(|url| !known(url)) {
            return Err(format!(
                "{url} does not begin with stun:, stuns:, turn: or turns:"
            ));
        }
    }
    Ok(servers)
}

pub(crate) fn check(text: &str, _: &()) -> garde::Result {
    parse(text).map(|_| ()).map_err(garde::Error::new)
}

/// A text that no log shows.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// For who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Not set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::from("hush")), "Secret(…)");
    }

    #[test]
    fn a_refused_password_is_not_repeated() {
        for bad in [
            r#""turn:b 31415926""#,
            r#"[{"urls":["turn:b"],"username":"u","credential":31415926}]"#,
            r#"[{"urls":["turn:b"],"credential":["31415926"]}]"#,
            r#"["31415926"]"#,
        ] {
            let error = parse(bad).unwrap_err();
            assert!(!error.contains("31415926"), "{error}");
            assert!(error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn servers_are_checked() {
        assert_eq!(parse(" ").unwrap(), []);
        let servers = parse(
            r#"[{"urls":["stun:a"]},{"urls":["turn:b"]},{"urls":["turn:c"],"username":"u","credential":"p"}]"#,
        )
        .unwrap();
        let wants: Vec<bool> = servers.iter().map(IceServer::wants_credentials).collect();
        assert_eq!(wants, [false, true, false]);
        for bad in [
            "stun:a",
            "[{}]",
            r#"[{"urls":[]}]"#,
            r#"[{"urls":["http://a"]}]"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let many = vec![r#"{"urls":["stun:a"]}"#; 17].join(",");
        assert!(parse(&format!("[{many}]")).is_err());
    }
}
