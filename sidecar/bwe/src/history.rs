//! What was sent lately, by transport-wide sequence number.

use std::time::{Duration, Instant};

use crate::rtp_::TwccClusterId;

/// Packets remembered: 0.8 s of 25 Mb/s, which is what reports come within. A power of two.
const KEPT: usize = 1 << 11;

/// 12 bytes, so that the ring is 24 KiB per viewer.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Since the history's first packet; wraps after 71 minutes, which nobody waits for a report.
    at_us: u32,
    /// One more than the probe's number, 0: no probe's.
    cluster: u32,
    bytes: u16,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InFlight,
    Lost,
    Came,
}

/// A packet that a report tells of for the first time, or that came although it was said to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) cluster: Option<TwccClusterId>,
    pub(crate) bytes: u16,
}

/// The ring of sent packets. Takes memory from the first packet on.
#[derive(Debug, Default)]
pub(crate) struct History {
    ring: Vec<Entry>,
    /// When the first packet was sent.
    since: Option<Instant>,
    /// The sequence number of the packet that is to come, without wraps.
    next: u64,
}

impl History {
    /// Takes note of a packet; returns its number.
    pub(crate) fn push(
        &mut self,
        now: Instant,
        bytes: usize,
        cluster: Option<TwccClusterId>,
    ) -> u16 {
        let since = *self.since.get_or_insert(now);
        let entry = Entry {
            at_us: now.saturating_duration_since(since).as_micros() as u32,
            cluster: cluster.map_or(0, |id| (*id as u32).wrapping_add(1)),
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            state: State::InFlight,
        };
        let seq = self.next;
        self.next += 1;
        let at = (seq as usize) % KEPT;
        match self.ring.get_mut(at) {
            Some(place) => *place = entry,
            None => {
                if self.ring.is_empty() {
                    self.ring.reserve_exact(KEPT);
                }
                self.ring.push(entry);
            }
        }
        seq as u16
    }

    /// The number without wraps of a packet that was sent most recently as `seq`; negative or not
    /// [kept](Self::kept) if there was none.
    pub(crate) fn unwrapped(&self, seq: u16) -> i64 {
        let back = (self.next as u16).wrapping_sub(seq);
        // 0 would be the packet that is to come: the one 2^16 earlier is meant.
        let back = if back == 0 { 1 << 16 } else { i64::from(back) };
        self.next as i64 - back
    }

    /// The numbers for which there is a packet.
    pub(crate) fn kept(&self) -> std::ops::Range<i64> {
        let next = self.next as i64;
        next - self.ring.len() as i64..next
    }

    /// The packet did not come. Some: that is news.
    pub(crate) fn lost(&mut self, seq: i64, now: Instant) -> Option<Sent> {
        let sent = self.sent(seq, now)?;
        let entry = self.entry(seq)?;
        let news = entry.state == State::InFlight;
        if news {
            entry.state = State::Lost;
        }
        news.then_some(sent)
    }

    /// The packet came. Some: that is news.
    pub(crate) fn came(&mut self, seq: i64, now: Instant) -> Option<Sent> {
        let sent = self.sent(seq, now)?;
        let entry = self.entry(seq)?;
        let news = entry.state != State::Came;
        entry.state = State::Came;
        news.then_some(sent)
    }

    /// Probes are counted anew: what is on its way belongs to none.
    pub(crate) fn forget_clusters(&mut self) {
        for entry in &mut self.ring {
            entry.cluster = 0;
        }
    }

    fn entry(&mut self, seq: i64) -> Option<&mut Entry> {
        if !self.kept().contains(&seq) {
            return None;
        }
        self.ring.get_mut((seq as usize) % KEPT)
    }

    fn sent(&mut self, seq: i64, now: Instant) -> Option<Sent> {
        let since = self.since?;
        let entry = *self.entry(seq)?;
        let now_us = now.saturating_duration_since(since).as_micros() as u32;
        let ago = Duration::from_micros(u64::from(now_us.wrapping_sub(entry.at_us)));
        Some(Sent {
            at: now.checked_sub(ago).unwrap_or(since),
            cluster: entry.cluster.checked_sub(1).map(|id| u64::from(id).into()),
            bytes: entry.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(packets: usize) -> (History, Instant) {
        let mut history = History::default();
        let start = Instant::now();
        for i in 0..packets {
            let seq = history.push(start + Duration::from_millis(i as u64), 1000, None);
            assert_eq!(seq, i as u16);
        }
        (history, start + Duration::from_millis(packets as u64))
    }

    #[test]
    fn it_takes_memory_with_the_first_packet_and_no_more_later() {
        assert_eq!(History::default().ring.capacity(), 0);
        assert_eq!(size_of::<Entry>(), 12);
        let (history, _) = filled(3 * KEPT);
        assert_eq!(history.ring.capacity(), KEPT);
    }

    #[test]
    fn numbers_wrap_and_are_told_apart() {
        let (mut history, now) = filled(70_000);
        let latest = 69_999u64;
        assert_eq!(history.unwrapped(latest as u16), latest as i64);
        // That number is the next one's: the one sent with it is long gone.
        let gone = history.unwrapped(70_000u64 as u16);
        assert_eq!(gone, 70_000 - 65_536);
        assert_eq!(history.came(gone, now), None);
        let oldest = 70_000 - KEPT as i64;
        assert_eq!(history.unwrapped(oldest as u16), oldest);
        let sent = history.came(oldest, now).unwrap();
        assert_eq!(now - sent.at, Duration::from_millis(KEPT as u64));
        assert_eq!(history.came(oldest - 1, now), None);
        assert_eq!(history.came(70_000, now), None);
    }

    #[test]
    fn nothing_was_sent_before_the_first() {
        let (mut history, now) = filled(3);
        for seq in [3, 4, 1000, 65_535] {
            let seq = history.unwrapped(seq);
            assert_eq!(history.came(seq, now), None);
            assert_eq!(history.lost(seq, now), None);
        }
        assert!(History::default().kept().is_empty());
    }

    #[test]
    fn each_packet_is_news_once_lost_and_once_come() {
        let (mut history, now) = filled(3);
        assert!(history.lost(1, now).is_some());
        assert!(history.lost(1, now).is_none());
        assert!(history.came(1, now).is_some());
        assert!(history.came(1, now).is_none());
        assert!(history.lost(1, now).is_none());
    }

    #[test]
    fn a_packet_knows_its_probe_until_they_are_forgotten() {
        let (mut history, now) = filled(1);
        for id in [0, 41] {
            let seq = history.push(now, 200, Some(id.into())).into();
            assert_eq!(history.lost(seq, now).unwrap().cluster, Some(id.into()));
            history.forget_clusters();
            assert_eq!(history.came(seq, now).unwrap().cluster, None);
        }
        assert_eq!(history.came(0, now).unwrap().cluster, None);
    }
}
