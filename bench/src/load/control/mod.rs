//! Plays host and platform: opens the rooms, joins everybody, carries signals.

mod link;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use mio::Waker;
use parley_media::channel::CameraView;
use parley_proto::v1::{
    Capabilities, JoinRequest, OpenRoomRequest, PublicationState, RoomPolicy, RoomRef, SessionRef,
    SetStateRequest, SignalRequest, StartRecordingRequest, VideoDown, WatchResponse, event,
    set_state_request, signal_request, watch_response,
};
use tokio::sync::mpsc::{self, Receiver};

use super::Options;
use super::process::{Cpus, Sidecar, pin_thread};
use super::scenario::{Course, Role, Scenario};
use super::swarm::{Newcomer, Notice, Order, Ports, Swarm, Tally, stream_id};
use crate::client::Track;
use link::Link;

/// Everybody must have joined after this.
const JOIN_TIME_MAX: Duration = Duration::from_secs(120);
/// Joins under way at a time, as a platform would see them.
const JOINS_AT_ONCE: usize = 8;
/// Notices waiting for the control side.
const NOTICES_MAX: usize = 10_000;
/// Lines of a camera in a gallery, and of the only one.
const GALLERY_HEIGHT: u16 = 240;
const WHOLE_HEIGHT: u16 = 720;

/// Something to handle.
enum Step {
    Notice(Notice),
    Event(Box<WatchResponse>),
}

/// A thread with clients.
struct SwarmThread {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

/// See the module.
pub(super) struct Control {
    pub(super) scenario: Scenario,
    options: Options,
    link: Link,
    notices: Receiver<Notice>,
    swarms: Vec<SwarmThread>,
    rooms: usize,
    /// Session id to number.
    numbers: BTreeMap<String, usize>,
    ready: BTreeSet<usize>,
    /// When the call that joined somebody was made.
    joined_at: BTreeMap<usize, Instant>,
    first_media: BTreeMap<usize, Instant>,
    tallies: Vec<Tally>,
    request: u64,
}

impl Control {
    pub(super) async fn connect(
        sidecar: &Sidecar,
        scenario: &Scenario,
        options: &Options,
        cpus: &Cpus,
    ) -> anyhow::Result<Self> {
        let link = Link::connect(sidecar).await?;
        let (notice_port, notices) = mpsc::channel(NOTICES_MAX);
        let (swarms, epoch) = (cpus.generators.len().max(1), Instant::now());
        let swarms = (0..swarms).map(|number| {
            let cpu = cpus.generators.get(number).copied();
            start_swarm(number, epoch, cpu, notice_port.clone())
        });
        Ok(Self {
            scenario: scenario.clone(),
            options: options.clone(),
            link,
            notices,
            swarms: swarms.collect::<anyhow::Result<_>>()?,
            rooms: 0,
            numbers: BTreeMap::new(),
            ready: BTreeSet::new(),
            joined_at: BTreeMap::new(),
            first_media: BTreeMap::new(),
            tallies: Vec::new(),
            request: 0,
        })
    }

    /// Who joins before the media flows: everybody, or with a storm to come those who publish.
    pub(super) fn at_first(&self) -> Vec<usize> {
        let storm = matches!(self.scenario.course, Course::Storm(_));
        let roles = self.scenario.roles.iter().enumerate();
        roles
            .filter(|(_, role)| !storm || **role != Role::Viewer)
            .map(|(index, _)| index)
            .collect()
    }

    /// Opens the rooms that are missing and joins these, some at a time.
    pub(super) async fn join_all(
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
    pub(super) async fn storm(&mut self, who: &[usize], rate: u32) -> anyhow::Result<()> {
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
    pub(super) fn joins_to_media_us(&self, who: &[usize]) -> Vec<u32> {
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

    /// Records the first so many rooms.
    pub(super) async fn record(&mut self, rooms: usize) -> anyhow::Result<()> {
        for number in 0..rooms {
            let request_id = self.request_id();
            self.link
                .recordings
                .start_recording(StartRecordingRequest {
                    request_id,
                    room: Some(room(number)),
                    recording_id: format!("recording{number}"),
                    starter_id: "bench".into(),
                    ..Default::default()
                })
                .await
                .with_context(|| format!("recording room {number}"))?;
        }
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
            via: self.options.via,
        }
    }

    /// Carries signals for so long.
    pub(super) async fn attend(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            // Only the waiting is cancelled at the end, never a call under way.
            let step = tokio::select! {
                () = &mut end => return Ok(()),
                step = self.next_step() => step?,
            };
            self.take(step).await?;
        }
    }

    async fn attend_once(&mut self) -> anyhow::Result<()> {
        let step = self.next_step().await?;
        self.take(step).await
    }

    async fn next_step(&mut self) -> anyhow::Result<Step> {
        tokio::select! {
            notice = self.notices.recv() => match notice {
                Some(notice) => Ok(Step::Notice(notice)),
                None => Err(self.swarm_ended()),
            },
            message = self.link.events.message() => {
                Ok(Step::Event(Box::new(message?.context("the event stream ended")?)))
            }
        }
    }

    async fn take(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Notice(notice) => self.handle_notice(notice).await,
            Step::Event(message) => self.handle_event(*message).await,
        }
    }

    async fn handle_notice(&mut self, notice: Notice) -> anyhow::Result<()> {
        match notice {
            Notice::Sdp(index, zlib) => {
                let request = SignalRequest {
                    request_id: self.request_id(),
                    session: Some(self.session(index)),
                    connection_id: String::new(),
                    message: Some(signal_request::Message::SdpZlib(zlib)),
                };
                let signalled = self.link.sessions.signal(request).await;
                signalled.with_context(|| format!("signalling for participant {index}"))?;
            }
            Notice::Ready(index) => {
                self.ready.insert(index);
            }
            Notice::FirstMedia(index, at) => {
                self.first_media.insert(index, at);
            }
            Notice::Lost(index) => bail!("participant {index} lost its media connection"),
            Notice::Tally(tally) => self.tallies.push(*tally),
        }
        Ok(())
    }

    async fn handle_event(&mut self, message: WatchResponse) -> anyhow::Result<()> {
        match message.message {
            Some(watch_response::Message::Ping(ping)) => self.link.pong(ping.nonce).await,
            Some(watch_response::Message::Event(event)) => {
                match &event.kind {
                    Some(event::Kind::Signal(signal)) => {
                        let number = self.numbers.get(&signal.session_id).copied();
                        let number = number.context("a signal for nobody")?;
                        self.order(number, Order::Signal(number, signal.json.clone()))?;
                    }
                    Some(event::Kind::SessionLeft(left)) => {
                        bail!("a session ended, reason {}", left.reason)
                    }
                    Some(event::Kind::RoomEnded(ended)) => {
                        bail!("the room ended, reason {}", ended.reason)
                    }
                    _ => {}
                }
                self.link.ack(&event).await
            }
            _ => Ok(()),
        }
    }

    /// From now on publishers send.
    pub(super) fn start_media(&self) -> anyhow::Result<()> {
        (0..self.swarms.len()).try_for_each(|number| self.order(number, Order::Media))
    }

    /// From now on is counted.
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        (0..self.swarms.len()).try_for_each(|number| self.order(number, Order::Begin))
    }

    /// What was counted since [`Control::begin`], by all swarms.
    pub(super) async fn end(&mut self) -> anyhow::Result<Tally> {
        for number in 0..self.swarms.len() {
            self.order(number, Order::End)?;
        }
        while self.tallies.len() < self.swarms.len() {
            self.attend_once().await?;
        }
        let mut sum = Tally::default();
        self.tallies.drain(..).for_each(|tally| sum.add(tally));
        Ok(sum)
    }

    /// To the swarm of a client.
    fn order(&self, client: usize, order: Order) -> anyhow::Result<()> {
        let swarm = &self.swarms[client % self.swarms.len()];
        ensure!(
            swarm.orders.send(order).is_ok(),
            "the clients' thread ended"
        );
        swarm.waker.wake()?;
        Ok(())
    }

    /// The swarms closed their ends: says why.
    fn swarm_ended(&mut self) -> anyhow::Error {
        for swarm in &mut self.swarms {
            match swarm.thread.take().map(std::thread::JoinHandle::join) {
                Some(Ok(Err(error))) => return error,
                Some(Err(_)) => return anyhow!("the clients' thread panicked"),
                _ => {}
            }
        }
        anyhow!("the clients' thread ended")
    }

    fn request_id(&mut self) -> String {
        self.request += 1;
        format!("request{}", self.request)
    }

    fn session(&self, index: usize) -> SessionRef {
        let room = room(self.scenario.room_of(index));
        SessionRef {
            room_id: room.room_id,
            generation: room.generation,
            session_id: session_id(index),
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        for number in 0..self.swarms.len() {
            let _ = self.order(number, Order::Stop);
        }
        for swarm in &mut self.swarms {
            if let Some(thread) = swarm.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

fn start_swarm(
    number: usize,
    epoch: Instant,
    cpu: Option<usize>,
    notices: mpsc::Sender<Notice>,
) -> anyhow::Result<SwarmThread> {
    let (orders, order_port) = std::sync::mpsc::channel();
    let ports = Ports {
        orders: order_port,
        notices,
    };
    let (swarm, waker) = Swarm::new(epoch, ports, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let thread = std::thread::Builder::new().name(format!("swarm-{number}"));
    let thread = thread.spawn(move || {
        if let Some(cpu) = cpu {
            pin_thread(cpu).context("pinning the clients")?;
        }
        swarm.run()
    })?;
    Ok(SwarmThread {
        orders,
        waker,
        thread: Some(thread),
    })
}

fn room(number: usize) -> RoomRef {
    RoomRef {
        room_id: format!("bench{number}"),
        generation: 1,
    }
}

fn session_id(index: usize) -> String {
    format!("session{index}")
}
