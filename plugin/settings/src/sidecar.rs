//! Where the media server is: started by the plugin, or run by an admin on another machine.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Secret;

/// As the sidecar takes them (`parley_proto::launch`, which the guest does not have).
const TOKEN_LENGTH_MIN: usize = 32;
const TOKEN_LENGTH_MAX: usize = 256;
/// Longest name of a machine (RFC 1035).
const HOST_CHARS_MAX: usize = 253;
/// A bundle of a few authorities.
const CA_BYTES_MAX: usize = 64 * 1024;

/// Who runs the media server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SidecarMode {
    /// The plugin starts it.
    #[default]
    Embedded,
    /// An admin does.
    Remote,
}

/// Where a remote one is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SidecarAddress {
    /// Without it only this machine's own addresses are allowed.
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl FromStr for SidecarAddress {
    /// For the admin.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "https://host:port is expected, e.g. https://calls.example.com:8444";
        let text = text.trim();
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(expected().to_owned()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(expected)?;
        let port = match port.parse() {
            Ok(port @ 1..) => port,
            _ => return Err(expected().to_owned()),
        };
        let host = host_of(host).ok_or_else(expected)?;
        if !tls && !is_loopback(&host) {
            return Err(
                "http:// is for this machine's own addresses (127.0.0.1, [::1], localhost): the token would \
                 travel in the clear. Use https://"
                    .to_owned(),
            );
        }
        Ok(Self { tls, host, port })
    }
}

impl std::fmt::Display for SidecarAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

fn host_of(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    let known = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let good = !text.is_empty() && text.len() <= HOST_CHARS_MAX && text.chars().all(known);
    good.then(|| text.to_ascii_lowercase())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(crate) fn check_address(text: &str, _: &()) -> garde::Result {
    if text.trim().is_empty() {
        return Ok(());
    }
    text.parse::<SidecarAddress>()
        .map(|_| ())
        .map_err(garde::Error::new)
}

pub(crate) fn check_token(token: &Secret, _: &()) -> garde::Result {
    let token = token.reveal().trim();
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let length = TOKEN_LENGTH_MIN..=TOKEN_LENGTH_MAX;
    if token.is_empty() || length.contains(&token.len()) && token.bytes().all(allowed) {
        return Ok(());
    }
    Err(garde::Error::new(format!(
        "{TOKEN_LENGTH_MIN} to {TOKEN_LENGTH_MAX} characters of A-Z, a-z, 0-9, _ and - are expected, e.g. \
         from: openssl rand -hex 32"
    )))
}

/// The form only: whether the bytes are certificates is for who connects with them.
pub(crate) fn check_ca(text: &str, _: &()) -> garde::Result {
    let text = text.trim();
    let refused = |reason: &str| Err(garde::Error::new(reason));
    if text.is_empty() {
        return Ok(());
    }
    if text.len() > CA_BYTES_MAX {
        return refused("at most 64 KiB");
    }
    if text.contains("PRIVATE KEY-----") {
        return refused("this holds a private key; the certificate alone is expected");
    }
    if !text.starts_with("-----BEGIN CERTIFICATE-----")
        || !text.ends_with("-----END CERTIFICATE-----")
    {
        return refused(
            "a certificate in PEM form is expected, from -----BEGIN CERTIFICATE----- to -----END \
             CERTIFICATE-----",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, tls, host, port) in [
            (
                "https://calls.example.com:8444",
                true,
                "calls.example.com",
                8444,
            ),
            (
                " https://Calls.Example.com:8444/ ",
                true,
                "calls.example.com",
                8444,
            ),
            ("https://192.0.2.1:1", true, "192.0.2.1", 1),
            ("https://[2001:db8::1]:8444", true, "2001:db8::1", 8444),
            ("http://127.0.0.1:8444", false, "127.0.0.1", 8444),
            ("http://[::1]:8444", false, "::1", 8444),
            ("http://localhost:8444", false, "localhost", 8444),
        ] {
            let address: SidecarAddress = text.parse().unwrap();
            assert_eq!(
                (address.tls, &*address.host, address.port),
                (tls, host, port)
            );
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for text in [
            "calls.example.com:8444",
            "https://calls.example.com",
            "https://calls.example.com:0",
            "https://:8444",
            "https://user:word@calls.example.com:8444",
            "https://calls.example.com:8444/path",
            "https://2001:db8::1:8444",
            "unix:/run/parley",
        ] {
            let reason = text.parse::<SidecarAddress>().unwrap_err();
            assert!(reason.starts_with("https://host:port"), "{text}: {reason}");
        }
        for text in ["http://calls.example.com:8444", "http://10.0.0.1:8444"] {
            let reason = text.parse::<SidecarAddress>().unwrap_err();
            assert!(reason.contains("in the clear"), "{text}: {reason}");
        }
    }
}
