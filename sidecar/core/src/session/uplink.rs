//! What a client sends: which m-line is which publication, and the streams in it.
//!
//! An m-line is known by the msid *stream* id in the client's description, compared with what the
//! client announced through its state; track ids mean nothing. The announcement may come after the
//! offer: unmatched video waits, unmatched sound is a voice until then. Once bound, an m-line stays bound for as long as its msid does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parley_media::bucket::TokenBucket;
use parley_media::channel::SlotKind;
use parley_media::sdp::{MediaKind, Section};
use parley_media::sequence::StreamKey;
use parley_media::video::KeyframeMerger;
use str0m::media::{Mid, Rid};

use super::peer::VideoCodec;
use crate::room::Tapped;
use crate::stats::{LossCounter, RateMeter, RtcTrackStats};

/// A stream that was silent for so long gives its place to a new one.
const STREAM_IDLE: Duration = Duration::from_secs(10);

/// The second encoding of a picture counts as paused when it was silent for so long after the first.
const SECOND_ENCODING_IDLE: Duration = Duration::from_secs(3);

/// Packets of one stream per second, and at once: 2.5 MB of 1,100 bytes.
const PACKETS_PER_SECOND: u64 = 2_200;
/// A packet of audio counts as so many: 200 per second are frames of 5 ms.
const AUDIO_COST: u64 = 11;

/// Ids that the client announced for its shared screen and its camera.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announced {
    pub(crate) screen: Option<String>,
    pub(crate) video: Option<String>,
}

/// One incoming SSRC.
#[derive(Debug)]
pub(crate) struct UpStream {
    pub(crate) ssrc: u32,
    pub(crate) mid: Mid,
    pub(crate) rid: Option<Rid>,
    /// `None` while its m-line is not bound.
    pub(crate) kind: Option<SlotKind>,
    /// Names it for rewriters, unique in the process.
    pub(crate) key: StreamKey,
    pub(crate) last_packet: Instant,
    budget: TokenBucket,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) rate: RateMeter,
    pub(crate) loss: LossCounter,
    pub(crate) keyframes: KeyframeMerger,
    /// Of pictures, as its packets say.
    pub(crate) codec: Option<VideoCodec>,
    /// Picture height of the last key frame; 0 = unknown.
    pub(crate) height: u16,
    /// Its track in the recording that it was in last.
    pub(crate) tapped: Option<Tapped>,
    /// Jitter and so on, from the media stack's last report.
    pub(crate) reported: RtcTrackStats,
}

impl UpStream {
    /// Whether one more packet may go on: each goes to everybody.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let cost = if self.is_audio() { AUDIO_COST } else { 1 };
        self.budget.take(now, cost)
    }

    pub(crate) fn is_audio(&self) -> bool {
        matches!(self.kind, Some(SlotKind::Voice | SlotKind::ScreenAudio))
    }
}

#[derive(Debug, Clone)]
struct Binding {
    stream_id: String,
    kind: SlotKind,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Uplink {
    sections: Vec<Section>,
    bound: BTreeMap<Mid, Binding>,
    streams: Vec<UpStream>,
}

impl Uplink {
    /// Takes over the m-lines of the client's latest description. True: a binding changed.
    pub(crate) fn set_sections(&mut self, sections: Vec<Section>, announced: &Announced) -> bool {
        self.sections = sections;
        self.bind(announced)
    }

    /// Compares m-lines with what is announced. True: a binding changed.
    pub(crate) fn bind(&mut self, announced: &Announced) -> bool {
        let mut changed = false;
        for section in &self.sections {
            let mid = Mid::from(section.mid.as_str());
            if !section.direction.sends() || section.rejected {
                changed |= self.bound.remove(&mid).is_some();
                continue;
            }
            let stream_id = section.msid_stream.as_deref().unwrap_or_default();
            let stays = |known: &Binding| {
                // Sound that no share was announced for is taken for a voice; the announcement may
                // have been overtaken by the offer.
                let overtook = known.kind == SlotKind::Voice
                    && classify(section.kind, stream_id, announced) == Some(SlotKind::ScreenAudio);
                known.stream_id == stream_id && !overtook
            };
            if self.bound.get(&mid).is_some_and(stays) {
                continue;
            }
            changed |= self.bound.remove(&mid).is_some();
            if let Some(kind) = classify(section.kind, stream_id, announced) {
                let stream_id = stream_id.to_owned();
                self.bound.insert(mid, Binding { stream_id, kind });
                changed = true;
            }
        }
        for stream in &mut self.streams {
            stream.kind = self.bound.get(&stream.mid).map(|binding| binding.kind);
        }
        changed
    }

    /// Place of a known stream. A session has at most 16: a short scan of one cache line or two.
    pub(crate) fn find(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    /// Takes in a new stream, in place of an idle one if need be: its place, and that one. `None`: too
    /// many.
    pub(crate) fn insert(
        &mut self,
        ssrc: u32,
        (mid, rid): (Mid, Option<Rid>),
        key: StreamKey,
        streams_max: usize,
        now: Instant,
    ) -> Option<(usize, Option<UpStream>)> {
        let mut evicted = None;
        if self.streams.len() >= streams_max {
            let idle = self.streams.iter().position(|stream| {
                now.saturating_duration_since(stream.last_packet) > STREAM_IDLE
            })?;
            evicted = Some(self.streams.remove(idle));
        }
        self.streams.push(UpStream {
            ssrc,
            mid,
            rid,
            kind: self.bound.get(&mid).map(|binding| binding.kind),
            key,
            last_packet: now,
            budget: TokenBucket::new(PACKETS_PER_SECOND, PACKETS_PER_SECOND),
            packets: 0,
            bytes: 0,
            rate: RateMeter::default(),
            loss: LossCounter::default(),
            keyframes: KeyframeMerger::new(),
            codec: None,
            height: 0,
            tapped: None,
            reported: RtcTrackStats::default(),
        });
        Some((self.streams.len() - 1, evicted))
    }

    pub(crate) fn stream_mut(&mut self, at: usize) -> &mut UpStream {
        &mut self.streams[at]
    }

    pub(crate) fn streams(&self) -> &[UpStream] {
        &self.streams
    }

    pub(crate) fn streams_mut(&mut self) -> &mut [UpStream] {
        &mut self.streams
    }

    /// Streams of one publication in one codec, cheapest layer first: by picture height where key frames
    /// told it, else in the order of the description's rids. With `av1`, the second encoding if there
    /// is one.
    pub(crate) fn layers(&self, kind: SlotKind, av1: bool, now: Instant) -> Vec<&UpStream> {
        let order = |stream: &UpStream| {
            let rids = self
                .sections
                .iter()
                .find(|section| Mid::from(section.mid.as_str()) == stream.mid)
                .map_or(&[][..], |section| &section.rids);
            rids.iter()
                .position(|rid| Some(Rid::from(rid.id.as_str())) == stream.rid)
                .unwrap_or_default()
        };
        let fresh = |stream: &&UpStream| {
            stream.kind == Some(kind)
                && now.saturating_duration_since(stream.last_packet) < STREAM_IDLE
        };
        let mut layers: Vec<_> = self.streams.iter().filter(fresh).collect();
        // A screen share begun anew or a camera changed leaves its old m-line's stream behind for a
        // while: only the newest m-line counts.
        let newest = |codec| {
            let streams = layers.iter().filter(|stream| stream.codec == Some(codec));
            streams.max_by_key(|s| s.last_packet).copied()
        };
        let first = newest(VideoCodec::Vp8);
        let second = newest(VideoCodec::Av1).filter(|second| {
            let ahead = |first: &UpStream| {
                first
                    .last_packet
                    .saturating_duration_since(second.last_packet)
            };
            av1 && first.is_none_or(|first| ahead(first) < SECOND_ENCODING_IDLE)
        });
        let Some(shown) = second.or(first) else {
            return Vec::new();
        };
        layers.retain(|stream| (stream.mid, stream.codec) == (shown.mid, shown.codec));
        let sized = layers.iter().all(|stream| stream.height > 0);
        layers.sort_by_key(|stream| (if sized { stream.height } else { 0 }, order(stream)));
        layers
    }

    /// The m-line is bound, whether or not packets came.
    pub(crate) fn is_bound(&self, kind: SlotKind) -> bool {
        self.bound.values().any(|binding| binding.kind == kind)
    }
}

fn classify(kind: MediaKind, stream_id: &str, announced: &Announced) -> Option<SlotKind> {
    let is = |announced: &Option<String>| announced.as_deref() == Some(stream_id);
    match kind {
        MediaKind::Audio if is(&announced.screen) => Some(SlotKind::ScreenAudio),
        MediaKind::Audio => Some(SlotKind::Voice),
        MediaKind::Video if is(&announced.screen) => Some(SlotKind::Screen),
        MediaKind::Video if is(&announced.video) => Some(SlotKind::Video),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parley_media::sdp::Direction;

    fn section(mid: &str, kind: MediaKind, stream: &str, direction: Direction) -> Section {
        Section {
            mid: mid.into(),
            kind,
            rejected: false,
            direction,
            msid_stream: Some(stream.into()),
            msid_track: None,
            ssrcs: vec![],
            fid: vec![],
            rids: vec![],
        }
    }

    fn announced(screen: &str, video: &str) -> Announced {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Announced {
            screen: some(screen),
            video: some(video),
        }
    }

    #[test]
    fn video_waits_for_its_announcement_and_keeps_its_first_binding() {
        let mut uplink = Uplink::default();
        let video = section("1", MediaKind::Video, "cam", Direction::SendOnly);
        let voice = section("0", MediaKind::Audio, "mic", Direction::SendRecv);
        uplink.set_sections(vec![voice, video], &announced("", ""));
        assert!(uplink.is_bound(SlotKind::Voice));
        assert!(!uplink.is_bound(SlotKind::Video));
        assert!(uplink.bind(&announced("", "cam")));
        assert!(uplink.is_bound(SlotKind::Video));
        assert!(!uplink.bind(&announced("", "another")));
        assert!(uplink.is_bound(SlotKind::Video));
    }

    #[test]
    fn audio_of_the_announced_screen_is_screen_audio() {
        let mut uplink = Uplink::default();
        let sound = section("2", MediaKind::Audio, "scr", Direction::SendOnly);
        uplink.set_sections(vec![sound], &announced("scr", ""));
        assert!(uplink.is_bound(SlotKind::ScreenAudio));
        assert!(!uplink.is_bound(SlotKind::Voice));
    }

    #[test]
    fn sound_that_overtook_its_announcement_is_the_screens_in_the_end() {
        let mut uplink = Uplink::default();
        let sound = section("2", MediaKind::Audio, "scr", Direction::SendOnly);
        uplink.set_sections(vec![sound], &announced("", ""));
        assert!(uplink.is_bound(SlotKind::Voice));
        assert!(uplink.bind(&announced("scr", "")));
        assert!(uplink.is_bound(SlotKind::ScreenAudio));
        assert!(!uplink.is_bound(SlotKind::Voice));
        // The end of the share makes it nobody's voice.
        assert!(!uplink.bind(&announced("", "")));
        assert!(uplink.is_bound(SlotKind::ScreenAudio));
    }

    #[test]
    fn new_streams_replace_only_idle_ones() {
        let mut uplink = Uplink::default();
        let start = Instant::now();
        let place = (Mid::from("0"), None);
        for ssrc in 0..16 {
            assert!(
                uplink
                    .insert(ssrc, place, StreamKey(0), 16, start)
                    .is_some()
            );
        }
        assert!(uplink.insert(99, place, StreamKey(0), 16, start).is_none());
        let later = start + Duration::from_secs(11);
        assert!(uplink.insert(99, place, StreamKey(0), 16, later).is_some());
        assert_eq!(uplink.streams().len(), 16);
    }
}
