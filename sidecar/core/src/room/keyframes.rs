//! Requests for key frames: merged per layer, the first at once, those soon after it as one.

use std::time::Instant;

use parley_media::sequence::StreamKey;
use str0m::media::{KeyframeRequest, KeyframeRequestKind};

use crate::ids::Key;
use crate::session::Session;
use crate::shared::Shared;

use super::Room;

impl Room {
    /// A viewer lost its picture: its slot's present stream is asked.
    pub(super) fn handle_keyframe_request(
        &mut self,
        seat: Key,
        request: KeyframeRequest,
        shared: &mut Shared,
    ) {
        let Some(viewer) = self.sessions.get_mut(seat) else {
            return;
        };
        let mut slots = viewer.down.videos.iter_mut();
        let Some(slot) = slots.find(|slot| slot.line.mid == request.mid) else {
            return;
        };
        slot.line.reported.plis += 1;
        let Some((occupant, rewriter)) = slot.occupant.zip(Some(&slot.rewriter)) else {
            return;
        };
        let stream = rewriter.current().or(rewriter.waiting_for());
        if let Some(stream) = stream {
            self.ask_keyframe(occupant.publication.seat, stream, shared);
        }
    }

    /// Asks a publisher for a key frame, or remembers to when the last request was just now.
    pub(super) fn ask_keyframe(&mut self, publisher: Key, stream: StreamKey, shared: &mut Shared) {
        let now = shared.now.instant;
        let Some(session) = self.sessions.get_mut(publisher) else {
            return;
        };
        let mut streams = session.up.streams_mut().iter_mut();
        let Some(found) = streams.find(|known| known.key == stream) else {
            return;
        };
        let ssrc = found.ssrc;
        if found.keyframes.request(now) {
            send_keyframe_request(session, ssrc, shared);
        } else if let Some(at) = found.keyframes.poll_timeout() {
            self.keyframes_due = Some(self.keyframes_due.map_or(at, |due| due.min(at)));
            self.wake_at(at, shared);
        }
    }

    /// The trailing edges that are due.
    pub(super) fn ask_merged_keyframes(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        let mut next: Option<Instant> = None;
        for (_, session) in self.sessions.iter_mut() {
            let mut ask = Vec::new();
            for stream in session.up.streams_mut() {
                if stream.keyframes.handle_timeout(now) {
                    ask.push(stream.ssrc);
                }
                if let Some(at) = stream.keyframes.poll_timeout() {
                    next = Some(next.map_or(at, |next| next.min(at)));
                }
            }
            for ssrc in ask {
                send_keyframe_request(session, ssrc, shared);
            }
        }
        self.keyframes_due = next;
    }
}

fn send_keyframe_request(session: &mut Session, ssrc: u32, shared: &mut Shared) {
    #[cfg(feature = "sabotage")]
    if shared.has_fault(crate::shared::Fault::KeyframeRequestsDropped) {
        return;
    }
    let Some(peer) = session.peer.as_mut() else {
        return;
    };
    let asked = peer.guard(|rtc| {
        let mut api = rtc.direct_api();
        if let Some(stream) = api.stream_rx(&ssrc.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    });
    match asked {
        Ok(()) => session.mark_dirty(shared),
        Err(fault) => session.fail(fault, shared),
    }
}
