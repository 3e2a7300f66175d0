//! Who comes, when, and as what.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use parley_media::channel::CameraView;
use parley_proto::v1::{
    Capabilities, JoinRequest, OpenRoomRequest, PublicationState, RoomPolicy, SetStateRequest,
    VideoDown, set_state_request,
};

use super::{Control, room, session_id};
use crate::client::Track;
use crate::load::scenario::{Course, Role};
use crate::load::swarm::{Newcomer, Order, stream_id};

/// Everybody must have joined after this.
const JOIN_TIME_MAX: Duration = Duration::from_secs(120);
/// Joins under way at a time, as a platform would see them.
const JOINS_AT_ONCE: usize = 8;
/// Lines of a camera in a gallery, and of the only one.
const GALLERY_HEIGHT: u16 = 240;
const WHOLE_HEIGHT: u16 = 720;

impl Control {
    /// Who joins before the media flows: everybody, or with a storm to come those who publish.
    pub(in crate::load) fn at_first(&self) -> Vec<usize> {
        let storm = matches!(self.scenario.course, Course::Storm(_));
        let roles = self.scenario.roles.iter().enumerate();
        roles
            .filter(|(_, role)| !storm || **role != Role::Viewer)
            .map(|(index, _)| index)
            .collect()
    }

    /// Opens the rooms that are missing and joins these, some at a time.
    pub(in crate::load) async fn join_all(
        &mut self,
        who: &[usize],
        progress: &impl Fn(&str),
    ) -> anyhow::Result<()> {
        let joining = async {
            self.open_rooms().await?;
            let before = self.ready.len();
            for (done, index) in who.iter().enumerate() {
                while before + done >= self.ready.len() + JOINS_AT_ONCE {
                    self.attend_once().await?;
                }
                self.join(*index).await?;
                if (done + 1) % 50 == 0 {
                    progress(&format!("joining {} of {}", done + 1, who.len()));
                }
            }
            self.until_ready(before + who.len()).await
        };
        tokio::time::timeout(JOIN_TIME_MAX, joining)
            .await
            .context("not everybody joined in time")?
    }

    /// Joins these at a steady rate per second, whether or not those before are ready.
    pub(in crate::load) async fn storm(&mut self, who: &[usize], rate: u32) -> anyhow::Result<()> {
        let (began, before) = (Instant::now(), self.ready.len());
        for (index, at) in who.iter().zip(0_u32..) {
            let due = began + Duration::from_secs(1) * at / rate;
            self.attend(due.saturating_duration_since(Instant::now()))
                .await?;
            self.join(*index).await?;
        }
        let ready = self.until_ready(before + who.len());
        tokio::time::timeout(JOIN_TIME_MAX, ready)
            .await
            .context("not everybody joined in time")?
    }

    async fn until_ready(&mut self, count: usize) -> anyhow::Result<()> {
        while self.ready.len() < count {
            self.attend_once().await?;
        }
        Ok(())
    }

    /// From each call of `Join` to the first media packet, microseconds; for whoever has both.
    pub(in crate::load) fn joins_to_media_us(&self, who: &[usize]) -> Vec<u32> {
        let times = who.iter().filter_map(|index| {
            let (from, to) = (self.joined_at.get(index)?, self.first_media.get(index)?);
            let micros = to.saturating_duration_since(*from).as_micros();
            Some(u32::try_from(micros).unwrap_or(u32::MAX))
        });
        times.collect()
    }

    async fn open_rooms(&mut self) -> anyhow::Result<()> {
        for number in self.rooms..self.scenario.rooms() {
            self.link
                .rooms
                .open_room(OpenRoomRequest {
                    request_id: format!("open{number}"),
                    room: Some(room(number)),
                    policy: Some(RoomPolicy::default()),
                    labels: Default::default(),
                })
                .await?;
        }
        self.rooms = self.scenario.rooms();
        Ok(())
    }

    async fn join(&mut self, index: usize) -> anyhow::Result<()> {
        let role = self.scenario.roles[index];
        self.numbers.insert(session_id(index), index);
        let request = JoinRequest {
            request_id: self.request_id(),
            session: Some(self.session(index)),
            participant_id: format!("participant{index}"),
            connection_id: format!("connection{index}"),
            labels: Default::default(),
            capabilities: Some(Capabilities {
                dc_signaling: true,
                av1: false,
                slots_v1: true,
                video_down: VideoDown::Slots.into(),
                max_audio_slots: self.scenario.voice_slots,
                needs_audio_level: false,
            }),
            replaces_session: false,
            unmuted: role.speaks(),
        };
        self.joined_at.insert(index, Instant::now());
        let joined = self.link.sessions.join(request).await;
        joined.with_context(|| format!("joining participant {index}"))?;
        for (track, _) in role.tracks() {
            self.announce(index, *track).await?;
        }
        let newcomer = self.newcomer(index, role);
        self.order(index, Order::Add(Box::new(newcomer)))
    }

    /// The announcement comes before the offer that holds the track.
    async fn announce(&mut self, index: usize, track: Track) -> anyhow::Result<()> {
        let publication = PublicationState {
            on: true,
            stream_id: stream_id(track, index),
        };
        let change = match track {
            Track::Screen => set_state_request::Change::Screen(publication),
            Track::Camera => set_state_request::Change::Video(publication),
            Track::Voice | Track::ScreenAudio => return Ok(()),
        };
        let request = SetStateRequest {
            request_id: self.request_id(),
            session: Some(self.session(index)),
            change: Some(change),
        };
        let announced = self.link.sessions.set_state(request).await;
        announced.with_context(|| format!("announcing {track:?} of {index}"))?;
        Ok(())
    }

    fn newcomer(&self, index: usize, role: Role) -> Newcomer {
        let shown = self.scenario.shown_to(index);
        let height = if shown.len() > 1 {
            GALLERY_HEIGHT
        } else {
            WHOLE_HEIGHT
        };
        let shows = shown.into_iter().map(|other| CameraView {
            session: session_id(other),
            height,
        });
        // Estimates and repairs of pictures need every packet at the media stack.
        let listens_fully = role != Role::Viewer
            || self.scenario.sees_pictures(index)
            || index.is_multiple_of(self.options.sample.max(1));
        Newcomer {
            number: index,
            role,
            shows: shows.collect(),
            listens_fully,
            traced: matches!(self.scenario.course, Course::Impaired(_)),
            via: self.options.via,
        }
    }
}
