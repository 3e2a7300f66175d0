//! Shards: OS threads that own each its UDP sockets, its core and its timers. A room lives on one of them
//! ([`placement`]); from outside they are one core ([`ShardSet`]).
//!
//! All have sockets on the same port, and the kernel gives each client's datagrams to one of them, which
//! need not be the one where its session lives: then it hands them on ([`neighbours`]), until the kernel is told
//! ([`signposts`]).
//!
//! Three lanes of each, with a stated capacity and loss contract:
//! - commands in: [`COMMANDS_WAITING_MAX`]; over it the caller gets [`CallError::Busy`], nothing is lost;
//! - events out: [`EVENTS_WAITING_MAX`]; the thread never waits for the reader. Over it events are
//!   dropped and counted and the shard is not ready; the event hub sees the gap and asks for a snapshot.
//!   Ends of rooms, which no snapshot could tell, are kept aside and sent later;
//! - counters out: absolute values once a second, the last one wins.
//!
//! And one of the recorder: what is recorded goes into its ring, which the thread never waits for either.
//! Between shards there are lossy lanes ([`lane`]): of datagrams, and of voices that another shard sends
//! ([`away`]).

mod addresses;
mod away;
mod lane;
mod neighbours;
mod net;
mod placement;
mod recording;
mod run;
mod set;
mod signposts;
mod sockets;
mod steer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use futures::stream::{FuturesUnordered, StreamExt as _};
use parley_core::api::{Command, CommandError, CoreConfig, NodeCounters, Reply, RoomEvent};
use tokio::sync::{mpsc, oneshot, watch};

pub use addresses::{ADDRESSES_MAX, MediaAddress, MediaAddressError, interface_addresses};
pub use recording::RecorderLink;
pub use set::ShardSet;
pub use sockets::{BindError, MediaSockets};

use crate::clock::SharedClock;
use crate::core_client::CallError;
use away::AwayLanes;
use lane::Bell;
use neighbours::Neighbours;
use placement::{Placement, Reservation};
use signposts::Signposts;

/// Shards of a process at most: each has a lane to each other one.
pub const SHARDS_MAX: usize = 32;
/// Commands that may wait for a thread.
pub const COMMANDS_WAITING_MAX: usize = 1024;
/// Events that may wait for the hub.
pub const EVENTS_WAITING_MAX: usize = 16 * 1024;

/// A command and where its reply goes.
pub(crate) struct Request {
    command: Command,
    reply: oneshot::Sender<Result<Reply, CommandError>>,
    /// What the core logs belongs to the caller's trace.
    span: tracing::Span,
    /// Dropped when the command was handled.
    reservation: Option<Reservation>,
}

/// Calls of the system that the thread made for datagrams, since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemCalls {
    /// `recvmmsg`.
    pub receive: u64,
    /// `sendmmsg`.
    pub send: u64,
    /// `epoll_wait`.
    pub poll: u64,
}

/// What the thread copies out once a second.
#[derive(Debug, Clone, Default)]
pub struct ShardReport {
    /// The core's counters.
    pub core: NodeCounters,
    /// Busy share over the last second, 0..1.
    pub load: f64,
    /// For syscalls per packet.
    pub calls: SystemCalls,
    /// Messages that carried several datagrams (GSO).
    pub runs_sent: u64,
    /// Such messages that the kernel refused.
    pub runs_refused: u64,
    /// Datagrams dropped by the shell, by cause: `send_blocked`, `send_error`, `send_unknown_source`,
    /// `handover_full`, `receive_error`, `receive_too_long`, `recording_full`.
    pub drops: std::collections::BTreeMap<&'static str, u64>,
    /// Datagrams that arrived here and were handed to another shard.
    pub handed_over: u64,
    /// Events that found the lane full.
    pub events_dropped: u64,
    /// The lane was full within the last second.
    pub events_blocked: bool,
}

impl ShardReport {
    /// Of all shards as of one; the load is that of the busiest.
    #[must_use]
    pub fn sum(shards: &[Self]) -> Self {
        let mut sum = Self::default();
        for report in shards {
            // All of them, so that none is forgotten.
            let Self {
                core,
                load,
                calls,
                runs_sent,
                runs_refused,
                drops,
                handed_over,
                events_dropped,
                events_blocked,
            } = report;
            sum.core.add(core);
            sum.load = sum.load.max(*load);
            sum.calls.receive += calls.receive;
            sum.calls.send += calls.send;
            sum.calls.poll += calls.poll;
            sum.runs_sent += runs_sent;
            sum.runs_refused += runs_refused;
            sum.handed_over += handed_over;
            sum.events_dropped += events_dropped;
            sum.events_blocked |= events_blocked;
            for (cause, count) in drops {
                *sum.drops.entry(cause).or_default() += count;
            }
        }
        sum
    }
}

/// The async side of one shard.
#[derive(Debug)]
pub(crate) struct ShardHandle {
    commands: SyncSender<Request>,
    bell: Arc<Bell>,
    report: watch::Receiver<ShardReport>,
    media_addresses: Arc<[SocketAddr]>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

/// Running shards.
#[derive(Debug)]
pub struct Shards {
    /// For the services. The threads end when the last clone is gone.
    pub set: ShardSet,
    /// Of all shards, in order per room.
    pub events: mpsc::Receiver<RoomEvent>,
    /// How the threads end.
    pub ended: Ended,
}

/// The ends of all threads.
#[derive(Debug)]
pub struct Ended(FuturesUnordered<oneshot::Receiver<()>>);

impl Ended {
    /// Returns when the first thread ended, or panicked: the process cannot be without it.
    pub async fn first(&mut self) {
        self.0.next().await;
    }
}

/// Starts a thread for each of `sockets`, which are of the same port. `config` is that of the first shard;
/// its `media_addresses` are replaced by what the sockets advertise. Without `recorders`, one for each
/// shard, nobody may start a recording.
///
/// # Errors
/// The system gives no thread or poll, or there are no sockets, or more than [`SHARDS_MAX`].
pub fn spawn(
    mut config: CoreConfig,
    sockets: Vec<MediaSockets>,
    clock: &SharedClock,
    recorders: Vec<RecorderLink>,
) -> std::io::Result<Shards> {
    let count = sockets.len();
    let media_addresses = match sockets.first() {
        Some(first) if count <= SHARDS_MAX => first.advertised(),
        _ => return Err(std::io::Error::other("too few or too many shards")),
    };
    config.media_addresses.clone_from(&media_addresses);
    let media_addresses: Arc<[SocketAddr]> = media_addresses.into();
    let placement = Placement::new(count, config.limits.rooms_max);
    let (events_out, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let mut polls = Vec::new();
    for _ in 0..count {
        let poll = mio::Poll::new()?;
        let bell = Arc::new(Bell::new(mio::Waker::new(poll.registry(), run::WAKE)?));
        polls.push((poll, bell));
    }
    let bells: Vec<Arc<Bell>> = polls.iter().map(|(_, bell)| bell.clone()).collect();
    let neighbours = Neighbours::mesh(&bells);
    let away = AwayLanes::mesh(&bells);
    let signposts = Arc::new(Signposts::default());
    let mut recorders = recorders.into_iter();
    let mut handles = Vec::new();
    let ends = FuturesUnordered::new();
    let parts = sockets.into_iter().zip(polls).zip(neighbours).zip(away);
    for (shard, (((sockets, (poll, bell)), neighbours), away)) in parts.enumerate() {
        let (commands, commands_in) = sync_channel(COMMANDS_WAITING_MAX);
        let (report_out, report) = watch::channel(ShardReport::default());
        let mut config = config.clone();
        config.shard += shard as u8;
        let lanes = run::Lanes {
            commands: commands_in,
            events: events_out.clone(),
            report: report_out,
            bell: bell.clone(),
            neighbours,
            away,
            placement: placement.clone(),
            signposts: signposts.clone(),
        };
        let clock = clock.clone();
        let worker =
            run::Worker::new(shard, config, sockets, clock, poll, lanes, recorders.next())?;
        ends.push(start(shard, worker)?);
        handles.push(ShardHandle {
            commands,
            bell,
            report,
            media_addresses: media_addresses.clone(),
        });
    }
    Ok(Shards {
        set: ShardSet::new(handles, placement),
        events,
        ended: Ended(ends),
    })
}

/// Starts a thread; resolves when it ended, to an error when it panicked.
fn start(shard: usize, mut worker: run::Worker) -> std::io::Result<oneshot::Receiver<()>> {
    let (ended_out, ended) = oneshot::channel();
    // A bench finds the threads by their names.
    std::thread::Builder::new()
        .name(format!("shard-{shard}"))
        .spawn(move || {
            // A panic unwinds past this send: the receiver then sees the sender dropped.
            worker.run();
            let _ = ended_out.send(());
        })?;
    Ok(ended)
}

impl ShardHandle {
    /// The last report.
    fn report(&self) -> ShardReport {
        self.report.borrow().clone()
    }

    fn counters(&self) -> NodeCounters {
        self.report.borrow().core.clone()
    }

    fn load(&self) -> f64 {
        self.report.borrow().load
    }

    fn is_ready(&self) -> bool {
        !self.report.borrow().events_blocked && self.report.has_changed().is_ok()
    }

    /// Runs a command on this shard.
    async fn send(
        &self,
        command: Command,
        reservation: Option<Reservation>,
    ) -> Result<Reply, CallError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            command,
            reply,
            span: tracing::Span::current(),
            reservation,
        };
        match self.commands.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(CallError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(CallError::Gone),
        }
        if self.bell.wake().is_err() {
            return Err(CallError::Gone);
        }
        match answer.await {
            Ok(result) => result.map_err(CallError::Refused),
            Err(_) => Err(CallError::Gone),
        }
    }
}
