//! Which of the sockets on one port gets a datagram (socket(7), `SO_ATTACH_REUSEPORT_CBPF`).
//!
//! Unsafe code: no crate that we use offers this option, and the kernel is told of the program by pointer and
//! length. It copies the program before the call returns.
#![allow(unsafe_code, reason = "a pointer for the kernel, see above")]

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Instructions that a program may have.
pub(super) const INSTRUCTIONS_MAX: usize = 4096;

/// One instruction of classic BPF: bpf(4) of the BSDs, and the kernel's `networking/filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jump_true: u8,
    pub(super) jump_false: u8,
    pub(super) k: u32,
}

/// Makes `program` decide for all sockets that share the port of `socket`: it returns the place of one in the
/// order in which they were bound, and what is none leaves it to the kernel's hash.
pub(super) fn attach(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let filter = |one: &Instruction| libc::sock_filter {
        code: one.code,
        jt: one.jump_true,
        jf: one.jump_false,
        k: one.k,
    };
    let mut filters: Vec<libc::sock_filter> = program.iter().map(filter).collect();
    let length = u16::try_from(filters.len()).ok();
    let length = length.filter(|length| usize::from(*length) <= INSTRUCTIONS_MAX);
    let program = libc::sock_fprog {
        len: length.ok_or(io::ErrorKind::InvalidInput)?,
        filter: filters.as_mut_ptr(),
    };
    // SAFETY: the program and its instructions live until it returns, and their lengths are given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            std::ptr::from_ref(&program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
