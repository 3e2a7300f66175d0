//! Which addresses clients are told, and which local ones stand behind them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Most media addresses; each costs a socket and a candidate in every answer.
pub const ADDRESSES_MAX: usize = 16;

/// An address of the media port: what clients are told, and where it is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaAddress {
    /// Given to clients as an ICE host candidate.
    pub advertised: IpAddr,
    /// Local; differs behind a one-to-one NAT.
    pub bound: IpAddr,
}

impl From<IpAddr> for MediaAddress {
    fn from(address: IpAddr) -> Self {
        Self {
            advertised: address,
            bound: address,
        }
    }
}

/// Why a text is no media address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaAddressError {
    /// Not an IP address.
    #[error("`{0}` is no IP address (expected `IP` or `PUBLIC_IP=LOCAL_IP`)")]
    NotAnAddress(String),
    /// An address that nobody can be reached at.
    #[error("`{0}` is unspecified or multicast: name the address that clients reach")]
    Unreachable(IpAddr),
    /// An IPv4 address cannot stand for an IPv6 one.
    #[error("both sides of `=` must be IPv4, or both IPv6")]
    Families,
}

impl FromStr for MediaAddress {
    type Err = MediaAddressError;

    /// `IP`, or `PUBLIC_IP=LOCAL_IP` behind a one-to-one NAT. `LOCAL_IP` may be `0.0.0.0` or `::`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |text: &str| {
            IpAddr::from_str(text.trim())
                .map_err(|_| MediaAddressError::NotAnAddress(text.to_owned()))
        };
        let (advertised, bound) = match text.split_once('=') {
            None => {
                let address = parse(text)?;
                (address, address)
            }
            Some((public, local)) => (parse(public)?, parse(local)?),
        };
        if advertised.is_unspecified() || advertised.is_multicast() || bound.is_multicast() {
            return Err(MediaAddressError::Unreachable(advertised));
        }
        if advertised.is_ipv4() != bound.is_ipv4() {
            return Err(MediaAddressError::Families);
        }
        Ok(Self { advertised, bound })
    }
}

/// Loopback and the addresses of the machine's interfaces, in a stable order: IPv4 first, loopback last
/// within its family, at most [`ADDRESSES_MAX`]. Link-local IPv6 is left out (a candidate has no scope).
pub fn interface_addresses() -> std::io::Result<Vec<MediaAddress>> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .map(|interface| interface.ip())
        .filter(usable)
        .collect();
    addresses.sort_by_key(|ip| (ip.is_ipv6(), ip.is_loopback(), *ip));
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    Ok(addresses.into_iter().map(MediaAddress::from).collect())
}

fn usable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !is_link_local(v6) && !v6.is_unspecified(),
    }
}

/// fe80::/10 (RFC 4291 section 2.5.6).
fn is_link_local(v6: &Ipv6Addr) -> bool {
    v6.segments()[0] & 0xffc0 == 0xfe80
}

/// The form in which addresses are compared: IPv6 without flow and scope.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_or_a_pair() {
        let plain: MediaAddress = "192.0.2.1".parse().unwrap();
        assert_eq!(plain.advertised, plain.bound);
        let mapped: MediaAddress = "192.0.2.1=0.0.0.0".parse().unwrap();
        assert_eq!(mapped.bound.to_string(), "0.0.0.0");
        let v6: MediaAddress = "2001:db8::1".parse().unwrap();
        assert!(v6.advertised.is_ipv6());
    }

    #[test]
    fn what_nobody_can_reach_is_refused() {
        assert!("0.0.0.0".parse::<MediaAddress>().is_err());
        assert!("224.0.0.1".parse::<MediaAddress>().is_err());
        assert!("example.org".parse::<MediaAddress>().is_err());
        assert_eq!(
            "192.0.2.1=::1".parse::<MediaAddress>(),
            Err(MediaAddressError::Families)
        );
    }

    #[test]
    fn this_machine_has_loopback_and_no_link_local_address() {
        let found = interface_addresses().unwrap();
        assert!(found.iter().any(|a| a.advertised.is_loopback()));
        assert!(found.iter().all(|a| usable(&a.advertised)));
        assert!(found.len() <= ADDRESSES_MAX);
    }
}
