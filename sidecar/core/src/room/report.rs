//! Statistics: what str0m reports is kept with its track, and read out with our own counters.

use parley_media::sequence::StreamKey;
use str0m::stats::{MediaEgressStats, MediaIngressStats, PeerStats};

use crate::api::{CommandError, Now, SessionId, SessionStats, TrackStats};
use crate::ids::Key;
use crate::session::Session;
use crate::session::downlink::{Line, Occupant};

use super::Room;

/// RTP clocks, Hz.
const AUDIO_CLOCK: f64 = 48_000.0;
const VIDEO_CLOCK: f64 = 90_000.0;

impl Room {
    pub(crate) fn session_stats(
        &self,
        id: &SessionId,
        now: Now,
    ) -> Result<SessionStats, CommandError> {
        let seat = self.names.get(id).ok_or(CommandError::NoSession)?;
        let session = self.sessions.get(*seat).ok_or(CommandError::NoSession)?;
        Ok(session.stats(now, self))
    }

    pub(crate) fn stats(&self, now: Now) -> Vec<SessionStats> {
        self.in_order()
            .map(|session| session.stats(now, self))
            .collect()
    }

    pub(super) fn handle_peer_stats(&mut self, seat: Key, stats: &PeerStats) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let by_reports = session
            .peer
            .as_ref()
            .and_then(|peer| peer.compact.pictures.round_trip());
        let by_checks = stats
            .selected_candidate_pair
            .as_ref()
            .and_then(|pair| pair.current_round_trip_time);
        if let Some(rtt) = by_reports.or(stats.rtt).or(by_checks) {
            session.rtt_ms = Some(rtt.as_secs_f64() * 1e3);
        }
    }

    pub(super) fn handle_ingress_stats(&mut self, seat: Key, stats: &MediaIngressStats) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let voice = session
            .up
            .streams()
            .iter()
            .find(|stream| stream.mid == stats.mid)
            .is_some_and(|stream| stream.is_audio());
        let clock = if voice { AUDIO_CLOCK } else { VIDEO_CLOCK };
        if let Some(known) = session.reported_mut(true, stats.mid, stats.rid) {
            known.jitter_ms = f64::from(stats.jitter) / clock * 1e3;
            known.nacks = stats.nacks;
            known.plis = stats.plis + stats.firs;
        }
    }

    pub(super) fn handle_egress_stats(&mut self, seat: Key, stats: &MediaEgressStats) {
        let Some(session) = self.sessions.get_mut(seat) else {
            return;
        };
        let audio = session
            .down
            .lines()
            .find(|line| line.mid == stats.mid)
            .is_some_and(Line::is_audio);
        let clock = if audio { AUDIO_CLOCK } else { VIDEO_CLOCK };
        let sent = session
            .down
            .lines()
            .find(|line| line.mid == stats.mid)
            .map_or(0, |line| line.packets);
        if let Some(known) = session.reported_mut(false, stats.mid, None) {
            known.nacks = stats.nacks;
            known.plis = stats.plis + stats.firs;
            known.retransmitted = stats.packets.saturating_sub(sent);
            if let Some(remote) = &stats.remote {
                known.packets_lost = remote.packets_lost;
                known.jitter_ms = f64::from(remote.jitter) / clock * 1e3;
            }
        }
    }

    /// The rid of the layer that a slot carries now.
    fn layer_of(&self, occupant: Option<Occupant>, layer: Option<StreamKey>) -> String {
        let publisher = occupant.and_then(|occupant| self.sessions.get(occupant.publication.seat));
        let stream = publisher.and_then(|session| {
            let mut streams = session.up.streams().iter();
            streams.find(|stream| Some(stream.key) == layer)
        });
        let rid = stream.and_then(|stream| stream.rid);
        rid.map(|rid| rid.to_string()).unwrap_or_default()
    }

    fn name_of(&self, occupant: Option<Occupant>) -> String {
        occupant
            .and_then(|occupant| self.sessions.get(occupant.publication.seat))
            .map(|session| session.id.0.clone())
            .unwrap_or_default()
    }
}

impl Session {
    /// Packets lost and jitter in ms, as the client reported them of a line of ours.
    fn reception_of(&self, line: &Line) -> (u64, f64) {
        let peer = self.peer.as_ref();
        let clock = if line.is_audio() {
            AUDIO_CLOCK
        } else {
            VIDEO_CLOCK
        };
        match peer
            .zip(line.ssrc)
            .and_then(|(peer, ssrc)| peer.compact.reception(ssrc))
        {
            Some(own) => (u64::from(own.lost), f64::from(own.jitter) / clock * 1e3),
            None => (line.reported.packets_lost, line.reported.jitter_ms),
        }
    }

    /// NACKs of a line of ours, and packets sent again.
    fn repeats_of(&self, line: &Line) -> (u64, u64) {
        let peer = self.peer.as_ref();
        match peer
            .zip(line.ssrc)
            .and_then(|(peer, ssrc)| peer.compact.pictures.repeats(*ssrc))
        {
            Some(own) => (own.nacks, own.repeated),
            None => (line.reported.nacks, line.reported.retransmitted),
        }
    }

    /// In ms, of a stream that is decrypted here.
    fn inbound_jitter(&self, ssrc: u32) -> Option<f64> {
        let jitter = self.peer.as_ref()?.compact.inbound.jitter(ssrc)?;
        Some(f64::from(jitter) / AUDIO_CLOCK * 1e3)
    }

    /// All counters of the session; `room` names whose media is in its slots.
    pub(crate) fn stats(&self, now: Now, room: &Room) -> SessionStats {
        let up = self.up.streams().iter().map(|stream| TrackStats {
            kind: stream.kind.map_or("unknown", |kind| kind.as_str()),
            up: true,
            mid: stream.mid.to_string(),
            rid: stream.rid.map(|rid| rid.to_string()).unwrap_or_default(),
            ssrc: stream.ssrc,
            packets: stream.packets,
            bytes: stream.bytes,
            packets_lost: stream.loss.lost(),
            jitter_ms: self
                .inbound_jitter(stream.ssrc)
                .unwrap_or(stream.reported.jitter_ms),
            nacks: stream.reported.nacks,
            plis: stream.reported.plis,
            retransmitted: stream.reported.retransmitted,
            bitrate_bps: stream.rate.last_bps(),
            source_session: String::new(),
        });
        let audio = self.down.voices.iter().chain(&self.down.screen_audio);
        let audio = audio.map(|slot| (&slot.line, slot.occupant, None));
        let videos = self.down.videos.iter();
        let videos = videos.map(|slot| (&slot.line, slot.occupant, slot.rewriter.current()));
        let down = audio
            .chain(videos)
            .map(|(line, occupant, layer)| TrackStats {
                kind: occupant.map_or("slot", |_| line.kind.as_str()),
                up: false,
                mid: line.mid.to_string(),
                rid: room.layer_of(occupant, layer),
                ssrc: line.ssrc.map_or(0, |ssrc| *ssrc),
                packets: line.packets,
                bytes: line.bytes,
                packets_lost: self.reception_of(line).0,
                jitter_ms: self.reception_of(line).1,
                nacks: self.repeats_of(line).0,
                plis: line.reported.plis,
                retransmitted: self.repeats_of(line).1,
                bitrate_bps: line.rate.last_bps(),
                source_session: room.name_of(occupant),
            });
        let age = now.instant.saturating_duration_since(self.joined.instant);
        SessionStats {
            session: self.id.0.clone(),
            participant: self.participant.0.clone(),
            at_ms: now.wall_ms,
            duration_ms: age.as_millis() as u64,
            rtt_ms: self.rtt_ms,
            estimate_bps: self.down.estimate_bps,
            tracks: up.chain(down).collect(),
            drops: self.drops.clone(),
            client_loss: self.report.loss,
            client_jitter_s: self.report.jitter_s,
            client_rtt_s: self.report.rtt_s,
        }
    }
}
