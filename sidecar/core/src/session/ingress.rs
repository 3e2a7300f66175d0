//! What a session may send us at all, checked before its media stack sees it: bytes per second, of all
//! and of RTCP, and how many SSRCs at a time. str0m remembers every SSRC it ever saw.

use std::time::{Duration, Instant};

use parley_media::bucket::TokenBucket;

use crate::api::Limits;
use crate::demux::Packet;
use crate::prefetch::prefetch;

/// An SSRC that was silent for so long gives its place to a new one.
const SSRC_IDLE: Duration = Duration::from_secs(10);
/// RTCP of a session, bytes per second and burst. Busy viewers send 5,000 (reports 20 times a second,
/// NACKs at a loss of 20 %); four bytes of a NACK ask for up to 17 packets, so that more is an attack.
const RTCP_PER_SECOND: u64 = 16_000;
const RTCP_BURST: u64 = 32_000;
/// SSRCs of a description that are believed; the latest m-lines have the last word.
const DECLARED_MAX: usize = 64;
/// SSRC of a packet (RFC 3550 section 5.1).
const SSRC_AT: std::ops::Range<usize> = 8..12;

/// Why a packet goes no further; the name of its counter.
pub(crate) type Refused = &'static str;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ingress {
    bytes: TokenBucket,
    rtcp: TokenBucket,
    ssrcs: Vec<(u32, Instant)>,
    ssrcs_max: usize,
    /// Named in the client's description: always let in, so that junk in its name shuts out nobody.
    declared: Vec<u32>,
}

impl Ingress {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = limits.ingress_bytes_per_second;
        Self {
            bytes: TokenBucket::new(rate, rate),
            rtcp: TokenBucket::new(RTCP_PER_SECOND, RTCP_BURST),
            ssrcs: Vec::new(),
            // Each stream may have another for its retransmissions.
            ssrcs_max: limits.streams_per_session_max * 2,
            declared: Vec::new(),
        }
    }

    /// A packet of sound comes next.
    pub(crate) fn expect(&self) {
        prefetch(&*self.declared);
    }

    /// Takes over the SSRCs that the client's latest description names.
    pub(crate) fn set_declared(&mut self, ssrcs: impl Iterator<Item = u32>) {
        self.declared.clear();
        self.declared.extend(ssrcs.take(DECLARED_MAX));
    }

    /// Whether a datagram may go on.
    pub(crate) fn admit(
        &mut self,
        kind: Packet,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Refused> {
        if !self.bytes.take(now, datagram.len() as u64) {
            return Err("ingress_rate");
        }
        match kind {
            Packet::Rtp => self.admit_ssrc(datagram, now),
            Packet::Rtcp if !self.rtcp.take(now, datagram.len() as u64) => Err("rtcp_rate"),
            Packet::Stun | Packet::Check | Packet::Dtls | Packet::Rtcp => Ok(()),
        }
    }

    fn admit_ssrc(&mut self, packet: &[u8], now: Instant) -> Result<(), Refused> {
        let Some(ssrc) = packet.get(SSRC_AT).and_then(|bytes| bytes.try_into().ok()) else {
            return Err("rtp_malformed");
        };
        let ssrc = u32::from_be_bytes(ssrc);
        if self.declared.contains(&ssrc) {
            return Ok(());
        }
        if let Some((_, last)) = self.ssrcs.iter_mut().find(|(known, _)| *known == ssrc) {
            *last = now;
            return Ok(());
        }
        if self.ssrcs.len() >= self.ssrcs_max {
            let idle = |last: Instant| now.saturating_duration_since(last) > SSRC_IDLE;
            let place = self.ssrcs.iter().position(|(_, last)| idle(*last));
            self.ssrcs.swap_remove(place.ok_or("streams")?);
        }
        self.ssrcs.push((ssrc, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80; 40];
        packet[SSRC_AT].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }

    #[test]
    fn the_first_ssrcs_keep_their_places_while_they_send() {
        let mut ingress = Ingress::new(&Limits::default());
        let start = Instant::now();
        let admitted =
            (0..10_000).filter(|n| ingress.admit(Packet::Rtp, &packet(*n), start).is_ok());
        assert_eq!(admitted.count(), 32);
        assert_eq!(ingress.admit(Packet::Rtp, &packet(5), start), Ok(()));
        assert_eq!(
            ingress.admit(Packet::Rtp, &packet(99_999), start),
            Err("streams")
        );
        let later = start + Duration::from_secs(11);
        assert_eq!(ingress.admit(Packet::Rtp, &packet(99_999), later), Ok(()));
    }

    #[test]
    fn bytes_are_bounded() {
        let mut ingress = Ingress::new(&Limits::default());
        let start = Instant::now();
        let sent = (0..100_000)
            .filter(|_| ingress.admit(Packet::Rtp, &packet(1), start).is_ok())
            .count();
        assert_eq!(sent as u64, Limits::default().ingress_bytes_per_second / 40);
    }
}
