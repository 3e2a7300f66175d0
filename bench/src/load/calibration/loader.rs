//! What both loops do per packet: copy, seal, hand to the kernel.

use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// Datagrams handed to the kernel at once.
pub(super) const SEND_BATCH: usize = 64;
pub(super) const TAG: usize = 16;
const DATAGRAM_BYTES_MAX: usize = 1_500;

/// One stream per destination, each with a key of its own as sessions have.
pub(super) struct Loader {
    destinations: Vec<SocketAddrAny>,
    keys: Vec<LessSafeKey>,
    payload: Vec<u8>,
    buffers: Vec<[u8; DATAGRAM_BYTES_MAX]>,
    /// Of the batch that is being made: which destination, and how many bytes.
    batch: Vec<(usize, usize)>,
    /// Packets so far: nonce and sequence number.
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl Loader {
    pub(super) fn new(destinations: &[SocketAddr]) -> anyhow::Result<Self> {
        let keys = destinations.iter().map(|_| {
            let mut key = [0; 32];
            rand::RngCore::fill_bytes(&mut rand::rng(), &mut key);
            UnboundKey::new(&AES_256_GCM, &key).map(LessSafeKey::new)
        });
        Ok(Self {
            keys: keys
                .collect::<Result<_, _>>()
                .map_err(|_| anyhow!("a key was refused"))?,
            destinations: destinations.iter().map(|d| d.as_any()).collect(),
            payload: vec![0x55; DATAGRAM_BYTES_MAX],
            buffers: vec![[0; DATAGRAM_BYTES_MAX]; SEND_BATCH],
            batch: Vec::with_capacity(SEND_BATCH),
            count: 0,
            bytes: 0,
        })
    }

    /// A packet for one of the destinations; a full batch leaves.
    pub(super) fn send(
        &mut self,
        socket: &UdpSocket,
        destination: usize,
        size: (usize, usize),
    ) -> anyhow::Result<()> {
        let destination = destination % self.destinations.len();
        let length = self.seal(destination, size)?;
        self.batch.push((destination, length));
        self.bytes += length as u64;
        self.count += 1;
        if self.batch.len() == SEND_BATCH {
            self.flush(socket)?;
        }
        Ok(())
    }

    /// Hands what is ready to the kernel.
    pub(super) fn flush(&mut self, socket: &UdpSocket) -> anyhow::Result<()> {
        let slices: Vec<[IoSlice<'_>; 1]> = self
            .buffers
            .iter()
            .zip(&self.batch)
            .map(|(buffer, (_, length))| [IoSlice::new(&buffer[..*length])])
            .collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = slices
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let parts = slices.iter().zip(&mut controls).zip(&self.batch);
        let mut messages: Vec<MMsgHdr<'_>> = parts
            .map(|((slice, control), (to, _))| {
                MMsgHdr::new_with_addr(&self.destinations[*to], slice, control)
            })
            .collect();
        let mut rest = &mut messages[..];
        while !rest.is_empty() {
            let sent = sendmmsg(socket, rest, SendFlags::empty()).context("sending")?;
            rest = &mut rest[sent.max(1)..];
        }
        self.batch.clear();
        Ok(())
    }

    /// Into the next free buffer; its length.
    fn seal(
        &mut self,
        destination: usize,
        (header, payload): (usize, usize),
    ) -> anyhow::Result<usize> {
        let buffer = &mut self.buffers[self.batch.len()];
        buffer[0] = 0x80;
        buffer[2..4].copy_from_slice(&(self.count as u16).to_be_bytes());
        let (head, body) = buffer.split_at_mut(header);
        body[..payload].copy_from_slice(&self.payload[..payload]);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.count.to_be_bytes());
        let tag = self.keys[destination]
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(head),
                &mut body[..payload],
            )
            .map_err(|_| anyhow!("a packet was not encrypted"))?;
        body[payload..payload + TAG].copy_from_slice(tag.as_ref());
        Ok(header + payload + TAG)
    }
}
