//! The UDP sockets: one port on every media address, once for each shard.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};

use mio::net::UdpSocket;
use rustix::net::sockopt;

use super::addresses::{MediaAddress, plain};

/// Kernel buffers per socket, bytes; the kernel's own maximum may make them smaller.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Tries to find one free port for all addresses when any will do.
const PORT_TRIES: usize = 20;

/// Why no media port could be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is taken on an address.
    #[error("UDP port {0} is in use")]
    PortInUse(u16),
    /// No address could be bound.
    #[error("no media address could be bound: {0}")]
    NoAddress(io::Error),
}

/// One bound address.
#[derive(Debug)]
pub(super) struct MediaSocket {
    pub(super) socket: UdpSocket,
    pub(super) advertised: SocketAddr,
}

/// A shard's sockets of the media port.
#[derive(Debug)]
pub struct MediaSockets {
    pub(super) sockets: Vec<MediaSocket>,
    port: u16,
    /// The last answer of [`Self::index_of`].
    last: Option<(SocketAddr, usize)>,
}

impl MediaSockets {
    /// Binds `port` (0 = any free one) on all `addresses`. With `any_if_taken`, another port is taken
    /// when this one is in use. An address that the system does not have is left out with a warning.
    pub fn bind(
        addresses: &[MediaAddress],
        port: u16,
        any_if_taken: bool,
    ) -> Result<Self, BindError> {
        let mut sets = Self::bind_sets(addresses, port, any_if_taken, 1)?;
        sets.pop().ok_or_else(no_address)
    }

    /// As [`Self::bind`], with as many sets of sockets on the same port (at least one): the kernel gives
    /// each client's datagrams to one of them. A port that somebody else has is in use, even if he shares it.
    pub fn bind_sets(
        addresses: &[MediaAddress],
        port: u16,
        any_if_taken: bool,
        sets: usize,
    ) -> Result<Vec<Self>, BindError> {
        match Self::try_bind(addresses, port, sets) {
            Err(BindError::PortInUse(taken)) if any_if_taken || port == 0 => {
                if port != 0 {
                    tracing::warn!(port = taken, "media port in use, taking a free one");
                }
                let mut last = BindError::PortInUse(taken);
                for _ in 0..PORT_TRIES {
                    match Self::try_bind(addresses, 0, sets) {
                        Ok(sockets) => return Ok(sockets),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            other => other,
        }
    }

    fn try_bind(
        addresses: &[MediaAddress],
        port: u16,
        sets: usize,
    ) -> Result<Vec<Self>, BindError> {
        // The first set is bound alone, so that a port in use is found out.
        let first = Self::bind_all(addresses, port, Sharing::Alone)?;
        let mut bound = vec![first];
        if sets > 1 {
            for media in &bound[0].sockets {
                sockopt::set_socket_reuseport(&media.socket, true)
                    .map_err(|error| BindError::NoAddress(error.into()))?;
            }
        }
        for _ in 1..sets {
            let set = Self::bind_all(addresses, bound[0].port, Sharing::WithOurs)?;
            // Each shard tells the same candidates.
            if set.advertised() != bound[0].advertised() {
                return Err(no_address());
            }
            bound.push(set);
        }
        Ok(bound)
    }

    fn bind_all(
        addresses: &[MediaAddress],
        port: u16,
        sharing: Sharing,
    ) -> Result<Self, BindError> {
        let mut port = port;
        let mut sockets = Vec::new();
        let mut last_error = None;
        for address in addresses {
            match bind_one(SocketAddr::new(address.bound, port), sharing) {
                Ok(socket) => {
                    port = socket.local_addr().map_or(port, |local| local.port());
                    sockets.push(MediaSocket {
                        socket: UdpSocket::from_std(socket),
                        advertised: SocketAddr::new(address.advertised, port),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(BindError::PortInUse(port));
                }
                Err(error) => {
                    tracing::warn!(%error, "a media address cannot be bound and is left out");
                    last_error = Some(error);
                }
            }
        }
        if sockets.is_empty() {
            return Err(last_error.map_or_else(no_address, BindError::NoAddress));
        }
        Ok(Self {
            sockets,
            port,
            last: None,
        })
    }

    /// What clients are told.
    #[must_use]
    pub fn advertised(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|s| s.advertised).collect()
    }

    /// The port in use.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket that stands behind an advertised address.
    pub(super) fn index_of(&mut self, source: SocketAddr) -> Option<usize> {
        // Packets to many leave by one address.
        if let Some((last, index)) = self.last
            && last == source
        {
            return Some(index);
        }
        let wanted = plain(source);
        let index = self.sockets.iter().position(|s| s.advertised == wanted)?;
        self.last = Some((source, index));
        Some(index)
    }
}

/// With whom a socket shares its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    WithOurs,
}

fn no_address() -> BindError {
    BindError::NoAddress(io::Error::other("no address"))
}

fn bind_one(address: SocketAddr, sharing: Sharing) -> io::Result<StdUdpSocket> {
    let family = match address.ip() {
        IpAddr::V4(_) => rustix::net::AddressFamily::INET,
        IpAddr::V6(_) => rustix::net::AddressFamily::INET6,
    };
    let socket = rustix::net::socket_with(
        family,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK,
        None,
    )?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if sharing == Sharing::WithOurs {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    // Smaller buffers only mean earlier drops: not worth failing for.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    rustix::net::bind(&socket, &address)?;
    Ok(StdUdpSocket::from(socket))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn loopback(v6: bool) -> IpAddr {
        if v6 {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        } else {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        }
    }

    #[test]
    fn one_port_serves_both_families() {
        let addresses = [loopback(false).into(), loopback(true).into()];
        let mut sockets = MediaSockets::bind(&addresses, 0, false).unwrap();
        let advertised = sockets.advertised();
        assert!(advertised.iter().all(|a| a.port() == sockets.port()));
        for (index, address) in advertised.iter().enumerate() {
            assert_eq!(sockets.index_of(*address), Some(index));
            assert_eq!(sockets.index_of(*address), Some(index));
        }
        assert_eq!(sockets.index_of("192.0.2.1:9".parse().unwrap()), None);
    }

    #[test]
    fn a_taken_port_is_an_error_unless_another_will_do() {
        let addresses = [loopback(false).into()];
        let first = MediaSockets::bind(&addresses, 0, false).unwrap();
        let taken = MediaSockets::bind(&addresses, first.port(), false);
        assert!(matches!(taken, Err(BindError::PortInUse(port)) if port == first.port()));
        let other = MediaSockets::bind(&addresses, first.port(), true).unwrap();
        assert_ne!(other.port(), first.port());
    }

    #[test]
    fn several_sets_share_a_port_that_nobody_else_gets() {
        let addresses = [loopback(false).into(), loopback(true).into()];
        let sets = MediaSockets::bind_sets(&addresses, 0, false, 3).unwrap();
        let port = sets[0].port();
        assert!(sets.iter().all(|set| set.port() == port));
        assert!(sets.iter().all(|set| set.sockets.len() == 2));
        for count in [1, 2] {
            let taken = MediaSockets::bind_sets(&addresses, port, false, count);
            assert!(matches!(taken, Err(BindError::PortInUse(taken)) if taken == port));
        }
    }

    #[test]
    fn each_client_is_heard_by_one_of_the_sets() {
        let sets = MediaSockets::bind_sets(&[loopback(false).into()], 0, false, 2).unwrap();
        let to = sets[0].advertised()[0];
        let mut heard = [0; 2];
        for n in 0..64_u8 {
            let client = StdUdpSocket::bind("127.0.0.1:0").unwrap();
            client.send_to(&[n], to).unwrap();
            let mut buffer = [0; 8];
            for (set, heard) in sets.iter().zip(&mut heard) {
                while let Ok((1, from)) = set.sockets[0].socket.recv_from(&mut buffer) {
                    assert_eq!((buffer[0], from), (n, client.local_addr().unwrap()));
                    *heard += 1;
                }
            }
        }
        assert_eq!(heard[0] + heard[1], 64);
        assert!(heard.iter().all(|heard| *heard > 0), "{heard:?}");
    }
}
