//! What str0m knows of a sent packet (`rtp/rtcp/twcc.rs`, `rtp/id.rs`): the same questions, answered
//! out of our own history of sent packets.

use std::ops::Deref;
use std::time::{Duration, Instant};

/// Transport-wide sequence number, without its wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct TwccSeq(u64);

impl TwccSeq {
    /// Whether `other` follows directly.
    pub(crate) fn is_next(&self, other: TwccSeq) -> bool {
        other.0.checked_sub(self.0) == Some(1)
    }
}

impl Deref for TwccSeq {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.0
    }
}

impl From<u64> for TwccSeq {
    fn from(seq: u64) -> Self {
        Self(seq)
    }
}

/// A run of packets that belong to one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct TwccClusterId(u64);

impl TwccClusterId {
    /// Increments and returns what was before.
    pub(crate) fn inc(&mut self) -> TwccClusterId {
        let before = *self;
        self.0 = self.0.wrapping_add(1);
        before
    }
}

impl Deref for TwccClusterId {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.0
    }
}

impl From<u64> for TwccClusterId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// A sent packet that a report told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TwccSendRecord {
    pub(crate) seq: TwccSeq,
    pub(crate) cluster: Option<TwccClusterId>,
    pub(crate) sent: Instant,
    pub(crate) bytes: u16,
    pub(crate) reported: Instant,
    /// By the receiver's clock; None: lost.
    pub(crate) received: Option<Instant>,
}

impl TwccSendRecord {
    pub(crate) fn seq(&self) -> TwccSeq {
        self.seq
    }

    pub(crate) fn cluster(&self) -> Option<TwccClusterId> {
        self.cluster
    }

    pub(crate) fn local_send_time(&self) -> Instant {
        self.sent
    }

    pub(crate) fn local_recv_time(&self) -> Option<Instant> {
        Some(self.reported)
    }

    pub(crate) fn size(&self) -> usize {
        usize::from(self.bytes)
    }

    pub(crate) fn remote_recv_time(&self) -> Option<Instant> {
        self.received
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        Some(self.reported.saturating_duration_since(self.sent))
    }
}

/// How str0m's own tests name a packet.
#[cfg(test)]
pub(crate) struct TwccPacketId {
    seq: TwccSeq,
    cluster: Option<TwccClusterId>,
}

#[cfg(test)]
impl TwccPacketId {
    pub(crate) fn new(seq: impl Into<TwccSeq>) -> Self {
        Self {
            seq: seq.into(),
            cluster: None,
        }
    }

    pub(crate) fn with_cluster(seq: impl Into<TwccSeq>, cluster: impl Into<TwccClusterId>) -> Self {
        Self {
            seq: seq.into(),
            cluster: Some(cluster.into()),
        }
    }
}

#[cfg(test)]
impl TwccSendRecord {
    pub(crate) fn test_new(
        id: TwccPacketId,
        sent: Instant,
        size: usize,
        reported: Instant,
        received: Option<Instant>,
    ) -> Self {
        Self {
            seq: id.seq,
            cluster: id.cluster,
            sent,
            bytes: size as u16,
            reported,
            received,
        }
    }
}
