//! What sessions say of themselves: voice, hand, screen, camera.

use parley_media::channel::SlotKind;
use rand::Rng;

use crate::api::{CommandError, EventKind, SessionField, SessionId, SessionView, StateChange};
use crate::session::{Csrcs, Session};
use crate::shared::Shared;

use super::Room;

impl Room {
    /// Changes what a session shows of itself. The second value is false when it was so already.
    pub(crate) fn set_state(
        &mut self,
        id: &SessionId,
        change: StateChange,
        shared: &mut Shared,
    ) -> Result<(SessionView, bool), CommandError> {
        let seat = *self.names.get(id).ok_or(CommandError::NoSession)?;
        if matches!(change, StateChange::Screen(Some(_))) {
            let taken = self
                .in_order()
                .any(|other| other.id != *id && other.announced.screen.is_some());
            if taken {
                return Err(CommandError::ScreenTaken);
            }
        }
        let slots_before = self.voice_slots();
        let session = self.session_mut(id)?;
        if !session.changes.take(shared.now.instant, 1) {
            session.drop_one("change_rate", shared);
            return Err(CommandError::Limit("change_rate"));
        }
        let muted = change == StateChange::Unmuted(false);
        let was_unmuted = session.unmuted;
        let (changed, field) = session.apply(change, shared);
        let is_unmuted = session.unmuted;
        let view = session.view();
        let unmuted = self.unmuted + usize::from(is_unmuted);
        self.unmuted = unmuted.saturating_sub(usize::from(was_unmuted));
        #[cfg(feature = "sabotage")]
        shared.panic_for(crate::shared::Fault::PanicInCommand);
        if !changed {
            return Ok((view, false));
        }
        tracing::debug!(room = %self.id.room.0, session = %view.session.0, ?field, "state changed");
        let event = EventKind::SessionChanged {
            session: view.clone(),
            field,
        };
        self.emit(event, shared);
        if muted {
            self.free_voice(seat, shared);
        }
        if self.voice_slots() > slots_before {
            self.unsettle_all(shared);
        }
        if matches!(field, SessionField::Screen | SessionField::Video) {
            if let Some(session) = self.sessions.get_mut(seat) {
                session.up.bind(&session.announced);
            }
            self.note_sharing();
            self.unsettle_for(seat, shared);
            self.choose_picture(shared);
        }
        Ok((view, true))
    }
}

impl Session {
    /// Applies a change to itself; says whether it was one.
    fn apply(&mut self, change: StateChange, shared: &mut Shared) -> (bool, SessionField) {
        match change {
            StateChange::Unmuted(unmuted) => {
                let changed = self.unmuted != unmuted;
                self.unmuted = unmuted;
                (changed, SessionField::Unmuted)
            }
            StateChange::HandRaised(raised) => {
                let changed = raised != (self.hand_raised_at_ms > 0);
                if changed {
                    self.hand_raised_at_ms = if raised { shared.now.wall_ms } else { 0 };
                }
                (changed, SessionField::Hand)
            }
            StateChange::Screen(stream) => {
                let changed = self.announced.screen.is_some() != stream.is_some();
                if changed {
                    self.csrcs.screen = shared.rng.random();
                    self.csrcs.screen_audio = shared.rng.random();
                }
                self.announced.screen = stream;
                (changed, SessionField::Screen)
            }
            StateChange::Video(stream) => {
                let changed = self.announced.video.is_some() != stream.is_some();
                if changed {
                    self.csrcs.video = shared.rng.random();
                }
                self.announced.video = stream;
                (changed, SessionField::Video)
            }
        }
    }

    /// The client has announced a publication of this kind.
    pub(crate) fn is_announced(&self, kind: SlotKind) -> bool {
        match kind {
            SlotKind::Voice => true,
            SlotKind::Screen | SlotKind::ScreenAudio => self.announced.screen.is_some(),
            SlotKind::Video => self.announced.video.is_some(),
        }
    }
}

impl Csrcs {
    pub(crate) fn of(&self, kind: SlotKind) -> u32 {
        match kind {
            SlotKind::Voice => self.voice,
            SlotKind::Screen => self.screen,
            SlotKind::ScreenAudio => self.screen_audio,
            SlotKind::Video => self.video,
        }
    }
}
