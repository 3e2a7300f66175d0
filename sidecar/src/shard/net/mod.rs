//! Many datagrams per system call, both ways.
//!
//! `recvmmsg` and `sendmmsg` take many datagrams to and from anybody. GSO (`UDP_SEGMENT`) sends up to 64
//! datagrams of equal length to one destination as one message, which passes through the kernel's stack
//! once; what the kernel can do is probed at start ([`offload`]), and without it the same type sends one
//! datagram per message. GRO, the same inwards, is left out: what comes in is a small part of what goes
//! out, and every buffer would have to have 64 KiB.

pub(super) mod offload;
pub(super) mod receive;
pub(super) mod send;
mod sys;

use std::net::SocketAddr;
use std::ops::Range;

pub(super) use offload::Offload;
pub(super) use receive::ReceiveBatch;
pub(super) use send::SendQueue;

/// Bytes of one datagram in a queue's buffer.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    length: usize,
}

/// One message for the kernel: a datagram, or a run of them.
#[derive(Debug, Clone)]
struct Message {
    destination: SocketAddr,
    /// Its datagrams, among the pieces.
    pieces: Range<usize>,
    /// Length of each datagram but the last, when there are several.
    segment: Option<u16>,
}
