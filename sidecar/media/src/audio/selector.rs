//! Choosing speakers, once per room (media-plane.md, "Choosing speakers").

use std::time::Instant;

/// A voice source of the room. Smaller ids win ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// What is known of a packet before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioPacket {
    /// dBov, 0 (loudest) to -127, as RFC 6464 and str0m's `audio_level`; `None`: no extension.
    pub level: Option<i8>,
    /// RFC 6464 V bit, if the extension is there.
    pub voice: Option<bool>,
}

/// Chooses the owners of the room's voice slots.
#[derive(Debug, Clone)]
pub struct SpeakerSelector {
    _p: (),
}

impl SpeakerSelector {
    /// A room with `slots` voice slots, all empty.
    pub fn new(slots: usize) -> Self {
        let _ = slots;
        todo!()
    }

    /// More slots; never fewer (slots stay for a session's life).
    pub fn grow(&mut self, slots: usize) {
        let _ = slots;
        todo!()
    }

    /// A packet of a source that is not muted. The slot to forward it in, if it owns one now.
    pub fn handle_packet(
        &mut self,
        source: SourceId,
        packet: AudioPacket,
        now: Instant,
    ) -> Option<usize> {
        let _ = (source, packet, now);
        todo!()
    }

    /// The source was muted: its slot is free at once, but prefers it when it comes back.
    pub fn mute(&mut self, source: SourceId) {
        let _ = source;
        todo!()
    }

    /// The source is gone.
    pub fn remove(&mut self, source: SourceId) {
        let _ = source;
        todo!()
    }

    /// A pinned source that owns a slot keeps it until it is muted, removed or unpinned.
    pub fn set_pinned(&mut self, source: SourceId, pinned: bool) {
        let _ = (source, pinned);
        todo!()
    }

    /// Owner of each slot.
    pub fn owners(&self) -> &[Option<SourceId>] {
        todo!()
    }

    /// The slot this source owns.
    pub fn slot_of(&self, source: SourceId) -> Option<usize> {
        let _ = source;
        todo!()
    }

    /// Grows by one with every change of an owner: compare to know when to send maps.
    pub fn epoch(&self) -> u64 {
        todo!()
    }

    /// More than 6 silent packets in a row: nothing of it matters until it speaks.
    pub fn is_dtx(&self, source: SourceId) -> bool {
        let _ = source;
        todo!()
    }

    /// Sources with voice in the last `within`, loudest first.
    pub fn speaking(&self, now: Instant, within: std::time::Duration) -> Vec<SourceId> {
        let _ = (now, within);
        todo!()
    }
}
