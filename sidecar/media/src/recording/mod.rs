//! What a recording is made of, in the words that the tap, the journal and the composer share.
//!
//! The room emits [`Entry`]s in order; the journal keeps them in that order, all tracks of a recording in
//! one file per segment; the composer makes the published files of them, live or after a crash alike.

pub mod codec;

/// A recording that this process writes; never used again by it. The recorder gives it, the room labels
/// what it taps with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingKey(pub u32);

/// Of a recording, from 0, in order of their first packet; never used again within a recording, not even
/// by another start of the sidecar (the segment's number is in it, see [`TrackId::new`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u32);

/// Microseconds since the recording began. Within a segment by the monotonic clock; each segment's first
/// entry tells where it stands on the recording's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct At(pub u64);

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// A microphone: Opus, 48 kHz.
    Voice,
    /// The sound of a shared screen: Opus, 48 kHz.
    ScreenAudio,
    /// A shared screen: VP8, 90 kHz.
    Screen,
    /// A camera: VP8, 90 kHz.
    Camera,
}

/// Why a recording's media ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EndReason {
    Stopped,
    Limit,
    CallEnded,
    Disk,
    /// The sidecar died and nobody went on with it.
    Crash,
    Internal,
}

/// What is wrong with a recording, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The disk is too slow: some video was left out.
    VideoDropped,
    /// The disk is too slow: some sound was left out, too.
    AudioDropped,
    /// The disk is nearly full: only sound is recorded from now on.
    AudioOnly,
    /// The disk is full or broken: nothing is recorded any more.
    Stopped,
}

/// One thing that happened, in the order of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// The first entry of every segment, and only there.
    Segment {
        /// From 1.
        number: u32,
        /// Where this segment begins. The first one's is 0; a later one continues, or leaves a gap of the
        /// time for which nothing was recorded (by the wall clock if the process was another one).
        at: At,
        /// Unix milliseconds of `at`.
        wall_ms: u64,
        /// Nothing was recorded between the last segment's end and this one's beginning.
        after_gap: bool,
    },
    /// A session whose media may come.
    Session {
        /// The session's id.
        session: &'a str,
        /// Whose.
        participant: &'a str,
        /// How people know that participant; may be empty.
        name: &'a str,
    },
    /// A track begins. All of one session's tracks share the sender's clock.
    Track {
        /// Its id from here on.
        track: TrackId,
        /// What it carries.
        kind: TrackKind,
        /// Whose: of a [`Entry::Session`] before.
        session: &'a str,
    },
    /// A track sends nothing any more.
    TrackEnd {
        /// Which.
        track: TrackId,
        /// When.
        at: At,
    },
    /// One RTP packet's payload, as it arrived: not sorted, perhaps twice.
    Media(Media<'a>),
    /// What the track's last sender report said (RFC 3550 section 6.4.1).
    SenderReport {
        /// Which.
        track: TrackId,
        /// When it arrived.
        at: At,
        /// The sender's clock, NTP format: seconds in the upper 32 bits.
        ntp: u64,
        /// The same instant on the track's RTP clock.
        rtp: u32,
    },
    /// From now on this track is to be shown; its next key frame is asked for. `None`: nothing is.
    Show {
        /// Which.
        track: Option<TrackId>,
        /// When.
        at: At,
    },
    /// Packets that were left out because the disk was too slow.
    Dropped {
        /// When it was noticed.
        at: At,
        /// Packets of sound.
        audio: u32,
        /// Packets of pictures.
        video: u32,
    },
    /// The last entry of a recording that ended in order.
    End {
        /// When.
        at: At,
        /// Why.
        reason: EndReason,
    },
}

/// See [`Entry::Media`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media<'a> {
    /// Which track.
    pub track: TrackId,
    /// When it arrived.
    pub at: At,
    /// RTP sequence number, extended by its rollovers.
    pub sequence: u64,
    /// RTP timestamp.
    pub rtp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// RFC 6464, dBov (0 loud, -127 silent); `None`: not told.
    pub level: Option<i8>,
    /// Opus packet, or VP8 payload with its descriptor (RFC 7741).
    pub payload: &'a [u8],
}

impl Entry<'_> {
    /// When it happened; sessions and tracks are just there.
    #[must_use]
    pub const fn at(&self) -> Option<At> {
        match self {
            Entry::Media(media) => Some(media.at),
            Entry::Segment { at, .. }
            | Entry::TrackEnd { at, .. }
            | Entry::SenderReport { at, .. }
            | Entry::Show { at, .. }
            | Entry::Dropped { at, .. }
            | Entry::End { at, .. } => Some(*at),
            Entry::Session { .. } | Entry::Track { .. } => None,
        }
    }
}

impl TrackId {
    /// The `count`th track (from 0) that began in segment `segment`.
    #[must_use]
    pub const fn new(segment: u32, count: u16) -> Self {
        Self(segment << 16 | count as u32)
    }
}

impl TrackKind {
    /// Sound, or pictures.
    #[must_use]
    pub const fn is_audio(self) -> bool {
        matches!(self, Self::Voice | Self::ScreenAudio)
    }
}
