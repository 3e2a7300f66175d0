//! Plays host and platform: opens the room, joins everybody, carries signals, measures.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use hyper_util::rt::TokioIo;
use mio::Waker;
use parley_proto::launch::{TOKEN_METADATA, TOKEN_PREFIX};
use parley_proto::v1::events_client::EventsClient;
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::recordings_client::RecordingsClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::sessions_client::SessionsClient;
use parley_proto::v1::{
    Ack, Capabilities, GetInfoRequest, Hello, JoinRequest, OpenRoomRequest, Pong, PublicationState,
    RoomPolicy, RoomRef, SessionRef, SetStateRequest, SignalRequest, StartRecordingRequest,
    VideoDown, WatchRequest, WatchResponse, event, set_state_request, signal_request,
    watch_request, watch_response,
};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{self, Receiver};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tower::service_fn;

use super::Pace;
use super::figures::{Costs, Figures};
use super::process::{Cpus, Sidecar, machine_load, pin_thread};
use super::scenario::{Role, Scenario};
use super::swarm::{Notice, Order, Ports, Swarm, Tally, screen_stream};

/// Everybody must have joined after this.
const JOIN_TIME_MAX: Duration = Duration::from_secs(60);
/// Joins under way at a time, as a platform would see them.
const JOINS_AT_ONCE: usize = 8;
/// Notices waiting for the control side.
const NOTICES_MAX: usize = 10_000;
/// A quiet machine shows little more than the run itself: the sidecar and the clients.
const BUSY_MACHINE: f64 = 3.0;

pub(super) async fn run(
    sidecar: &Sidecar,
    scenario: &Scenario,
    pace: Pace,
    cpus: Cpus,
    progress: &impl Fn(&str),
) -> anyhow::Result<Figures> {
    let mut control = Control::connect(sidecar, scenario, cpus).await?;
    let empty_bytes = sidecar.resident_bytes()?;
    let started = Instant::now();
    let joining = control.join_all(progress);
    tokio::time::timeout(JOIN_TIME_MAX, joining)
        .await
        .context("not everybody joined in time")??;
    let join = started.elapsed();
    control.record(scenario.recordings).await?;
    progress(&format!(
        "{} joined in {join:.1?}; warming up for {:?}",
        scenario.roles.len(),
        pace.warm_up
    ));
    control.attend(pace.warm_up).await?;

    progress(&format!("measuring for {:?}", pace.measure));
    control.order(Order::Begin)?;
    let (began, cpu) = (Instant::now(), sidecar.cpu_time()?);
    let media_cpu = sidecar.media_cpu_time()?;
    control.attend(pace.measure).await?;
    control.order(Order::End)?;
    let (window, cpu) = (began.elapsed(), sidecar.cpu_time()?.saturating_sub(cpu));
    let media_cpu = sidecar.media_cpu_time()?.saturating_sub(media_cpu);
    let grown_bytes = sidecar.resident_bytes()?.saturating_sub(empty_bytes);
    let tally = control.tally().await?;
    control.order(Order::Stop)?;
    let costs = Costs {
        cpu,
        media_cpu,
        window,
        join,
        grown_bytes,
        machine_load: machine_load()?,
    };
    if costs.machine_load > BUSY_MACHINE {
        progress("other work shares the cores: the figures are lower than on a quiet machine");
    }
    Ok(Figures::new(scenario, &costs, tally))
}

/// Shows the token with every call.
#[derive(Clone)]
struct Token(MetadataValue<Ascii>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert(TOKEN_METADATA, self.0.clone());
        Ok(request)
    }
}

/// Something to handle.
enum Step {
    Notice(Notice),
    Event(Box<WatchResponse>),
}

type Service = InterceptedService<Channel, Token>;

struct Control<'a> {
    scenario: &'a Scenario,
    sessions: SessionsClient<Service>,
    recordings: RecordingsClient<Service>,
    events: Streaming<WatchResponse>,
    answers: mpsc::Sender<WatchRequest>,
    orders: Sender<Order>,
    waker: Waker,
    notices: Receiver<Notice>,
    swarm: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
    /// Session id to number.
    numbers: BTreeMap<String, usize>,
    ready: BTreeSet<usize>,
    request: u64,
}

impl<'a> Control<'a> {
    async fn connect(
        sidecar: &Sidecar,
        scenario: &'a Scenario,
        cpus: Cpus,
    ) -> anyhow::Result<Self> {
        let socket = sidecar.info().socket.clone();
        let channel = Endpoint::from_static("http://sidecar")
            .connect_with_connector(service_fn(move |_| {
                let socket = socket.clone();
                async move { io::Result::Ok(TokioIo::new(UnixStream::connect(socket).await?)) }
            }))
            .await
            .context("the sidecar's socket")?;
        let token = Token(format!("{TOKEN_PREFIX}{}", sidecar.token()).parse()?);
        let service = InterceptedService::new(channel, token);
        InfoClient::new(service.clone())
            .get_info(GetInfoRequest {
                protocol_major: PROTOCOL_MAJOR,
                protocol_minor: PROTOCOL_MINOR,
                host_id: "bench".into(),
            })
            .await?;
        let (answers, outgoing) = mpsc::channel(1024);
        answers
            .send(watch(watch_request::Message::Hello(Hello {
                host_id: "bench".into(),
            })))
            .await?;
        let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
        let events = EventsClient::new(service.clone()).watch(outgoing).await?;
        for number in 0..scenario.rooms() {
            RoomsClient::new(service.clone())
                .open_room(OpenRoomRequest {
                    request_id: format!("open{number}"),
                    room: Some(room(number)),
                    policy: Some(RoomPolicy::default()),
                    labels: Default::default(),
                })
                .await?;
        }
        let (orders, order_port) = std::sync::mpsc::channel();
        let (notice_port, notices) = mpsc::channel(NOTICES_MAX);
        let ports = Ports {
            orders: order_port,
            notices: notice_port,
        };
        let (swarm, waker) = Swarm::new(ports, IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        let swarm = std::thread::Builder::new()
            .name("swarm".into())
            .spawn(move || {
                if let Some(cpu) = cpus.generator {
                    pin_thread(cpu).context("pinning the clients")?;
                }
                swarm.run()
            })?;
        Ok(Self {
            scenario,
            recordings: RecordingsClient::new(service.clone()),
            sessions: SessionsClient::new(service),
            events: events.into_inner(),
            answers,
            orders,
            waker,
            notices,
            swarm: Some(swarm),
            numbers: BTreeMap::new(),
            ready: BTreeSet::new(),
            request: 0,
        })
    }

    async fn join_all(&mut self, progress: &impl Fn(&str)) -> anyhow::Result<()> {
        let count = self.scenario.roles.len();
        for index in 0..count {
            while index >= self.ready.len() + JOINS_AT_ONCE {
                self.attend_once().await?;
            }
            self.join(index).await?;
            if (index + 1) % 10 == 0 {
                progress(&format!("joining {} of {count}", index + 1));
            }
        }
        while self.ready.len() < count {
            self.attend_once().await?;
        }
        Ok(())
    }

    /// Records the first so many rooms.
    async fn record(&mut self, rooms: usize) -> anyhow::Result<()> {
        for number in 0..rooms {
            let request_id = self.request_id();
            self.recordings
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
        let request_id = self.request_id();
        self.sessions
            .join(JoinRequest {
                request_id,
                session: Some(session(self.scenario, index)),
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
                unmuted: role == Role::Speaker,
            })
            .await
            .with_context(|| format!("joining participant {index}"))?;
        if role == Role::Sharer {
            // The announcement comes before the offer that holds the track.
            let request_id = self.request_id();
            self.sessions
                .set_state(SetStateRequest {
                    request_id,
                    session: Some(session(self.scenario, index)),
                    change: Some(set_state_request::Change::Screen(PublicationState {
                        on: true,
                        stream_id: screen_stream(index),
                    })),
                })
                .await
                .context("announcing the screen")?;
        }
        self.order(Order::Add(role))
    }

    /// Carries signals for so long.
    async fn attend(&mut self, time: Duration) -> anyhow::Result<()> {
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
            message = self.events.message() => {
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
                let request_id = self.request_id();
                self.sessions
                    .signal(SignalRequest {
                        request_id,
                        session: Some(session(self.scenario, index)),
                        connection_id: String::new(),
                        message: Some(signal_request::Message::SdpZlib(zlib)),
                    })
                    .await
                    .with_context(|| format!("signalling for participant {index}"))?;
            }
            Notice::Ready(index) => {
                self.ready.insert(index);
            }
            Notice::Lost(index) => bail!("participant {index} lost its media connection"),
            Notice::Tally(_) => {}
        }
        Ok(())
    }

    async fn handle_event(&mut self, message: WatchResponse) -> anyhow::Result<()> {
        match message.message {
            Some(watch_response::Message::Ping(ping)) => {
                let pong = watch_request::Message::Pong(Pong { nonce: ping.nonce });
                self.answers.send(watch(pong)).await?;
            }
            Some(watch_response::Message::Event(event)) => {
                match event.kind {
                    Some(event::Kind::Signal(signal)) => {
                        let number = self.numbers.get(&signal.session_id).copied();
                        let number = number.context("a signal for nobody")?;
                        self.order(Order::Signal(number, signal.json))?;
                    }
                    Some(event::Kind::SessionLeft(left)) => {
                        bail!("a session ended, reason {}", left.reason)
                    }
                    Some(event::Kind::RoomEnded(ended)) => {
                        bail!("the room ended, reason {}", ended.reason)
                    }
                    _ => {}
                }
                let ack = watch_request::Message::Ack(Ack {
                    room_id: event.room_id,
                    generation: event.generation,
                    seq: event.seq,
                });
                self.answers.send(watch(ack)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn tally(&mut self) -> anyhow::Result<Tally> {
        loop {
            match self.notices.recv().await {
                Some(Notice::Tally(tally)) => return Ok(tally),
                Some(notice) => self.handle_notice(notice).await?,
                None => return Err(self.swarm_ended()),
            }
        }
    }

    fn order(&self, order: Order) -> anyhow::Result<()> {
        ensure!(self.orders.send(order).is_ok(), "the clients' thread ended");
        self.waker.wake()?;
        Ok(())
    }

    /// The swarm closed its end: says why.
    fn swarm_ended(&mut self) -> anyhow::Error {
        match self.swarm.take().map(std::thread::JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            Some(Err(_)) => anyhow!("the clients' thread panicked"),
            _ => anyhow!("the clients' thread ended"),
        }
    }

    fn request_id(&mut self) -> String {
        self.request += 1;
        format!("request{}", self.request)
    }
}

impl Drop for Control<'_> {
    fn drop(&mut self) {
        let _ = self.order(Order::Stop);
        if let Some(swarm) = self.swarm.take() {
            let _ = swarm.join();
        }
    }
}

fn watch(message: watch_request::Message) -> WatchRequest {
    WatchRequest {
        message: Some(message),
    }
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

fn session(scenario: &Scenario, index: usize) -> SessionRef {
    let room = room(scenario.room_of(index));
    SessionRef {
        room_id: room.room_id,
        generation: room.generation,
        session_id: session_id(index),
    }
}
