//! The addresses that clients send media to, as the sidecar takes them: `ADDRESS`, or `ADDRESS=OWN`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use parley_settings::{External, IceHost};

/// How long a name may take to be found.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(4);

/// Looks names up. What leads nowhere is left out and logged; if nothing is left, the sidecar takes the
/// machine's own addresses.
pub(super) async fn of(hosts: &[IceHost]) -> Vec<String> {
    let lookups = hosts.iter().map(|host| async move {
        let found = match &host.external {
            External::Address(address) => vec![*address],
            External::Name(name) => lookup(name).await,
        };
        found
            .into_iter()
            .filter(|address| {
                host.own
                    .is_none_or(|own| own.is_ipv4() == address.is_ipv4())
            })
            .map(|address| (address, host.own))
            .collect::<Vec<_>>()
    });
    let found = futures::future::join_all(lookups).await.concat();
    let addresses = arguments(&found, is_own);
    if addresses.is_empty() && !hosts.is_empty() {
        tracing::error!(
            "no address of IceHostOverride can be used: clients get this machine's own"
        );
    }
    addresses
}

async fn lookup(name: &str) -> Vec<IpAddr> {
    let found = tokio::time::timeout(LOOKUP_TIME_MAX, tokio::net::lookup_host((name, 0))).await;
    match found {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(error)) => {
            tracing::error!(name, %error, "a name of IceHostOverride is not found");
            Vec::new()
        }
        Err(_) => {
            tracing::error!(name, "a name of IceHostOverride was not found in time");
            Vec::new()
        }
    }
}

/// An address of this machine can be bound, another one cannot.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn arguments(found: &[(IpAddr, Option<IpAddr>)], is_own: impl Fn(IpAddr) -> bool) -> Vec<String> {
    let mut taken: Vec<(IpAddr, IpAddr)> = Vec::new();
    let new = |taken: &[(IpAddr, IpAddr)], address| !taken.iter().any(|(a, _)| *a == address);
    for (address, own) in found {
        let bound = own.or_else(|| is_own(*address).then_some(*address));
        if let Some(bound) = bound
            && new(&taken, *address)
        {
            taken.push((*address, bound));
        }
    }
    // One that stands for all addresses of the machine has the port to itself.
    for (address, _) in found {
        if !new(&taken, *address) {
            continue;
        }
        if taken.iter().any(|(a, _)| a.is_ipv4() == address.is_ipv4()) {
            tracing::error!(
                "an address of IceHostOverride is not this machine's and not the only one of its kind: \
                 name the address that it stands for, as EXTERNAL/OWN"
            );
            continue;
        }
        let all: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        taken.push((*address, all));
    }
    let text = |(address, bound): (IpAddr, IpAddr)| match address == bound {
        true => address.to_string(),
        false => format!("{address}={bound}"),
    };
    taken.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_entries(entries: &[&str]) -> Vec<String> {
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let host: IceHost = entry.parse().unwrap();
                let External::Address(address) = host.external else {
                    panic!("a name")
                };
                (address, host.own)
            })
            .collect();
        // The machine has these.
        arguments(&found, |address| {
            ["10.0.0.7", "10.0.0.8", "127.0.0.1"].contains(&&*address.to_string())
        })
    }

    #[test]
    fn an_own_address_is_bound_and_another_one_stands_for_all() {
        assert_eq!(of_entries(&["10.0.0.7"]), ["10.0.0.7"]);
        assert_eq!(of_entries(&["203.0.113.7"]), ["203.0.113.7=0.0.0.0"]);
        assert_eq!(
            of_entries(&["203.0.113.7", "2001:db8::7"]),
            ["203.0.113.7=0.0.0.0", "2001:db8::7=::"]
        );
    }

    #[test]
    fn several_need_an_own_address_each() {
        assert_eq!(
            of_entries(&["203.0.113.7/10.0.0.7", "203.0.113.8/10.0.0.8"]),
            ["203.0.113.7=10.0.0.7", "203.0.113.8=10.0.0.8"]
        );
        assert_eq!(
            of_entries(&["203.0.113.7", "203.0.113.8"]),
            ["203.0.113.7=0.0.0.0"]
        );
        assert_eq!(of_entries(&["203.0.113.7", "10.0.0.7"]), ["10.0.0.7"]);
        assert_eq!(of_entries(&["10.0.0.7", "10.0.0.7"]), ["10.0.0.7"]);
    }

    #[tokio::test]
    async fn names_are_looked_up_and_unknown_ones_left_out() {
        let hosts = ["localhost/127.0.0.1", "nowhere.invalid"].map(|entry| entry.parse().unwrap());
        assert_eq!(of(&hosts).await, ["127.0.0.1"]);
    }
}
