//! What the kernel offers beyond one datagram per message.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

use super::sys::SendArrays;
use super::{Message, Piece};

/// Offloads in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offload {
    /// Runs of datagrams to one destination leave as one message (`UDP_SEGMENT`).
    pub(crate) gso: bool,
}

impl Offload {
    /// Tries it out over loopback. What fails is off.
    pub(crate) fn probe() -> Self {
        Self {
            gso: probe_gso().unwrap_or(false),
        }
    }
}

/// Three datagrams, the last one shorter, must come as three.
fn probe_gso() -> io::Result<bool> {
    const LENGTHS: [usize; 3] = [64, 64, 10];
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    // They are there when sending returns.
    receiver.set_read_timeout(Some(Duration::from_millis(100)))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut start = 0;
    let pieces = LENGTHS.map(|length| {
        start += length;
        Piece {
            start: start - length,
            length,
        }
    });
    let message = Message {
        destination: receiver.local_addr()?,
        pieces: 0..LENGTHS.len(),
        segment: Some(64),
    };
    let bytes = [0; 64 * 2 + 10];
    SendArrays::new(1).send(sender.as_fd(), &[message], &pieces, &bytes)?;
    let mut buffer = [0; 256];
    for length in LENGTHS {
        if receiver.recv(&mut buffer)? != length {
            return Ok(false);
        }
    }
    Ok(true)
}
