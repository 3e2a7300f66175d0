//! The door: which session a datagram belongs to, and whether it may come in at all.
//!
//! str0m is no firewall: it decrypts whatever it is handed. So nothing reaches an `Rtc` but
//! - a STUN binding request whose user fragment is ours (keyed checksum), alive, and whose
//!   MESSAGE-INTEGRITY holds: its 5-tuple is *admitted*,
//! - anything else from an admitted 5-tuple.
//!
//! A request counts once: whoever repeats what a client signed is neither admitted nor answered.
//!
//! Strangers cost a hash lookup; only a fragment of ours that is alive costs an HMAC, and a source is
//! given so many of them per second (RFC 8489 section 9.1.3, RFC 7983 for the first byte).
//!
//! With several shards a datagram may arrive at the wrong one, which hands it on ([`elsewhere`]). Where it
//! lives everything is checked as if it had arrived there.

mod elsewhere;
mod replay;
mod stun;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use parley_media::bucket::SourceBuckets;
use parley_media::ufrag::{Parts, UfragCodec};
use str0m::ice::StunMessage;

use crate::api::{HandOver, TupleNews};
use crate::ids::{Arena, Key};
use elsewhere::{Claim, Elsewhere};
use replay::Seen;

/// 5-tuples a session may hold: two address families, a VPN and a few NAT rebindings. The one that was
/// not proven for longest goes.
const TUPLES_PER_LINK_MAX: usize = 8;
/// Sources whose checks are counted.
const SOURCES_MAX: usize = 4096;
/// A tuple stays with its session for so long after its last signed check: browsers check each 2-5 s
/// (RFC 7675 section 5.1). Otherwise a participant with a forged source address could take the tuple of
/// another one, whose packets would then be decrypted with the wrong keys.
const TUPLE_KEPT: Duration = Duration::from_secs(10);

/// A shard is told of a tuple at most so often: who sends signed checks without end must not fill the lane
/// with what is said about them, which goes before what clients send.
const NEWS_EVERY: Duration = Duration::from_millis(250);

/// Both ends of a datagram; the protocol is always UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tuple {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// One media connection as the door knows it.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whose it is.
    pub(crate) owner: Owner,
    /// Our ICE password: what a request must be signed with.
    pub(crate) password: String,
    tuples: Vec<Tuple>,
    seen: Seen,
}

/// Room and seat in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) room: Key,
    pub(crate) seat: Key,
}

/// What is to be done with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It may be handed to this session's `Rtc`.
    Ours(Owner, Packet),
    /// Another shard decides.
    Theirs(HandOver),
}

/// What came in, by its first byte (RFC 7983 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packet {
    Stun,
    /// A signed STUN request: proof that the client is at this address now.
    Check,
    Dtls,
    Rtp,
    Rtcp,
}

/// Why a datagram goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not STUN, DTLS, RTP or RTCP.
    Unknown,
    /// Not from an admitted 5-tuple.
    Stranger,
    /// A STUN message that does not parse, or is no binding request.
    StunMalformed,
    /// A user fragment that we did not make, or that is over.
    StunUfrag,
    /// Signed with another password.
    StunIntegrity,
    /// Too many checks of unproven tuples from this address.
    StunRate,
    /// A signed request that came before, from another tuple.
    StunReplayed,
    /// A signed request from a tuple that belongs to another session.
    TupleTaken,
    /// A user fragment of this shard of ours; its counter is that of a fragment which is over.
    OtherShard(u8),
}

impl Refusal {
    /// Name of its counter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "datagram_unknown",
            Self::Stranger => "datagram_stranger",
            Self::StunMalformed => "stun_malformed",
            Self::StunUfrag | Self::OtherShard(_) => "stun_ufrag",
            Self::StunIntegrity => "stun_integrity",
            Self::StunRate => "stun_rate",
            Self::StunReplayed => "stun_replayed",
            Self::TupleTaken => "stun_tuple_taken",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Demux {
    node: u16,
    shard: u8,
    ufrags: UfragCodecDebug,
    links: Arena<Link>,
    /// Whose each is, and when its client proved it last.
    tuples: HashMap<Tuple, (Key, Instant)>,
    checks: SourceBuckets<IpAddr>,
    elsewhere: Elsewhere,
    /// Tuples of ours that arrive at another shard, which is told when they are ours no more, and when it
    /// was told last that they are.
    arrivals: HashMap<Tuple, (u8, Instant)>,
    news: VecDeque<TupleNews>,
    /// Test-only fault: skip the HMAC.
    #[cfg(feature = "sabotage")]
    pub(crate) skip_integrity: bool,
}

struct UfragCodecDebug(UfragCodec);

impl std::fmt::Debug for UfragCodecDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UfragCodec")
    }
}

impl Demux {
    pub(crate) fn new(node: u16, shard: u8, key: [u8; 16], checks_per_second: u32) -> Self {
        let rate = u64::from(checks_per_second);
        Self {
            node,
            shard,
            ufrags: UfragCodecDebug(UfragCodec::new(key)),
            links: Arena::default(),
            tuples: HashMap::new(),
            checks: SourceBuckets::new(rate, rate, SOURCES_MAX),
            elsewhere: Elsewhere::default(),
            arrivals: HashMap::new(),
            news: VecDeque::new(),
            #[cfg(feature = "sabotage")]
            skip_integrity: false,
        }
    }

    /// Opens a link and says its key and our user fragment.
    pub(crate) fn open(&mut self, owner: Owner, password: String) -> (Key, String) {
        let key = self.links.insert(Link {
            owner,
            password,
            tuples: Vec::new(),
            seen: Seen::default(),
        });
        let ufrag = self.ufrags.0.encode(Parts {
            node: self.node,
            shard: self.shard,
            slot: key.slot,
            epoch: key.epoch as u16,
        });
        (key, ufrag)
    }

    /// Closes a link: its fragment and its tuples are strangers from now on.
    pub(crate) fn close(&mut self, key: Key) {
        if let Some(link) = self.links.remove(key) {
            for tuple in link.tuples {
                self.forget(&tuple);
            }
        }
    }

    /// Closes all links of a room, also those that nobody names any more.
    pub(crate) fn close_room(&mut self, room: Key) {
        let links = self.links.iter();
        let links = links.filter(|(_, link)| link.owner.room == room);
        for key in links.map(|(key, _)| key).collect::<Vec<_>>() {
            self.close(key);
        }
    }

    /// Decides about a datagram that arrived here, or was handed over by the shard `via`.
    pub(crate) fn whose(
        &mut self,
        tuple: Tuple,
        data: &[u8],
        via: Option<u8>,
        now: Instant,
    ) -> Result<Whose, Refusal> {
        let hand_over = |shard, proven| Ok(Whose::Theirs(HandOver { shard, proven }));
        match (self.route(tuple, data, now), via) {
            (Ok((owner, packet)), via) => {
                // Also when the kernel was told and it arrived here at once: as long as the other shard knows
                // of it, nobody can take the tuple there, and the kernel may forget.
                let via = via.or_else(|| self.arrivals.get(&tuple).map(|(via, _)| *via));
                if let Some(via) = via.filter(|_| packet == Packet::Check) {
                    self.note_arrival(tuple, via, now);
                }
                Ok(Whose::Ours(owner, packet))
            }
            (Err(Refusal::Stranger), None) => match self.elsewhere.shard_of(&tuple, now) {
                Some(shard) => hand_over(shard, true),
                None => Err(Refusal::Stranger),
            },
            // As for requests of our own: whose tuple it is first, then what it may cost.
            (Err(Refusal::OtherShard(shard)), None) => {
                let holder = self.elsewhere.shard_of(&tuple, now);
                let is_other = holder.is_some_and(|holder| holder != shard);
                if is_other || self.holds(&tuple, now) {
                    return Err(Refusal::TupleTaken);
                }
                if holder.is_none() && !self.checks.take(tuple.remote.ip(), now, 1) {
                    return Err(Refusal::StunRate);
                }
                hand_over(shard, holder.is_some())
            }
            // Nothing is handed on twice.
            (Err(refusal), _) => Err(refusal),
        }
    }

    fn note_arrival(&mut self, tuple: Tuple, via: u8, now: Instant) {
        let is_known = |&(shard, told): &(u8, Instant)| {
            shard == via && now.saturating_duration_since(told) < NEWS_EVERY
        };
        if !self.arrivals.get(&tuple).is_some_and(is_known) {
            self.arrivals.insert(tuple, (via, now));
            self.news.push_back(news(via, tuple, true));
        }
    }

    /// What other shards are to be told.
    pub(crate) fn poll_news(&mut self) -> Option<TupleNews> {
        self.news.pop_front()
    }

    /// What another shard tells of a tuple that arrives here.
    pub(crate) fn handle_news(&mut self, said: TupleNews, now: Instant) {
        let tuple = Tuple {
            local: said.local,
            remote: said.remote,
        };
        if self.holds(&tuple, now) {
            return;
        }
        let claim = if said.is_theirs {
            // A silent session's address is another's now.
            let former = self.tuples.get(&tuple).map(|(former, _)| *former);
            if let Some(link) = former.and_then(|former| self.links.get_mut(former)) {
                link.tuples.retain(|known| *known != tuple);
            }
            self.forget(&tuple);
            Claim::Proven
        } else {
            Claim::Released
        };
        self.elsewhere.learn(tuple, said.shard, claim, now);
    }

    /// A session here has proven not long ago that it is there.
    fn holds(&self, tuple: &Tuple, now: Instant) -> bool {
        let known = self.tuples.get(tuple);
        known.is_some_and(|(_, proven)| now.saturating_duration_since(*proven) < TUPLE_KEPT)
    }

    fn forget(&mut self, tuple: &Tuple) {
        self.tuples.remove(tuple);
        if let Some((via, _)) = self.arrivals.remove(tuple) {
            self.news.push_back(news(via, *tuple, false));
        }
    }

    /// Whose datagrams of this tuple are, as far as is known.
    pub(crate) fn owner_of(&self, tuple: &Tuple) -> Option<Owner> {
        let (key, _) = self.tuples.get(tuple)?;
        Some(self.links.get(*key)?.owner)
    }

    /// Decides about a datagram without looking at other shards. On success it may be handed to the
    /// session's `Rtc`.
    pub(crate) fn route(
        &mut self,
        tuple: Tuple,
        data: &[u8],
        now: Instant,
    ) -> Result<(Owner, Packet), Refusal> {
        let packet = classify(data).ok_or(Refusal::Unknown)?;
        if packet == Packet::Stun && stun::is_request(data) {
            return self.admit(tuple, data, now);
        }
        let link = self
            .tuples
            .get(&tuple)
            .and_then(|(key, _)| self.links.get(*key))
            .ok_or(Refusal::Stranger)?;
        Ok((link.owner, packet))
    }

    fn admit(
        &mut self,
        tuple: Tuple,
        data: &[u8],
        now: Instant,
    ) -> Result<(Owner, Packet), Refusal> {
        let ufrag = stun::local_ufrag(data).ok_or(Refusal::StunMalformed)?;
        let parts = self.ufrags.0.decode(ufrag).ok_or(Refusal::StunUfrag)?;
        if parts.node == self.node && parts.shard != self.shard {
            return Err(Refusal::OtherShard(parts.shard));
        }
        let key = self.key_of(parts).ok_or(Refusal::StunUfrag)?;
        let skips_integrity = self.skips_integrity();
        let link = self.links.get_mut(key).ok_or(Refusal::StunUfrag)?;
        let message = StunMessage::parse(data).map_err(|_| Refusal::StunMalformed)?;
        let known = self.tuples.get(&tuple).copied();
        let is_own = known.is_some_and(|(owner, _)| owner == key);
        // Charged before the HMAC, and only when one is due from a tuple that has proven nothing: noise
        // with forged sources and without a live fragment cannot shut anybody out.
        if !is_own && !self.checks.take(tuple.remote.ip(), now, 1) {
            return Err(Refusal::StunRate);
        }
        if !skips_integrity && !message.verify(link.password.as_bytes(), stun::hmac) {
            return Err(Refusal::StunIntegrity);
        }
        let owner = link.owner;
        // Links that are closed have lost their tuples, so another owner is alive: whoever signed this
        // lies about where it is.
        if !is_own && (self.holds(&tuple, now) || self.elsewhere.shard_of(&tuple, now).is_some()) {
            return Err(Refusal::TupleTaken);
        }
        let transaction = stun::transaction(data).ok_or(Refusal::StunMalformed)?;
        let link = self.links.get_mut(key).ok_or(Refusal::StunUfrag)?;
        if !link.seen.insert(transaction) {
            // From its own tuple it is a retransmission: answered, but no news of the client.
            return is_own
                .then_some((owner, Packet::Stun))
                .ok_or(Refusal::StunReplayed);
        }
        self.remember(tuple, known.map(|(former, _)| former), key, now);
        Ok((owner, Packet::Check))
    }

    fn key_of(&self, parts: Parts) -> Option<Key> {
        if parts.node != self.node || parts.shard != self.shard {
            return None;
        }
        let key = self.links.key_at(parts.slot)?;
        (key.epoch as u16 == parts.epoch).then_some(key)
    }

    fn remember(&mut self, tuple: Tuple, before: Option<Key>, key: Key, now: Instant) {
        if before == Some(key) {
            self.tuples.insert(tuple, (key, now));
            return;
        }
        // A silent session's address is another's now: a NAT handed it out again.
        if let Some(former) = before.and_then(|former| self.links.get_mut(former)) {
            former.tuples.retain(|known| *known != tuple);
        }
        if let Some(link) = self.links.get_mut(key) {
            if link.tuples.len() >= TUPLES_PER_LINK_MAX {
                // Not the first one, which may be the one in use: the one that was proven longest ago.
                let proven = |tuple: &Tuple| self.tuples.get(tuple).map(|(_, proven)| *proven);
                let oldest = (0..link.tuples.len()).min_by_key(|at| proven(&link.tuples[*at]));
                let oldest = link.tuples.swap_remove(oldest.unwrap_or(0));
                self.forget(&oldest);
            }
            if let Some(link) = self.links.get_mut(key) {
                link.tuples.push(tuple);
            }
            self.tuples.insert(tuple, (key, now));
        }
    }

    #[cfg(feature = "sabotage")]
    fn skips_integrity(&self) -> bool {
        self.skip_integrity
    }

    #[cfg(not(feature = "sabotage"))]
    #[allow(clippy::unused_self)]
    fn skips_integrity(&self) -> bool {
        false
    }
}

/// Of a tuple that arrives at `shard`.
fn news(shard: u8, tuple: Tuple, is_theirs: bool) -> TupleNews {
    TupleNews {
        shard,
        local: tuple.local,
        remote: tuple.remote,
        is_theirs,
    }
}

/// By the first byte, and for RTP and RTCP by the second (RFC 5761 section 4).
fn classify(data: &[u8]) -> Option<Packet> {
    match data {
        [0..=3, ..] if data.len() >= stun::HEADER_BYTES => Some(Packet::Stun),
        [20..=63, ..] => Some(Packet::Dtls),
        [128..=191, second, ..] if data.len() >= 8 => match second {
            192..=223 => Some(Packet::Rtcp),
            _ if data.len() >= 12 => Some(Packet::Rtp),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod several_tests;

#[cfg(test)]
mod tests;
