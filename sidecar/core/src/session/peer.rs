//! One media connection: str0m's `Rtc` behind a wall. Every call into it is caught should it panic, and
//! every drain ends with a known deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use str0m::config::DtlsVersion;
use str0m::format::Codec;
use str0m::media::Pt;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, IceCreds, Input, Output, Reason, Rtc};

use super::downlink::Line;
use super::retransmit::RetransmitBudget;
use super::unsent::Unsent;
use crate::crypto;
use crate::demux::{Owner, Packet, Tuple};
use crate::egress::{self, Compact, CompactEgress, EgressError, Path, RtcEgress};
use crate::ids::Key;
use crate::shared::Shared;
use crate::timers::{Scheduled, TOGETHER, Wake};

/// A stack that has more to do wants to be driven again after this, which means: now.
const IMMEDIATE: Duration = Duration::from_micros(1);
/// The estimator of pictures is driven so often at most: its bursts are 2 ms apart.
const PICTURES_EVERY: Duration = Duration::from_micros(500);
/// Reports on sound, as often as browsers make theirs (RFC 3550 section 6.2). The first about a stream
/// leaves with its first packet (`unsent`). Browsers want two before they shift a sound to its picture, but
/// every line of ours is a media stream of its own: nothing is shifted.
const AUDIO_REPORTS: Duration = Duration::from_secs(5);
const STATS_INTERVAL: Duration = Duration::from_secs(2);
/// Packets kept for retransmission per video stream; str0m's default costs 370 KB per session.
const RTX_CACHE_VIDEO: usize = 512;
const RTX_CACHE_AUDIO: usize = 16;
/// Outputs of one drain; beyond, the stack is looping.
const DRAIN_MAX: usize = 100_000;
/// How often a stack that is due at once is driven in one go.
const ROUNDS_MAX: usize = 64;
/// After that it has to wait so long.
const BREATHER: Duration = Duration::from_millis(1);

/// The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerFault {
    /// A panic inside the media stack: the session ends alone.
    Panicked,
    /// The client broke the protocol: fingerprint, DTLS.
    Protocol,
}

/// What is left to do after a packet was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing: it is in the outbox.
    Away,
    /// The session is to be drained.
    Queued,
}

/// Why a packet was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFault {
    /// It alone is lost.
    Packet(EgressError),
    /// The connection cannot go on.
    Peer(PeerFault),
}

impl From<EgressError> for SendFault {
    fn from(error: EgressError) -> Self {
        Self::Packet(error)
    }
}

impl From<PeerFault> for SendFault {
    fn from(fault: PeerFault) -> Self {
        Self::Peer(fault)
    }
}

/// Payload types as negotiated with this client.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PayloadTypes {
    pub(crate) opus: Option<Pt>,
    pub(crate) vp8: Option<VideoPts>,
    pub(crate) av1: Option<VideoPts>,
}

/// Of one codec of pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoPts {
    pub(crate) media: Pt,
    /// Of what is retransmitted (RFC 4588), and of padding.
    pub(crate) rtx: Option<Pt>,
}

/// How pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VideoCodec {
    /// Everybody's.
    Vp8,
    /// Beside VP8, for those who take it.
    Av1,
}

impl PayloadTypes {
    pub(crate) fn of(&self, codec: VideoCodec) -> Option<Pt> {
        let pts = match codec {
            VideoCodec::Vp8 => self.vp8,
            VideoCodec::Av1 => self.av1,
        };
        pts.map(|pts| pts.media)
    }

    pub(crate) fn codec_of(&self, pt: Pt) -> Option<VideoCodec> {
        let codecs = [VideoCodec::Vp8, VideoCodec::Av1];
        codecs.into_iter().find(|codec| self.of(*codec) == Some(pt))
    }

    /// Of what is retransmitted in this codec.
    pub(crate) fn rtx_of(&self, codec: VideoCodec) -> Option<Pt> {
        let pts = match codec {
            VideoCodec::Vp8 => self.vp8,
            VideoCodec::Av1 => self.av1,
        };
        pts?.rtx
    }

    /// Of any retransmission: padding has no codec.
    pub(crate) fn rtx(&self) -> Option<Pt> {
        self.vp8.iter().chain(&self.av1).find_map(|pts| pts.rtx)
    }

    fn is_video(&self, pt: Pt) -> bool {
        self.codec_of(pt).is_some()
    }

    fn is_rtx(&self, pt: Pt) -> bool {
        let mut video = self.vp8.iter().chain(&self.av1);
        video.any(|pts| pts.rtx == Some(pt))
    }
}

/// See the module.
pub(crate) struct Peer {
    pub(crate) rtc: Rtc,
    pub(crate) link: Key,
    /// Its number since the core began.
    pub(crate) serial: u32,
    pub(crate) pts: PayloadTypes,
    pub(crate) last_datagram: Instant,
    /// The streams that do not go through the `Rtc`.
    /// By its address: it is lent to the providers at each call.
    pub(crate) compact: Box<Compact>,
    pub(super) unsent: Unsent,
    /// As the `Rtc` was told last.
    now: Instant,
    /// The client's consent to be sent to has run out: nothing leaves but checks (RFC 7675 section 5.1).
    hushed: bool,
    retransmit: RetransmitBudget,
    scheduled: Scheduled,
    deadline: Instant,
    owner: Owner,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

impl Peer {
    /// A connection that waits for its client's first offer.
    pub(crate) fn new(owner: Owner, av1: bool, shared: &mut Shared) -> Self {
        // RFC 8445 section 5.3: at least 128 bits of randomness.
        let pass = shared.random_text(32);
        let (link, ufrag) = shared.demux.open(owner, pass.clone());
        let now = shared.now.instant;
        let mut rtc = Rtc::builder()
            .set_crypto_provider(shared.dtls.provider.clone())
            .set_dtls_cert(shared.dtls.certificate.clone())
            .set_dtls_version(DtlsVersion::Dtls12)
            .set_local_ice_credentials(IceCreds { ufrag, pass })
            .clear_codecs()
            .enable_opus(true, false)
            // Before AV1: what is first in an answer is what a browser sends.
            .enable_vp8(true)
            .enable_av1(av1)
            .set_rtp_mode(true)
            .set_send_buffer_audio(RTX_CACHE_AUDIO)
            .set_send_buffer_video(RTX_CACHE_VIDEO)
            .set_rtcp_report_interval_audio(AUDIO_REPORTS)
            .set_stats_interval(Some(STATS_INTERVAL))
            .set_sctp_max_message_size(shared.config.limits.channel_message_bytes_max as u32)
            .build(now);
        for address in &shared.config.media_addresses {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                rtc.add_local_candidate(candidate);
            }
        }
        shared.serial += 1;
        Self {
            rtc,
            link,
            serial: shared.serial,
            pts: PayloadTypes::default(),
            last_datagram: now,
            compact: Box::default(),
            unsent: Unsent::default(),
            now,
            hushed: false,
            retransmit: RetransmitBudget::default(),
            scheduled: Scheduled::default(),
            deadline: now,
            owner,
        }
    }

    /// Runs `work` on the `Rtc`; a panic in it is this session's end, not the process's.
    pub(crate) fn guard<T>(&mut self, work: impl FnOnce(&mut Rtc) -> T) -> Result<T, PeerFault> {
        let rtc = &mut self.rtc;
        // The `Rtc` is not used again after a panic: whatever state it is left in is dropped.
        crypto::during(&mut self.compact, self.now, || {
            catch_unwind(AssertUnwindSafe(|| work(rtc))).map_err(|_| PeerFault::Panicked)
        })
    }

    /// Reads a report that is no business of the `Rtc`'s. False: hand it in.
    pub(crate) fn take_compound(
        &mut self,
        datagram: &[u8],
        now: Instant,
    ) -> Result<bool, PeerFault> {
        let compact = &mut self.compact;
        let taken = catch_unwind(AssertUnwindSafe(|| compact.take_compound(datagram, now)));
        let taken = taken.map_err(|_| PeerFault::Panicked)?;
        if taken {
            self.last_datagram = now;
        }
        Ok(taken)
    }

    /// Hands in a datagram that passed the door, then drains.
    pub(crate) fn handle_datagram(
        &mut self,
        tuple: Tuple,
        packet: Packet,
        data: &[u8],
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) -> Result<(), PeerFault> {
        let now = shared.now.instant;
        self.now = now;
        self.last_datagram = now;
        #[cfg(feature = "sabotage")]
        if shared.has_fault(crate::shared::Fault::PanicInSession) {
            shared.sabotage = None;
            return self.guard(|_| panic!("injected by a test"));
        }
        let taken = self.guard(|rtc| {
            let Ok(receive) = Receive::new(Protocol::Udp, tuple.remote, tuple.local, data) else {
                return false;
            };
            rtc.handle_input(Input::Receive(now, receive)).is_ok()
        })?;
        if !taken {
            shared.drop_one(match packet {
                Packet::Stun | Packet::Check => "stun_refused",
                Packet::Dtls => "dtls_refused",
                Packet::Rtp => "rtp_refused",
                Packet::Rtcp => "rtcp_refused",
            });
        }
        self.drain(shared, events)?;
        self.schedule(shared);
        Ok(())
    }

    /// Lets time pass, then drains; again while the stack is due at once.
    pub(crate) fn handle_timeout(
        &mut self,
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) -> Result<(), PeerFault> {
        let now = shared.now.instant;
        self.now = now;
        for _ in 0..ROUNDS_MAX {
            self.guard(|rtc| rtc.handle_input(Input::Timeout(now)).is_ok())?;
            self.drain(shared, events)?;
            if self.deadline > now + IMMEDIATE {
                self.schedule(shared);
                return Ok(());
            }
        }
        self.deadline = now + BREATHER;
        self.schedule(shared);
        Ok(())
    }

    /// Takes everything out of the `Rtc`: datagrams to the outbox, events to `events`.
    pub(crate) fn drain(
        &mut self,
        shared: &mut Shared,
        events: &mut Vec<Event>,
    ) -> Result<(), PeerFault> {
        let rtc = &mut self.rtc;
        let out = &mut shared.out;
        let counters = &mut shared.counters;
        let (retransmit, pts) = (&mut self.retransmit, self.pts);
        let now = shared.now.instant;
        self.now = now;
        let hushed = self.hushed;
        let mut path = None;
        let drained = crypto::during(&mut self.compact, now, || {
            catch_unwind(AssertUnwindSafe(|| {
                for _ in 0..DRAIN_MAX {
                    match rtc.poll_output() {
                        Ok(Output::Timeout(at)) => return Some(at),
                        Ok(Output::Transmit(transmit)) => {
                            let bytes = transmit.contents.len();
                            let pt = payload_type(&transmit.contents);
                            if pt.is_some_and(|pt| pts.is_video(pt)) {
                                retransmit.earn(bytes);
                            } else if pt.is_some_and(|pt| pts.is_rtx(pt))
                                && !retransmit.take(now, bytes)
                            {
                                counters.drop_one("retransmit_budget");
                                continue;
                            }
                            let to = Path {
                                source: transmit.source,
                                destination: transmit.destination,
                            };
                            if !is_stun(&transmit.contents) {
                                path = Some(to);
                                if hushed {
                                    counters.drop_one("egress_disconnected");
                                    continue;
                                }
                            }
                            out.push_datagram(to, transmit.contents);
                        }
                        Ok(Output::Event(event)) => events.push(event),
                        Err(error) => {
                            tracing::debug!(%error, "media connection failed");
                            return None;
                        }
                    }
                }
                None
            }))
        })
        .map_err(|_| PeerFault::Panicked)?;
        if let Some(path) = path {
            self.compact.follow(path, &mut shared.lanes);
        }
        let at = drained.ok_or(PeerFault::Protocol)?;
        self.deadline = at;
        Ok(())
    }

    /// Stops everything but checks, or lets it leave again.
    pub(crate) fn hush(&mut self, hushed: bool) {
        self.hushed = hushed;
    }

    pub(crate) fn is_hushed(&self) -> bool {
        self.hushed
    }

    /// The client's address is the one that is sent to.
    pub(crate) fn is_from_path(&self, tuple: Tuple) -> bool {
        let path = self.compact.path();
        path.is_some_and(|path| path.destination == tuple.remote)
    }

    /// Sends a packet of a line by the compact way, unless the handshake has left all encryption to the
    /// media stack. A line never changes its way. Pictures on the compact way leave by
    /// [`Compact::write_picture`].
    pub(crate) fn send(
        &mut self,
        line: &mut Line,
        packet: &egress::Packet<'_>,
        shared: &mut Shared,
    ) -> Result<Sent, SendFault> {
        let now = shared.now.instant;
        if line.is_audio() && shared.compact_audio && !self.compact.is_left_to_rtc() {
            let mut egress = CompactEgress {
                compact: &mut self.compact,
                outbox: &mut shared.out,
                lanes: &mut shared.lanes,
            };
            let ssrc = line.send(&mut egress, packet, now)?;
            // Whoever encrypts it counts it.
            shared.counters.packets_forwarded += u64::from(!self.compact.is_away());
            if line.packets > 1 {
                return Ok(Sent::Away);
            }
            self.begin(ssrc)?;
            return Ok(Sent::Queued);
        }
        if let (0, Some(ssrc)) = (line.packets, line.ssrc) {
            self.begin(ssrc)?;
        }
        self.guard(|rtc| line.send(&mut RtcEgress::new(rtc), packet, now))??;
        if line.packets == 1
            && let Some(ssrc) = line.ssrc
        {
            let rtx = self.guard(|rtc| rtc.direct_api().stream_tx(&ssrc)?.rtx())?;
            self.compact.rtc_sends(ssrc, rtx);
        }
        shared.counters.packets_forwarded += 1;
        Ok(Sent::Queued)
    }

    fn schedule(&mut self, shared: &mut Shared) {
        // Due at once means: at the next round of the shell, never twice at the same instant.
        let soon = shared.now.instant + IMMEDIATE;
        let at = if self.deadline > soon && self.can_wait() {
            shared.timers.together(self.deadline)
        } else {
            self.deadline.max(soon)
        };
        shared
            .timers
            .schedule(Wake::Session(self.owner), at, &mut self.scheduled);
    }

    /// What is due next needs no punctuality: all that the stack has once it is connected but NACKs and
    /// reports on pictures, which are late with it where they are due soon after.
    fn can_wait(&self) -> bool {
        let reason = self.rtc.last_timeout_reason();
        let housekeeping = matches!(
            reason,
            Reason::Ice | Reason::Sctp | Reason::Stats | Reason::Feedback | Reason::PauseCheck
        );
        housekeeping && self.rtc.is_connected()
    }

    /// A timer entry came up. True: the deadline is due.
    pub(crate) fn is_due(&mut self, at: Instant, shared: &mut Shared) -> bool {
        if !self.scheduled.came_up(at) {
            return false;
        }
        if self.deadline > shared.now.instant {
            self.schedule(shared);
            return false;
        }
        true
    }

    /// Tells the estimator of the pictures what it is for: minimum and desired rate, or from which estimate
    /// to begin anew; all in bit/s.
    pub(crate) fn steer(
        &mut self,
        target: Option<(u64, u64)>,
        restart: Option<u64>,
        shared: &mut Shared,
    ) -> Result<(), PeerFault> {
        let now = shared.now.instant;
        let pictures = &mut self.compact.pictures;
        let steering = catch_unwind(AssertUnwindSafe(|| {
            if let Some((minimum, desired)) = target {
                pictures.set_target(now, minimum, desired);
            }
            if let (Some(bps), Some(estimator)) = (restart, pictures.estimator_mut()) {
                estimator.reset(now, bps);
            }
        }));
        steering.map_err(|_| PeerFault::Panicked)?;
        // What follows from it is done in a round of its own.
        self.compact.pictures.stirred = true;
        self.wake_pictures_at(shared.now.instant, shared);
        Ok(())
    }

    /// When the estimator of the pictures wants to be driven.
    pub(crate) fn schedule_pictures(&mut self, shared: &mut Shared) {
        let estimator = self.compact.pictures.estimator_mut();
        if let Some(at) = estimator.and_then(|estimator| estimator.poll_timeout()) {
            self.wake_pictures_at(at, shared);
        }
    }

    /// A timer entry of the pictures came up. True: there is something to do.
    pub(crate) fn are_pictures_due(&mut self, at: Instant, shared: &mut Shared) -> bool {
        let now = shared.now.instant;
        let pictures = &mut self.compact.pictures;
        if !pictures.scheduled.came_up(at) {
            return false;
        }
        let stirred = std::mem::take(&mut pictures.stirred);
        let timeout = pictures
            .estimator_mut()
            .and_then(|estimator| estimator.poll_timeout());
        if stirred || timeout.is_some_and(|at| at <= now) {
            return true;
        }
        self.schedule_pictures(shared);
        false
    }

    fn wake_pictures_at(&mut self, at: Instant, shared: &mut Shared) {
        let now = shared.now.instant;
        let at = match at.saturating_duration_since(now) {
            soon if soon < TOGETHER => at.max(now + PICTURES_EVERY),
            _ => shared.timers.together(at),
        };
        let scheduled = &mut self.compact.pictures.scheduled;
        shared
            .timers
            .schedule(Wake::Pictures(self.owner), at, scheduled);
    }

    /// Reads the payload types after a negotiation: Firefox may bring Opus as 109.
    pub(crate) fn read_payload_types(&mut self) {
        let find = |codec| {
            let config = self.rtc.codec_config();
            config.find(|params| params.spec().codec == codec)
        };
        let video = |codec| {
            find(codec).map(|params| VideoPts {
                media: params.pt(),
                rtx: params.resend(),
            })
        };
        self.pts = PayloadTypes {
            opus: find(Codec::Opus).map(|params| params.pt()),
            vp8: video(Codec::Vp8),
            av1: video(Codec::Av1),
        };
    }
}

/// RFC 7983 section 7.
fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, ..])
}

/// Of an outgoing RTP packet; RTCP looks like payload types from 64 on (RFC 5761 section 4), which no
/// codec has.
fn payload_type(datagram: &[u8]) -> Option<Pt> {
    match datagram {
        [128..192, second, ..] => Some((second & 0x7f).into()),
        _ => None,
    }
}
