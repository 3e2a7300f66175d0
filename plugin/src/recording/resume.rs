//! A recording outlasts the media server: its next start goes on with it.

use crate::Guest;
use crate::env::Level;
use crate::media::{MediaError, Room};
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::text::Text;

use super::control::room_ref;
use super::job::recording_of_kept;

impl Guest<'_> {
    /// Goes on with the recording of a call whose room is new. Safe to do on several hosts at once, and
    /// again: the media server takes the first.
    pub(crate) async fn resume_recording(
        &self,
        record: &Record,
        room: &Room,
    ) -> Result<(), Refusal> {
        let kept = record.recording.as_ref();
        let Some(kept) = kept.filter(|kept| kept.ended_at == 0 && room.recording.is_none()) else {
            return Ok(());
        };
        let start = self.recording_to_start(record, room, kept);
        let target = room_ref(record, room);
        let call = &record.call_id;
        match self.media.start_recording(&target, start).await {
            Ok(_) => {
                let line = format!("{call}: goes on with {}", kept.id);
                self.env.log(Level::Info, "recording", &line);
                Ok(())
            }
            Err(MediaError::Exists | MediaError::NotFound | MediaError::Stale) => Ok(()),
            Err(error @ MediaError::Unavailable(_)) => Err(error.into()),
            Err(error) => {
                let line = format!("{call}: {} does not go on: {error}", kept.id);
                self.env.log(Level::Warn, "recording", &line);
                self.recording_lost(record, room)
            }
        }
    }

    /// Nobody goes on with it: the media server closes and keeps what there is.
    fn recording_lost(&self, record: &Record, room: &Room) -> Result<(), Refusal> {
        let (channel, now_ms) = (&record.channel_id, self.env.now_ms());
        let mut lost = None;
        record::update(self.env, channel, &record.call_id, |present| {
            lost = present
                .recording
                .as_mut()
                .filter(|kept| {
                    kept.ended_at == 0
                        && Some(&kept.id) == record.recording.as_ref().map(|kept| &kept.id)
                })
                .map(|kept| {
                    kept.ended_at = now_ms;
                    kept.clone()
                });
            lost.is_some()
        })?;
        let Some(lost) = lost else {
            return Ok(());
        };
        self.tell_recording(channel, room, &recording_of_kept(&lost))?;
        // Who comes back later reads it in the call's state; the host has to know now.
        let host = record.host(&room.sessions).unwrap_or(lost.starter_id);
        let lang = self.lang(&host);
        let texts = [Text::RecordingInterrupted, Text::RecordingAgain];
        let message = texts.map(|text| text.get(lang)).join(" ");
        self.tell_privately(record, &host, message);
        Ok(())
    }
}
