//! A room's recording: started, stopped and pinned by the policy, ended by its own limit or with the
//! room. It is one more subscriber, at ingest: what it takes is tapped per track, never from a slot.

mod allowance;
mod holes;
mod picture;
mod tap;

use std::time::Instant;

use parley_media::recording::{EndReason, RecordingKey, Trouble};

use super::Room;
use crate::api::{
    CommandError, EventKind, ParticipantId, RecordingEnd, RecordingId, RecordingNews,
    RecordingView, RoomEndReason, SessionId, StartRecording,
};
use crate::ids::Key;
use crate::shared::Shared;
pub(crate) use allowance::TapAllowance;
pub(crate) use tap::{Tap, Tapped};

impl Room {
    /// Media is recorded from now on.
    pub(crate) fn start_recording(
        &mut self,
        start: &StartRecording,
        shared: &mut Shared,
    ) -> Result<RecordingView, CommandError> {
        if self.is_recorded() {
            return Err(CommandError::Exists("a recording of the room"));
        }
        tracing::debug!(room = %self.id.room.0, recording = %start.recording.0, "recording");
        self.tap = Some(Box::new(Tap::new(start, shared.now.instant)));
        let view = RecordingView {
            recording: start.recording.clone(),
            started_at_ms: start.journal.started_at_ms,
            starter: start.starter.clone(),
            max_duration: start.max_duration,
            trouble: None,
            pinned: None,
            ended: None,
        };
        self.recording = Some(view.clone());
        self.tell_recording(shared);
        self.choose_picture(shared);
        self.reschedule(shared);
        Ok(view)
    }

    /// Stops the recording in progress, if it is the named one.
    pub(crate) fn stop_recording(
        &mut self,
        named: Option<&RecordingId>,
        actor: Option<ParticipantId>,
        shared: &mut Shared,
    ) -> Option<RecordingView> {
        let current = self.recording.as_ref().filter(|_| self.is_recorded())?;
        if named.is_some_and(|named| current.recording != *named) {
            return None;
        }
        self.end_recording(EndReason::Stopped, actor, shared);
        self.recording.clone()
    }

    /// Whose camera is shown while nobody shares a screen.
    pub(crate) fn pin_in_recording(
        &mut self,
        session: Option<SessionId>,
        shared: &mut Shared,
    ) -> Result<RecordingView, CommandError> {
        if let Some(id) = &session
            && !self.names.contains_key(id)
        {
            return Err(CommandError::NoSession);
        }
        let (Some(tap), Some(view)) = (&mut self.tap, &mut self.recording) else {
            return Err(CommandError::NotRecording);
        };
        let changed = view.pinned != session;
        tap.pinned.clone_from(&session);
        view.pinned = session;
        let view = view.clone();
        if changed {
            self.tell_recording(shared);
            self.choose_picture(shared);
        }
        Ok(view)
    }

    /// What the recorder found out.
    pub(crate) fn handle_recording_news(
        &mut self,
        key: RecordingKey,
        news: RecordingNews,
        shared: &mut Shared,
    ) {
        let (Some(tap), Some(view)) = (&mut self.tap, &mut self.recording) else {
            return;
        };
        if tap.key != key {
            return;
        }
        match news {
            RecordingNews::Trouble(trouble) => {
                tap.audio_only = trouble >= Some(Trouble::AudioOnly);
                if view.trouble != trouble {
                    view.trouble = trouble;
                    self.tell_recording(shared);
                }
                self.choose_picture(shared);
            }
            RecordingNews::VideoLost => {
                tap.picture.handle_lost();
                self.ask_for_picture(shared);
            }
            RecordingNews::Ended(reason) => self.end_recording(reason, None, shared),
        }
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.tap.is_some()
    }

    /// Nothing more is recorded. None in progress is fine.
    pub(super) fn end_recording(
        &mut self,
        reason: EndReason,
        stopper: Option<ParticipantId>,
        shared: &mut Shared,
    ) {
        let Some(tap) = self.tap.take() else {
            return;
        };
        tap.end(reason, shared);
        tracing::debug!(room = %self.id.room.0, ?reason, "recording ended");
        if let Some(view) = &mut self.recording {
            view.ended = Some(RecordingEnd {
                at_ms: shared.now.wall_ms,
                reason,
                stopper,
            });
        }
        self.tell_recording(shared);
    }

    /// The room ends, and its recording before it.
    pub(super) fn end_recording_with_room(&mut self, reason: RoomEndReason, shared: &mut Shared) {
        let reason = match reason {
            RoomEndReason::Internal => EndReason::Internal,
            _ => EndReason::CallEnded,
        };
        self.end_recording(reason, None, shared);
    }

    /// A session is about to lose its streams, or to leave.
    pub(super) fn untap(&mut self, seat: Key, shared: &mut Shared) {
        if let Some((tap, session)) = self.tap.as_mut().zip(self.sessions.get_mut(seat)) {
            tap.end_tracks(session, shared);
        }
    }

    /// Who left is not pinned any more.
    pub(super) fn unpin_gone(&mut self, shared: &mut Shared) {
        let (Some(tap), Some(view)) = (&mut self.tap, &mut self.recording) else {
            return;
        };
        let gone = |id: &SessionId| !self.names.contains_key(id);
        if view.pinned.as_ref().is_some_and(gone) {
            view.pinned = None;
            tap.pinned = None;
            self.tell_recording(shared);
        }
    }

    pub(super) fn recording_due(&self) -> Option<Instant> {
        let tap = self.tap.as_ref()?;
        let due = [tap.ends_at, tap.remind_at, tap.picture.due()];
        due.into_iter().flatten().min()
    }

    /// Limit, reminder and key frames that are due.
    pub(super) fn handle_recording_timeout(&mut self, shared: &mut Shared) {
        let now = shared.now.instant;
        let Some(tap) = &mut self.tap else {
            return;
        };
        if tap.ends_at.is_some_and(|at| at <= now) {
            return self.end_recording(EndReason::Limit, None, shared);
        }
        if tap.remind_at.is_some_and(|at| at <= now) {
            tap.remind_at = None;
            let ends_in = tap.ends_at.map_or(std::time::Duration::ZERO, |at| {
                at.saturating_duration_since(now)
            });
            if let Some(recording) = self.recording.clone() {
                self.emit(EventKind::RecordingReminder { recording, ends_in }, shared);
            }
        }
        self.ask_for_picture(shared);
    }

    fn tell_recording(&mut self, shared: &mut Shared) {
        if let Some(view) = self.recording.clone() {
            self.emit(EventKind::RecordingChanged(view), shared);
        }
    }
}
