//! Where clients send media to, when it is not simply one of the machine's own addresses.

use std::net::IpAddr;
use std::str::FromStr;

/// Most entries: each is a candidate for every client.
const HOSTS_MAX: usize = 16;
/// Longest name of a machine (RFC 1035).
const NAME_CHARS_MAX: usize = 253;

/// What clients are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum External {
    /// An address.
    Address(IpAddr),
    /// A name, looked up when the media server starts.
    Name(String),
}

/// One entry: `EXTERNAL`, or `EXTERNAL/OWN` when a router passes what comes to one address on to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceHost {
    /// What clients are given.
    pub external: External,
    /// The machine's own address that it stands for; `None` = whichever fits.
    pub own: Option<IpAddr>,
}

impl From<IpAddr> for IceHost {
    fn from(address: IpAddr) -> Self {
        Self {
            external: External::Address(address),
            own: None,
        }
    }
}

impl std::fmt::Display for IceHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.external {
            External::Address(address) => write!(f, "{address}")?,
            External::Name(name) => f.write_str(name)?,
        }
        match self.own {
            Some(own) => write!(f, "/{own}"),
            None => Ok(()),
        }
    }
}

impl FromStr for IceHost {
    /// For the admin.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (external, own) = match text.split_once('/') {
            Some((external, own)) => (external.trim(), Some(own.trim())),
            None => (text.trim(), None),
        };
        let own = match own.map(str::parse::<IpAddr>) {
            None => None,
            Some(Ok(own)) if !own.is_multicast() => Some(own),
            Some(_) => {
                return Err(format!(
                    "`{text}`: after the / an IP address of this machine is expected"
                ));
            }
        };
        let external = match external.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() || address.is_multicast() => {
                return Err(format!("`{text}`: nobody can be reached at {address}"));
            }
            Ok(address) if own.is_some_and(|own| own.is_ipv4() != address.is_ipv4()) => {
                return Err(format!(
                    "`{text}`: both sides of / must be IPv4, or both IPv6"
                ));
            }
            Ok(address) => External::Address(address),
            Err(_) if is_name(external) => External::Name(external.to_owned()),
            Err(_) => {
                return Err(format!(
                    "`{text}`: an IP address or a host name is expected"
                ));
            }
        };
        Ok(Self { external, own })
    }
}

/// Labels of letters, digits and hyphens; the last one no number, which would be a mistyped address.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= NAME_CHARS_MAX
        && text.split('.').all(label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Reads the setting: entries separated by commas; empty text = none.
pub(crate) fn parse(text: &str) -> Result<Vec<IceHost>, String> {
    let entries = text.split(',').map(str::trim);
    let hosts = entries
        .filter(|entry| !entry.is_empty())
        .map(str::parse)
        .collect::<Result<Vec<IceHost>, _>>()?;
    if hosts.len() > HOSTS_MAX {
        return Err(format!("at most {HOSTS_MAX} entries"));
    }
    if let Some(twice) = hosts.iter().enumerate().find(|(n, host)| {
        hosts[..*n]
            .iter()
            .any(|known| known.external == host.external)
    }) {
        return Err(format!("`{}` comes twice", twice.1));
    }
    Ok(hosts)
}

pub(crate) fn check(text: &str, _: &()) -> garde::Result {
    parse(text).map(|_| ()).map_err(garde::Error::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_names_and_pairs_are_taken() {
        assert_eq!(parse(" ").unwrap(), []);
        let hosts =
            parse("203.0.113.7, calls.example.com,203.0.113.8/10.0.0.8, 2001:db8::1").unwrap();
        let shown: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "203.0.113.7",
                "calls.example.com",
                "203.0.113.8/10.0.0.8",
                "2001:db8::1"
            ]
        );
        assert_eq!(hosts[2].own, Some("10.0.0.8".parse().unwrap()));
        assert_eq!(
            hosts[1].external,
            External::Name("calls.example.com".into())
        );
    }

    #[test]
    fn what_nobody_could_reach_is_refused_by_its_entry() {
        for bad in [
            "0.0.0.0",
            "203.0.113.300",
            "224.0.0.1",
            "a b",
            "-a.example.com",
            "203.0.113.7:8443",
            "203.0.113.7/eth0",
            "203.0.113.7/2001:db8::1",
            "https://calls.example.com",
        ] {
            let error = parse(&format!("10.0.0.1,{bad}")).unwrap_err();
            assert!(error.contains(bad), "{bad}: {error}");
        }
        assert!(parse("10.0.0.1,10.0.0.1").is_err());
        let many: Vec<String> = (0..17).map(|n| format!("10.0.0.{n}")).collect();
        assert!(parse(&many.join(",")).is_err());
    }
}
