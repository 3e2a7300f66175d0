//! `sendmmsg` with runs of datagrams (udp(7), `UDP_SEGMENT`), and `recvmmsg`.
//!
//! Unsafe code: no crate that we use offers these two calls with that control message, and the
//! kernel wants arrays of structs that point into each other. Each array here lives on the heap as long
//! as its owner, is filled anew before each call, and is never looked through by pointer after it: what
//! the kernel wrote is read from the arrays themselves.
#![allow(unsafe_code, reason = "arrays of pointers for the kernel, see above")]

use std::fmt;
use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;

use super::{Message, Piece};

/// Room for one control message of at most eight bytes.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

const CONTROL_BYTES: usize = 32;
// SAFETY: only computes.
const _: () = assert!(unsafe { libc::CMSG_SPACE(8) } as usize <= CONTROL_BYTES);

/// An address in the kernel's form.
#[repr(C)]
#[derive(Clone, Copy)]
union Address {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Address {
    fn empty() -> Self {
        // SAFETY: all zeroes is a value of each of its fields.
        unsafe { zeroed() }
    }

    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        match address {
            SocketAddr::V4(address) => {
                // SAFETY: all zeroes is a value of it.
                let mut v4: libc::sockaddr_in = unsafe { zeroed() };
                v4.sin_family = libc::AF_INET as libc::sa_family_t;
                v4.sin_port = address.port().to_be();
                v4.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                (Self { v4 }, size_of_val(&v4) as libc::socklen_t)
            }
            SocketAddr::V6(address) => {
                // SAFETY: all zeroes is a value of it.
                let mut v6: libc::sockaddr_in6 = unsafe { zeroed() };
                v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                v6.sin6_port = address.port().to_be();
                v6.sin6_addr.s6_addr = address.ip().octets();
                v6.sin6_flowinfo = address.flowinfo();
                v6.sin6_scope_id = address.scope_id();
                (Self { v6 }, size_of_val(&v6) as libc::socklen_t)
            }
        }
    }

    /// Without flow and scope.
    fn get(&self, length: libc::socklen_t) -> Option<SocketAddr> {
        let length = length as usize;
        // SAFETY: every byte of the union was initialised, and the kernel says how much it wrote.
        match i32::from(unsafe { self.family }) {
            libc::AF_INET if length >= size_of::<libc::sockaddr_in>() => {
                // SAFETY: as above.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some((ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if length >= size_of::<libc::sockaddr_in6>() => {
                // SAFETY: as above.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some((ip, u16::from_be(v6.sin6_port)).into())
            }
            _ => None,
        }
    }
}

/// Arrays for `sendmmsg`, used again with each call.
pub(super) struct SendArrays {
    headers: Vec<libc::mmsghdr>,
    addresses: Vec<Address>,
    slices: Vec<libc::iovec>,
    controls: Vec<Control>,
}

// SAFETY: the pointers in the arrays lead into the arrays and into what a call was lent; they are read
// during the call that set them only.
unsafe impl Send for SendArrays {}

impl fmt::Debug for SendArrays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendArrays")
    }
}

impl SendArrays {
    /// For as many messages per call as `messages` says.
    pub(super) fn new(messages: usize) -> Self {
        Self {
            headers: Vec::with_capacity(messages),
            addresses: Vec::with_capacity(messages),
            slices: Vec::with_capacity(messages),
            controls: Vec::with_capacity(messages),
        }
    }

    /// Hands `messages`, whose pieces lie in `bytes`, to the kernel. Says how many it took.
    pub(super) fn send(
        &mut self,
        socket: BorrowedFd<'_>,
        messages: &[Message],
        pieces: &[Piece],
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.headers.clear();
        self.addresses.clear();
        self.slices.clear();
        self.controls.clear();
        for message in messages {
            let (address, length) = Address::of(message.destination);
            self.addresses.push(address);
            self.controls.push(Control([0; CONTROL_BYTES]));
            let first = self.slices.len();
            let mut end = usize::MAX;
            for piece in &pieces[message.pieces.clone()] {
                let slice = &bytes[piece.start..piece.start + piece.length];
                if let Some(last) = self.slices[first..]
                    .last_mut()
                    .filter(|_| end == piece.start)
                {
                    last.iov_len += slice.len();
                } else {
                    self.slices.push(libc::iovec {
                        iov_base: slice.as_ptr().cast_mut().cast(),
                        iov_len: slice.len(),
                    });
                }
                end = piece.start + piece.length;
            }
            // SAFETY: all zeroes is a value of it: no address, no data, no control message.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_namelen = length;
            header.msg_hdr.msg_iovlen = (self.slices.len() - first) as _;
            self.headers.push(header);
        }
        // From here on no array grows, so what points into them stays true.
        let mut slice = self.slices.as_mut_ptr();
        let rest = self.addresses.iter_mut().zip(&mut self.controls);
        for ((header, (address, control)), message) in
            self.headers.iter_mut().zip(rest).zip(messages)
        {
            let header = &mut header.msg_hdr;
            header.msg_name = ptr::from_mut(address).cast();
            header.msg_iov = slice;
            // SAFETY: the lengths of all messages add up to that of the array.
            slice = unsafe { slice.add(header.msg_iovlen) };
            if let Some(segment) = message.segment {
                header.msg_control = control.0.as_mut_ptr().cast();
                // SAFETY: the control buffer is aligned and long enough (asserted above), so the first
                // header and its data lie in it.
                unsafe {
                    header.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as _;
                    let first = libc::CMSG_FIRSTHDR(header);
                    (*first).cmsg_level = libc::SOL_UDP;
                    (*first).cmsg_type = libc::UDP_SEGMENT;
                    (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
                    ptr::write_unaligned(libc::CMSG_DATA(first).cast::<u16>(), segment);
                }
            }
        }
        // SAFETY: headers, addresses, slices, controls and bytes live and do not move until it returns;
        // the kernel only reads what the slices name.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                0,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Received<'a> {
    /// `None`: of a family that no socket of ours has.
    pub(super) from: Option<SocketAddr>,
    pub(super) bytes: &'a [u8],
    /// The buffer was too short for it.
    pub(super) cut: bool,
}

/// Arrays and buffers for `recvmmsg`, used again with each call.
pub(super) struct ReceiveArrays {
    headers: Vec<libc::mmsghdr>,
    addresses: Vec<Address>,
    slices: Vec<libc::iovec>,
    buffers: Vec<u8>,
    /// Bytes per message.
    stride: usize,
}

// SAFETY: as above.
unsafe impl Send for ReceiveArrays {}

impl fmt::Debug for ReceiveArrays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiveArrays")
    }
}

impl ReceiveArrays {
    /// For up to `messages` of `stride` bytes per call.
    pub(super) fn new(messages: usize, stride: usize) -> Self {
        let no_slice = libc::iovec {
            iov_base: ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            // SAFETY: all zeroes is a value of it.
            headers: vec![unsafe { zeroed() }; messages],
            addresses: vec![Address::empty(); messages],
            slices: vec![no_slice; messages],
            buffers: vec![0; messages * stride],
            stride,
        }
    }

    /// Reads what is there. Says how many messages; fewer than there is room for: nothing was left.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let slices = self.addresses.iter_mut().zip(&mut self.slices);
        let buffers = self.buffers.chunks_exact_mut(self.stride);
        let headers = self.headers.iter_mut();
        for ((header, (address, slice)), buffer) in headers.zip(slices).zip(buffers) {
            slice.iov_base = buffer.as_mut_ptr().cast();
            slice.iov_len = buffer.len();
            let header = &mut header.msg_hdr;
            header.msg_name = ptr::from_mut(address).cast();
            header.msg_namelen = size_of::<Address>() as libc::socklen_t;
            header.msg_iov = slice;
            header.msg_iovlen = 1;
            header.msg_flags = 0;
        }
        // SAFETY: all that the headers point to lives and does not move until it returns.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// A message that the last [`Self::receive`] counted.
    pub(super) fn message(&self, index: usize) -> Received<'_> {
        let header = &self.headers[index];
        let start = index * self.stride;
        let length = (header.msg_len as usize).min(self.stride);
        Received {
            from: self.addresses[index].get(header.msg_hdr.msg_namelen),
            bytes: &self.buffers[start..start + length],
            cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }
    }
}

/// Makes a socket that the kernel refuses runs from (`SO_NO_CHECK`).
#[cfg(test)]
pub(super) fn leave_out_checksums(socket: BorrowedFd<'_>) -> io::Result<()> {
    let value: libc::c_int = 1;
    // SAFETY: the value lives until it returns, and its length is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            ptr::from_ref(&value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
