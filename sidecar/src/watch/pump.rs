//! Runs the event hub: one task between the core's event lane and the hosts' streams.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use parley_core::api::{Command, Generation, Reply, RoomEvent, RoomId, RoomRef, RoomView};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::hub::{HostKey, Hub, HubCounters, HubOutput, IN_FLIGHT_MAX, ToHost, TooManyHosts};
use crate::clock::SharedClock;
use crate::core_client::{CallError, CoreClient};

/// Messages that may wait on a host's stream: its window, and room for pings.
const STREAM_WAITING_MAX: usize = IN_FLIGHT_MAX * 2;
/// Messages from hosts that may wait for the task; beyond, the host's stream is read no further.
const INPUTS_WAITING_MAX: usize = 4096;
/// Before the core is asked again for a snapshot when it was busy.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// From the hosts' streams to the hub.
#[derive(Debug)]
enum Input {
    Hello {
        host_id: String,
        answer: oneshot::Sender<Result<Watcher, TooManyHosts>>,
    },
    Ack {
        host: HostKey,
        room: RoomId,
        generation: Generation,
        seq: u64,
    },
    Pong {
        host: HostKey,
        nonce: u64,
    },
    Gone {
        host: HostKey,
    },
}

/// The hub from outside, for health and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubStatus {
    /// Events that no host has acked.
    pub unacked: usize,
    /// Attached hosts.
    pub hosts: usize,
    /// What happened so far.
    pub counters: HubCounters,
}

/// A handle to the hub's task.
#[derive(Debug, Clone)]
pub struct EventPump {
    inputs: mpsc::Sender<Input>,
    status: watch::Receiver<HubStatus>,
}

/// One host's place at the hub.
#[derive(Debug)]
pub struct Watcher {
    /// What to send; ends when the hub closes the stream.
    pub messages: mpsc::Receiver<ToHost>,
    /// What comes back.
    pub link: WatcherLink,
}

/// The way back from a host to the hub. Dropping it ends the host's place.
#[derive(Debug)]
pub struct WatcherLink {
    host: HostKey,
    inputs: mpsc::Sender<Input>,
}

impl EventPump {
    /// Starts the task on the current runtime. It ends when the core's lane or all handles are gone.
    pub fn spawn<C: CoreClient>(
        core: C,
        events: mpsc::Receiver<RoomEvent>,
        clock: SharedClock,
    ) -> Self {
        let (inputs, inputs_in) = mpsc::channel(INPUTS_WAITING_MAX);
        let (status_out, status) = watch::channel(HubStatus::default());
        let task = Task {
            hub: Hub::new(),
            core,
            clock,
            streams: BTreeMap::new(),
            weak_inputs: inputs.downgrade(),
            status: status_out,
        };
        tokio::spawn(task.run(events, inputs_in));
        Self { inputs, status }
    }

    /// Opens a host's place. `None`: the task is gone.
    pub async fn hello(&self, host_id: String) -> Option<Result<Watcher, TooManyHosts>> {
        let (answer, watcher) = oneshot::channel();
        self.inputs
            .send(Input::Hello { host_id, answer })
            .await
            .ok()?;
        watcher.await.ok()
    }

    /// As of the last change.
    #[must_use]
    pub fn status(&self) -> HubStatus {
        *self.status.borrow()
    }

    /// Returns when the task is gone. Nothing that happens at the hub wakes who waits for this.
    pub async fn gone(&self) {
        self.inputs.closed().await;
    }

    /// Waits until no event is unacked.
    pub async fn all_acked(&self) {
        let mut status = self.status.clone();
        // An error means that the task is gone: nobody will ack any more.
        let _ = status.wait_for(|status| status.unacked == 0).await;
    }
}

impl WatcherLink {
    /// Everything of the room up to `seq` is done.
    pub async fn ack(&self, room: RoomId, generation: Generation, seq: u64) {
        let host = self.host;
        let _ = self
            .inputs
            .send(Input::Ack {
                host,
                room,
                generation,
                seq,
            })
            .await;
    }

    /// The host answered a ping.
    pub async fn pong(&self, nonce: u64) {
        let _ = self
            .inputs
            .send(Input::Pong {
                host: self.host,
                nonce,
            })
            .await;
    }
}

impl Drop for WatcherLink {
    fn drop(&mut self) {
        let gone = Input::Gone { host: self.host };
        // A full queue: the missed ping ends the place 4 s later.
        let _ = self.inputs.try_send(gone);
    }
}

struct Task<C> {
    hub: Hub,
    core: C,
    clock: SharedClock,
    streams: BTreeMap<HostKey, mpsc::Sender<ToHost>>,
    weak_inputs: mpsc::WeakSender<Input>,
    status: watch::Sender<HubStatus>,
}

struct Asked {
    room: RoomId,
    ticket: u64,
    view: Option<RoomView>,
}

impl<C: CoreClient> Task<C> {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<RoomEvent>,
        mut inputs: mpsc::Receiver<Input>,
    ) {
        let mut asked = FuturesUnordered::new();
        loop {
            let timeout = self.hub.poll_timeout().map(Instant::from_std);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.hub.handle_event(event, now()),
                    None => return,
                },
                input = inputs.recv() => match input {
                    Some(input) => self.handle(input),
                    None => return,
                },
                Some(answer) = asked.next() => {
                    let Asked { room, ticket, view } = answer;
                    self.hub.handle_snapshot(&room, ticket, view, self.clock.unix_ms(), now());
                }
                () = wait(timeout) => self.hub.handle_timeout(now()),
            }
            while let Some(output) = self.hub.poll_output() {
                match output {
                    HubOutput::Send(host, message) => self.send(host, message),
                    HubOutput::Close(host, reason) => {
                        tracing::info!(?host, ?reason, "event stream closed");
                        self.streams.remove(&host);
                    }
                    HubOutput::NeedSnapshot(room, ticket) => {
                        asked.push(ask(self.core.clone(), room, ticket));
                    }
                }
            }
            let status = HubStatus {
                unacked: self.hub.unacked(),
                hosts: self.hub.hosts(),
                counters: self.hub.counters(),
            };
            self.status.send_if_modified(|old| {
                let changed = *old != status;
                *old = status;
                changed
            });
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Hello { host_id, answer } => {
                let Some(inputs) = self.weak_inputs.upgrade() else {
                    return;
                };
                let watcher = self.hub.handle_hello(&host_id, now()).map(|host| {
                    let (stream, messages) = mpsc::channel(STREAM_WAITING_MAX);
                    self.streams.insert(host, stream);
                    Watcher {
                        messages,
                        link: WatcherLink { host, inputs },
                    }
                });
                // Not taken: the watcher is dropped, and says Gone by that.
                let _ = answer.send(watcher);
            }
            Input::Ack {
                host,
                room,
                generation,
                seq,
            } => {
                self.hub.handle_ack(host, &room, generation, seq, now());
            }
            Input::Pong { host, nonce } => self.hub.handle_pong(host, nonce),
            Input::Gone { host } => {
                self.streams.remove(&host);
                self.hub.handle_gone(host, now());
            }
        }
    }

    fn send(&mut self, host: HostKey, message: ToHost) {
        let sent = self
            .streams
            .get(&host)
            .map(|stream| stream.try_send(message));
        if let Some(Err(_)) = sent {
            self.streams.remove(&host);
            self.hub.handle_blocked(host, now());
        }
    }
}

/// tokio's clock, which tests can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

async fn ask<C: CoreClient>(core: C, room: RoomId, ticket: u64) -> Asked {
    loop {
        let command = Command::GetRoom {
            room: RoomRef {
                room: room.clone(),
                generation: 0,
            },
        };
        let view = match core.command(command).await {
            Ok(Reply::Room { room, .. }) => Some(room),
            Err(CallError::Busy) => {
                sleep(ASK_AGAIN).await;
                continue;
            }
            Ok(_) | Err(_) => None,
        };
        return Asked { room, ticket, view };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::core_client::CoreHealth;
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    #[derive(Clone)]
    struct NoCore;

    impl CoreClient for NoCore {
        async fn command(&self, _: Command) -> Result<Reply, CallError> {
            Err(CallError::Gone)
        }

        fn health(&self) -> CoreHealth {
            CoreHealth::default()
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The process waits for it as long as it lives: woken by each event, it would cost as much as some of
    /// those do.
    #[tokio::test]
    async fn who_waits_for_the_end_is_woken_by_nothing_else() {
        let (events, events_out) = mpsc::channel(8);
        let pump = EventPump::spawn(NoCore, events_out, Arc::new(SystemClock));
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut gone = pin!(pump.gone());
        let mut poll = || gone.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(poll().is_pending());
        let watcher = pump.hello("host".into()).await;
        assert!(matches!(watcher, Some(Ok(_))));
        drop(watcher);
        let mut status = pump.status.clone();
        assert!(status.wait_for(|status| status.hosts == 0).await.is_ok());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
        drop(events);
        while status.changed().await.is_ok() {}
        assert!(poll().is_ready());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }
}
