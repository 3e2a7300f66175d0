//! Plays host and platform: opens the rooms, joins everybody, carries signals.

mod joining;
mod link;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use mio::Waker;
use parley_proto::v1::{
    RoomRef, SessionRef, SignalRequest, StartRecordingRequest, WatchResponse, event,
    signal_request, watch_response,
};
use tokio::sync::mpsc::{self, Receiver};

use super::Options;
use super::cores::{Cpus, pin_thread};
use super::process::Sidecar;
use super::scenario::Scenario;
use super::swarm::{Notice, Order, Ports, Swarm, Tally};
use link::Link;

/// Notices waiting for the control side.
const NOTICES_MAX: usize = 10_000;

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
    /// From which clients count time.
    pub(super) epoch: Instant,
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
            epoch,
            request: 0,
        })
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
