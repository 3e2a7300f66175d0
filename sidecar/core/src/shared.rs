//! What all rooms of a core share: the time, the door, the outbox, timers, counters, random numbers.

use std::collections::{BTreeMap, VecDeque};

use parley_media::sdp::{Deflater, Inflater};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use str0m::Event;

use crate::api::{CoreConfig, LeaveReason, Now};
use crate::crypto::SharedDtls;
use crate::demux::{Demux, Owner};
use crate::egress::{Guests, Lanes};
use crate::ids::Key;
use crate::outbox::Outbox;
use crate::room::FanOut;
use crate::timers::Timers;

/// Node-wide counters that no room owns.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets_in: u64,
    pub(crate) packets_forwarded: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) drops: BTreeMap<&'static str, u64>,
    pub(crate) panics: u64,
}

impl Counters {
    pub(crate) fn drop_one(&mut self, cause: &'static str) {
        self.drop_many(cause, 1);
    }

    pub(crate) fn drop_many(&mut self, cause: &'static str, count: u64) {
        *self.drops.entry(cause).or_default() += count;
    }
}

/// A fault for tests that check the tests.
#[cfg(feature = "sabotage")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Packets of the muted are forwarded.
    MuteGateOpen,
    /// A voice slot carries its source's own sequence numbers.
    SlotSeqNotRewritten,
    /// No key-frame request reaches a publisher.
    KeyframeRequestsDropped,
    /// Every request for the signalling lock is granted, and nobody waits for it.
    LockIgnored,
    /// STUN requests are admitted unsigned.
    StunIntegritySkipped,
    /// The next datagram of any session panics inside its media stack.
    PanicInSession,
    /// A session whose channel takes nothing is drained again and again.
    DrainsWithoutEnd,
    /// Deciding whose a datagram is panics.
    PanicAtTheDoor,
    /// Each change of a session's state panics.
    PanicInCommand,
    /// Bringing a room's lines in line panics.
    PanicInSettle,
    /// Taking a session out of its room panics half-way.
    PanicInRemoval,
}

#[cfg(feature = "sabotage")]
impl std::str::FromStr for Fault {
    type Err = String;

    /// By its name in snake case, as `cargo xtask sabotage` lists them.
    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "mute_gate_open" => Self::MuteGateOpen,
            "slot_seq_not_rewritten" => Self::SlotSeqNotRewritten,
            "keyframe_requests_dropped" => Self::KeyframeRequestsDropped,
            "lock_ignored" => Self::LockIgnored,
            "stun_integrity_skipped" => Self::StunIntegritySkipped,
            "panic_in_session" => Self::PanicInSession,
            "drains_without_end" => Self::DrainsWithoutEnd,
            "panic_at_the_door" => Self::PanicAtTheDoor,
            "panic_in_command" => Self::PanicInCommand,
            "panic_in_settle" => Self::PanicInSettle,
            "panic_in_removal" => Self::PanicInRemoval,
            other => return Err(format!("no fault is called {other}")),
        })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: CoreConfig,
    pub(crate) now: Now,
    pub(crate) demux: Demux,
    pub(crate) out: Outbox,
    pub(crate) timers: Timers,
    pub(crate) counters: Counters,
    pub(crate) rng: StdRng,
    pub(crate) dtls: SharedDtls,
    /// Pictures that not all of their viewers have got, in the order in which they came.
    pub(crate) fan_outs: VecDeque<FanOut>,
    /// Sessions whose `Rtc` was written to and must be drained.
    pub(crate) dirty: Vec<Owner>,
    /// Sessions whose lines may need an offer, each once.
    pub(crate) unsettled: Vec<Owner>,
    /// A room has ended and is to be forgotten.
    pub(crate) room_ended: bool,
    /// Numbers media connections, so that streams of two never share a name.
    pub(crate) serial: u32,
    /// Sessions that must go.
    pub(crate) ended: Vec<(Owner, LeaveReason)>,
    /// Audio leaves by the compact way.
    pub(crate) compact_audio: bool,
    /// To the other shards, and for them.
    pub(crate) lanes: Lanes,
    pub(crate) guests: Guests,
    /// Audio comes in past the media stack.
    pub(crate) inbound_audio: bool,
    /// What was decrypted here last; kept for its room.
    pub(crate) plain: Vec<u8>,
    /// Kept between calls for what it allocates.
    pub(crate) deflater: Deflater,
    pub(crate) inflater: Inflater,
    /// Kept between calls for its capacity.
    pub(crate) scratch: Vec<Event>,
    #[cfg(feature = "sabotage")]
    pub(crate) sabotage: Option<Fault>,
}

impl Shared {
    pub(crate) fn new(config: CoreConfig, now: Now) -> Self {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let ufrag_key = rng.random();
        if config.shard > 0 {
            // Everything else that is random differs from shard to shard.
            let mut own: [u8; 32] = rng.random();
            own[0] ^= config.shard;
            rng = StdRng::from_seed(own);
        }
        let demux = Demux::new(
            config.node,
            config.shard,
            ufrag_key,
            config.limits.stun_failures_per_second,
        );
        Self {
            lanes: Lanes::new(config.shard),
            guests: Guests::default(),
            config,
            now,
            demux,
            out: Outbox::default(),
            timers: Timers::new(now.instant),
            counters: Counters::default(),
            rng,
            dtls: SharedDtls::get(),
            fan_outs: VecDeque::new(),
            dirty: Vec::new(),
            unsettled: Vec::new(),
            room_ended: false,
            serial: 0,
            ended: Vec::new(),
            compact_audio: true,
            inbound_audio: true,
            plain: Vec::new(),
            deflater: Deflater::default(),
            inflater: Inflater::default(),
            scratch: Vec::new(),
            #[cfg(feature = "sabotage")]
            sabotage: None,
        }
    }

    pub(crate) fn drop_one(&mut self, cause: &'static str) {
        self.counters.drop_one(cause);
    }

    /// Takes the unsettled sessions of one room.
    pub(crate) fn take_unsettled(&mut self, room: Key) -> Vec<Key> {
        let of_room = self.unsettled.extract_if(.., |owner| owner.room == room);
        of_room.map(|owner| owner.seat).collect()
    }

    #[cfg(feature = "sabotage")]
    pub(crate) fn has_fault(&self, fault: Fault) -> bool {
        self.sabotage == Some(fault)
    }

    #[cfg(feature = "sabotage")]
    pub(crate) fn panic_for(&self, fault: Fault) {
        assert!(!self.has_fault(fault), "as asked for by {fault:?}");
    }

    /// Random text of `[a-z0-9]`.
    pub(crate) fn random_text(&mut self, chars: usize) -> String {
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..chars)
            .map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())]))
            .collect()
    }
}
