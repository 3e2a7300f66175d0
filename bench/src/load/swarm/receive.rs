//! Many datagrams of one socket per system call.
//!
//! Unsafe code is allowed here: recvmmsg(2) has no safe wrapper among our dependencies, and a load generator
//! that reads one by one would be what a run measures.
#![allow(unsafe_code)]

use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr::{from_mut, null_mut};

use rustix::net::sockopt;

/// Datagrams per call.
pub(in crate::load) const BATCH: usize = 32;
/// Nothing that a sidecar sends is longer.
const DATAGRAM_BYTES_MAX: usize = 2048;
const ADDRESS_BYTES: u32 = size_of::<libc::sockaddr_storage>() as u32;

/// Of a receiving socket: a burst must wait there, not be lost.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// As wide as the system allows.
pub(in crate::load) fn widen_receive_buffer(socket: &impl AsFd) {
    // Beyond the system's maximum only root may go; others get the maximum.
    if sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER_BYTES);
    }
}

/// One datagram's place.
struct Place {
    bytes: [u8; DATAGRAM_BYTES_MAX],
    from: libc::sockaddr_storage,
    slice: libc::iovec,
}

/// Buffers of one reader, used again and again. Stays in its thread: it points into itself.
pub(in crate::load) struct Batch {
    /// What `headers` point to: never moved or touched by name while they are in use.
    places: Box<[Place]>,
    headers: Box<[libc::mmsghdr]>,
    filled: usize,
}

impl Batch {
    pub(in crate::load) fn new() -> Self {
        let mut places: Box<[Place]> = (0..BATCH)
            .map(|_| Place {
                bytes: [0; DATAGRAM_BYTES_MAX],
                // SAFETY: plain data, for which zeros are a value.
                from: unsafe { zeroed() },
                slice: libc::iovec {
                    iov_base: null_mut(),
                    iov_len: DATAGRAM_BYTES_MAX,
                },
            })
            .collect();
        let headers = places
            .iter_mut()
            .map(|place| {
                place.slice.iov_base = place.bytes.as_mut_ptr().cast();
                // SAFETY: plain data, for which zeros are a value; a null control buffer has no length.
                let mut header: libc::mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_namelen = ADDRESS_BYTES;
                header.msg_hdr.msg_name = from_mut(&mut place.from).cast();
                header.msg_hdr.msg_iov = from_mut(&mut place.slice);
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Self {
            places,
            headers,
            filled: 0,
        }
    }

    /// Reads what is there, up to [`BATCH`] datagrams; fewer: the socket is empty. Those read before are
    /// gone. `WouldBlock`: there is nothing.
    pub(in crate::load) fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        // The kernel wrote the lengths of the last call's addresses there.
        for header in &mut self.headers[..self.filled] {
            header.msg_hdr.msg_namelen = ADDRESS_BYTES;
        }
        self.filled = 0;
        // SAFETY: every header points to a place of its own in `places`, whose bytes and address have the
        // lengths that it names; the kernel writes nothing else.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                null_mut(),
            )
        };
        self.filled = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
        Ok(self.filled)
    }

    /// The datagrams of the last call.
    pub(in crate::load) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let filled = self.headers.iter().zip(&self.places).take(self.filled);
        filled.filter_map(|(header, place)| {
            let length = (header.msg_len as usize).min(DATAGRAM_BYTES_MAX);
            Some((address(&place.from)?, &place.bytes[..length]))
        })
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let pointer = std::ptr::from_ref(storage);
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says what it is, and the storage is large enough and aligned for each.
            let v4 = unsafe { &*pointer.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*pointer.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn datagrams_come_whole_in_order_and_with_their_sender() {
        for ip in ["127.0.0.1:0", "[::1]:0"] {
            let (Ok(receiver), Ok(sender)) = (UdpSocket::bind(ip), UdpSocket::bind(ip)) else {
                continue; // no IPv6 here
            };
            let to = receiver.local_addr().expect("bound");
            let mut batch = Batch::new();
            let nothing = batch.receive(&receiver).expect_err("nothing was sent");
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            for round in 0..2_u8 {
                for n in 0..40_u8 {
                    let data = vec![n; usize::from(n + round)];
                    sender.send_to(&data, to).expect("sent");
                }
                let mut seen = 0_u8;
                for expected in [BATCH, 40 - BATCH] {
                    assert_eq!(batch.receive(&receiver).expect("there are"), expected);
                    for (from, data) in batch.datagrams() {
                        assert_eq!(from, sender.local_addr().expect("bound"));
                        assert_eq!(data, vec![seen; usize::from(seen + round)]);
                        seen += 1;
                    }
                }
                assert_eq!(seen, 40);
            }
        }
    }
}
