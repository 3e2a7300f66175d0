//! The UDP sockets: one port on every media address, receive one by one, send in batches.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};

use mio::net::UdpSocket;
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg, sockopt};

use super::addresses::{MediaAddress, plain};

/// Kernel buffers per socket, bytes; the kernel's own maximum may make them smaller.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams handed to the kernel at once.
const SEND_BATCH: usize = 64;
/// Bytes queued before they are sent whatever else there is to do.
const SEND_BYTES_QUEUED_MAX: usize = 256 * 1024;
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

/// All sockets of the media port.
#[derive(Debug)]
pub struct MediaSockets {
    pub(super) sockets: Vec<MediaSocket>,
    port: u16,
}

impl MediaSockets {
    /// Binds `port` (0 = any free one) on all `addresses`. With `any_if_taken`, another port is taken
    /// when this one is in use. An address that the system does not have is left out with a warning.
    pub fn bind(
        addresses: &[MediaAddress],
        port: u16,
        any_if_taken: bool,
    ) -> Result<Self, BindError> {
        match Self::bind_all(addresses, port) {
            Err(BindError::PortInUse(taken)) if any_if_taken || port == 0 => {
                if port != 0 {
                    tracing::warn!(port = taken, "media port in use, taking a free one");
                }
                let mut last = BindError::PortInUse(taken);
                for _ in 0..PORT_TRIES {
                    match Self::bind_all(addresses, 0) {
                        Ok(sockets) => return Ok(sockets),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            other => other,
        }
    }

    fn bind_all(addresses: &[MediaAddress], port: u16) -> Result<Self, BindError> {
        let mut port = port;
        let mut sockets = Vec::new();
        let mut last_error = io::Error::other("no address");
        for address in addresses {
            match bind_one(SocketAddr::new(address.bound, port)) {
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
                    last_error = error;
                }
            }
        }
        if sockets.is_empty() {
            return Err(BindError::NoAddress(last_error));
        }
        Ok(Self { sockets, port })
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
    pub(super) fn index_of(&self, source: SocketAddr) -> Option<usize> {
        let source = plain(source);
        self.sockets.iter().position(|s| s.advertised == source)
    }
}

fn bind_one(address: SocketAddr) -> io::Result<StdUdpSocket> {
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
    // Smaller buffers only mean earlier drops: not worth failing for.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER_BYTES);
    rustix::net::bind(&socket, &address)?;
    Ok(StdUdpSocket::from(socket))
}

/// Datagrams on their way out, and what became of them.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    bytes: Vec<u8>,
    datagrams: Vec<Queued>,
    /// Dropped because the kernel's buffer was full.
    pub(super) blocked: u64,
    /// Dropped because the kernel refused them (no route, too long).
    pub(super) failed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    socket: usize,
    destination: SocketAddr,
    start: usize,
    end: usize,
}

impl SendQueue {
    /// Copies a datagram into the queue; true when it should be flushed.
    pub(super) fn push(&mut self, socket: usize, destination: SocketAddr, payload: &[u8]) -> bool {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.datagrams.push(Queued {
            socket,
            destination,
            start,
            end: self.bytes.len(),
        });
        self.bytes.len() >= SEND_BYTES_QUEUED_MAX
    }

    /// Hands everything to the kernel, in order per socket. What it does not take is dropped and counted:
    /// waiting would stop the media of everybody else.
    pub(super) fn flush(&mut self, sockets: &MediaSockets) {
        let mut rest = self.datagrams.as_slice();
        while let Some(first) = rest.first() {
            let run = rest
                .iter()
                .take(SEND_BATCH)
                .take_while(|queued| queued.socket == first.socket)
                .count();
            let (batch, later) = rest.split_at(run);
            rest = later;
            let (blocked, failed) = send(&sockets.sockets[first.socket].socket, batch, &self.bytes);
            self.blocked += blocked;
            self.failed += failed;
        }
        self.datagrams.clear();
        self.bytes.clear();
    }
}

/// Sends a batch; returns how many were dropped as blocked and as failed.
fn send(socket: &UdpSocket, batch: &[Queued], bytes: &[u8]) -> (u64, u64) {
    let mut failed = 0;
    let mut rest = batch;
    while !rest.is_empty() {
        let sent = if let [one] = rest {
            socket
                .send_to(&bytes[one.start..one.end], one.destination)
                .map(|_| 1)
        } else {
            send_many(socket, rest, bytes)
        };
        match sent {
            Ok(count) => rest = rest.get(count.max(1)..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return (rest.len() as u64, failed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The error belongs to the first datagram; an ICMP error of an earlier one may also surface
            // here, then one good datagram is lost, as on any network.
            Err(_) => {
                failed += 1;
                rest = &rest[1..];
            }
        }
    }
    (0, failed)
}

fn send_many(socket: &UdpSocket, batch: &[Queued], bytes: &[u8]) -> io::Result<usize> {
    let destinations: Vec<SocketAddrAny> = batch.iter().map(|q| q.destination.as_any()).collect();
    let slices: Vec<[IoSlice<'_>; 1]> = batch
        .iter()
        .map(|q| [IoSlice::new(&bytes[q.start..q.end])])
        .collect();
    let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = batch
        .iter()
        .map(|_| SendAncillaryBuffer::default())
        .collect();
    let mut messages: Vec<MMsgHdr<'_>> = destinations
        .iter()
        .zip(&slices)
        .zip(&mut controls)
        .map(|((destination, slice), control)| MMsgHdr::new_with_addr(destination, slice, control))
        .collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
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
        let sockets = MediaSockets::bind(&addresses, 0, false).unwrap();
        let advertised = sockets.advertised();
        assert!(advertised.iter().all(|a| a.port() == sockets.port()));
        assert_eq!(sockets.index_of(advertised[0]), Some(0));
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
    fn batches_arrive_whole_and_in_order() {
        let receiver = StdUdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let sockets = MediaSockets::bind(&[loopback(false).into()], 0, false).unwrap();
        let mut queue = SendQueue::default();
        for n in 0..150_u8 {
            queue.push(0, to, &vec![n; usize::from(n) + 1]);
        }
        queue.flush(&sockets);
        assert_eq!((queue.blocked, queue.failed), (0, 0));
        let mut buffer = [0_u8; 2048];
        for n in 0..150_u8 {
            let (length, from) = receiver.recv_from(&mut buffer).unwrap();
            assert_eq!((length, buffer[0]), (usize::from(n) + 1, n));
            assert_eq!(from.port(), sockets.port());
        }
    }

    #[test]
    fn a_datagram_that_cannot_leave_is_counted_and_the_others_go() {
        let receiver = StdUdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let sockets = MediaSockets::bind(&[loopback(false).into()], 0, false).unwrap();
        let mut queue = SendQueue::default();
        queue.push(0, to, b"one");
        queue.push(0, to, &vec![0; 70_000]);
        queue.push(0, to, b"two");
        queue.flush(&sockets);
        assert_eq!(queue.failed, 1);
        let mut buffer = [0_u8; 16];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 3);
        assert_eq!(&buffer[..3], b"two");
    }
}
