//! Lanes between the threads of shards: from each to each other one bounded ring, which one thread fills
//! and one empties.
//!
//! The contract:
//! - *lossy*: what finds no room is dropped and counted by who wanted to send it; nobody ever waits. An
//!   entry says how much of the lane it may use ([`Part`]), so that what strangers cause leaves room for
//!   what clients send, and that for the few words that shards exchange.
//! - *in order*, and each entry at most once;
//! - *no lock and no allocation* per entry: the payload is copied into the ring, and lent to the reader where
//!   it lies (copied once more where it goes round the ring's end);
//! - *one wake-up per batch*: [`LaneWriter::flush`] after the last entry of a batch. It costs a system call
//!   only when the reader sleeps or is about to ([`Bell`]).
//!
//! `H` is what goes with each payload: an address, a kind, a route. It should be small and own no memory.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rtrb::{Consumer, Producer, RingBuffer};

/// How a lane is measured out.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneSize {
    /// Entries that may wait.
    pub(super) entries: usize,
    /// Bytes of payload that may wait.
    pub(super) bytes: usize,
}

/// How much of a lane's room an entry may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// For what anybody can cause.
    Half,
    /// For what clients of ours send.
    Most,
    /// For what shards tell each other.
    All,
}

/// Wakes a thread that sleeps in its poll, and costs nothing while it is awake.
#[derive(Debug)]
pub(super) struct Bell {
    waker: mio::Waker,
    asleep: AtomicBool,
}

/// The end that one thread fills.
#[derive(Debug)]
pub(super) struct LaneWriter<H> {
    heads: Producer<Head<H>>,
    bytes: Producer<u8>,
    reader: Arc<Bell>,
    unflushed: bool,
    full: u64,
}

/// The end that another one empties.
pub(super) struct LaneReader<H> {
    heads: Consumer<Head<H>>,
    bytes: Consumer<u8>,
    /// For a payload that goes round the ring's end.
    joined: Vec<u8>,
}

#[derive(Debug)]
struct Head<H> {
    head: H,
    length: usize,
}

/// Both ends of a lane to the thread that `reader` wakes.
pub(super) fn lane<H>(size: LaneSize, reader: Arc<Bell>) -> (LaneWriter<H>, LaneReader<H>) {
    let (heads, heads_out) = RingBuffer::new(size.entries);
    let (bytes, bytes_out) = RingBuffer::new(size.bytes);
    let writer = LaneWriter {
        heads,
        bytes,
        reader,
        unflushed: false,
        full: 0,
    };
    let reader = LaneReader {
        heads: heads_out,
        bytes: bytes_out,
        joined: Vec::new(),
    };
    (writer, reader)
}

impl Bell {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            waker,
            // Until the thread says otherwise, it must be woken.
            asleep: AtomicBool::new(true),
        }
    }

    /// Wakes the thread, or keeps it from its next sleep: for what it cannot look for before it sleeps.
    pub(super) fn wake(&self) -> io::Result<()> {
        self.waker.wake()
    }

    /// Wakes the thread if it sleeps. What was written before is seen by it.
    pub(super) fn ring(&self) -> io::Result<()> {
        // Either this thread sees that the other sleeps, or that one, which looks at its lanes after it
        // said so, sees what was written: one of both fences is the first.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            return self.waker.wake();
        }
        Ok(())
    }

    /// The thread is about to sleep. It must look at its lanes once more after this, and not sleep if there
    /// is something in one.
    pub(super) fn doze(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The thread is awake, and will look at its lanes before it sleeps again.
    pub(super) fn rise(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }
}

impl<H> LaneWriter<H> {
    /// Copies an entry into the lane. False: there was no room for it, and it is counted.
    pub(super) fn push(&mut self, head: H, payload: &[u8], part: Part) -> bool {
        let kept_free = |capacity: usize| match part {
            Part::Half => capacity / 2,
            Part::Most => capacity / 8,
            Part::All => 0,
        };
        let entries = kept_free(self.heads.buffer().capacity()) + 1;
        let bytes = kept_free(self.bytes.buffer().capacity()) + payload.len();
        // The numbers seen last are asked first: the reader's cache lines are left alone while there is
        // room.
        let is_room = (self.heads.cached_slots() >= entries || self.heads.slots() >= entries)
            && (self.bytes.cached_slots() >= bytes || self.bytes.slots() >= bytes);
        let length = payload.len();
        // The payload first: with its head the entry is there.
        let pushed = is_room
            && self.bytes.push_entire_slice(payload).is_ok()
            && self.heads.push(Head { head, length }).is_ok();
        self.unflushed |= pushed;
        self.full += u64::from(!pushed);
        pushed
    }

    /// Wakes the reader if something was pushed since the last time.
    pub(super) fn flush(&mut self) {
        if std::mem::take(&mut self.unflushed) {
            // Fails only when the reader's poll is gone, with its thread: the process ends by that.
            let _ = self.reader.ring();
        }
    }

    /// Entries that found no room so far.
    pub(super) fn full(&self) -> u64 {
        self.full
    }
}

/// Keys may have gone through it.
impl<H> fmt::Debug for LaneReader<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneReader").finish_non_exhaustive()
    }
}

impl<H> LaneReader<H> {
    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Hands the next entry to `work`; `None`: there is none.
    pub(super) fn take<T>(&mut self, work: impl FnOnce(H, &[u8]) -> T) -> Option<T> {
        let Head { head, length } = self.heads.pop().ok()?;
        // All of it is there since its head is.
        let chunk = self.bytes.read_chunk(length).ok()?;
        let done = match chunk.as_slices() {
            (payload, []) => work(head, payload),
            (first, second) => {
                self.joined.clear();
                self.joined.extend_from_slice(first);
                self.joined.extend_from_slice(second);
                work(head, &self.joined)
            }
        };
        chunk.commit_all();
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SMALL: LaneSize = LaneSize {
        entries: 8,
        bytes: 64,
    };

    fn poll() -> (mio::Poll, Arc<Bell>) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(7)).unwrap();
        (poll, Arc::new(Bell::new(waker)))
    }

    fn wakes(poll: &mut mio::Poll) -> bool {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().next().is_some()
    }

    #[test]
    fn entries_arrive_whole_in_order_and_once_also_round_the_end() {
        let (_poll, bell) = poll();
        let (mut writer, mut reader) = lane::<usize>(SMALL, bell);
        for n in 0..1_000_usize {
            let payload = vec![n as u8; n % 60];
            assert!(writer.push(n, &payload, Part::All), "{n}");
            let taken = reader.take(|head, bytes| (head, bytes.to_vec()));
            assert_eq!(taken, Some((n, payload)));
            assert!(reader.is_empty() && reader.take(|_, _| ()).is_none());
        }
        assert_eq!(writer.full(), 0);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_spoils_nothing() {
        let (_poll, bell) = poll();
        let (mut writer, mut reader) = lane::<u8>(SMALL, bell);
        assert!(!writer.push(0, &[0; 65], Part::All), "longer than the lane");
        assert!(writer.push(1, &[1; 60], Part::All));
        assert!(!writer.push(2, &[2; 5], Part::All), "no bytes left");
        assert!(writer.push(3, &[3; 4], Part::All));
        for n in 4..10 {
            assert!(writer.push(n, &[], Part::All));
        }
        assert!(!writer.push(10, &[], Part::All), "no entry left");
        assert_eq!(writer.full(), 3);
        let mut heads = Vec::new();
        while let Some(head) = reader.take(|head, bytes| {
            assert!(bytes.iter().all(|byte| *byte == head));
            head
        }) {
            heads.push(head);
        }
        assert_eq!(heads, [1, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_strangers_cause_leaves_room_and_so_do_clients() {
        let (_poll, bell) = poll();
        let (mut writer, mut reader) = lane::<Part>(SMALL, bell);
        let mut fill = |part| {
            (0..100)
                .take_while(|_| writer.push(part, &[], part))
                .count()
        };
        assert_eq!(fill(Part::Half), 4);
        assert_eq!(fill(Part::Most), 3);
        assert_eq!(fill(Part::All), 1);
        assert_eq!(reader.take(|head, _| head), Some(Part::Half));
        // The same of bytes.
        let (_poll, bell) = poll();
        let (mut writer, _reader) = lane::<Part>(SMALL, bell);
        assert!(!writer.push(Part::Half, &[0; 33], Part::Half));
        assert!(writer.push(Part::Half, &[0; 32], Part::Half));
        assert!(!writer.push(Part::Most, &[0; 25], Part::Most));
        assert!(writer.push(Part::Most, &[0; 24], Part::Most));
        assert!(writer.push(Part::All, &[0; 8], Part::All));
    }

    #[test]
    fn a_sleeper_is_woken_once_per_batch_and_who_is_awake_never() {
        let (mut poll, bell) = poll();
        let (mut writer, _reader) = lane::<()>(SMALL, bell.clone());
        bell.doze();
        writer.flush();
        assert!(!wakes(&mut poll), "nothing was pushed");
        writer.push((), b"a", Part::All);
        writer.push((), b"b", Part::All);
        writer.flush();
        assert!(wakes(&mut poll));
        writer.push((), b"c", Part::All);
        writer.flush();
        assert!(!wakes(&mut poll), "it has been woken");
        bell.doze();
        bell.rise();
        writer.push((), b"d", Part::All);
        writer.flush();
        assert!(!wakes(&mut poll), "it is awake");
    }

    /// A wake-up that is lost would let the reader sleep for good: the poll has no time-out here.
    #[test]
    fn no_wake_up_is_lost_between_two_threads() {
        let (mut poll, bell) = poll();
        let (mut writer, mut reader) = lane::<u32>(SMALL, bell.clone());
        let reading = std::thread::spawn(move || {
            let mut events = mio::Events::with_capacity(4);
            let (mut expected, mut seen) = (0, 0);
            while expected < 50_000 {
                bell.doze();
                let timeout = (!reader.is_empty()).then_some(Duration::ZERO);
                poll.poll(&mut events, timeout).unwrap();
                bell.rise();
                while let Some(head) = reader.take(|head, bytes| {
                    assert_eq!(bytes, head.to_le_bytes());
                    head
                }) {
                    assert!(head >= expected, "in order");
                    expected = head + 1;
                    seen += 1;
                }
            }
            seen
        });
        let mut pushed = 0;
        for n in 0..50_000_u32 {
            // The last one must arrive: the reader waits for it.
            let is_last = n == 49_999;
            let mut away = writer.push(n, &n.to_le_bytes(), Part::All);
            while is_last && !away {
                std::thread::yield_now();
                away = writer.push(n, &n.to_le_bytes(), Part::All);
            }
            writer.flush();
            pushed += u32::from(away);
        }
        assert_eq!(reading.join().unwrap(), pushed);
    }
}
