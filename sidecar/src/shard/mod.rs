//! A shard: one OS thread that owns the UDP sockets and the core.
//!
//! Three lanes of ours, each with a stated capacity and loss contract:
//! - commands in: [`COMMANDS_WAITING_MAX`]; over it the caller gets [`CallError::Busy`], nothing is lost;
//! - events out: [`EVENTS_WAITING_MAX`]; the thread never waits for the reader. Over it events are
//!   dropped and counted and the shard is not ready; the event hub sees the gap and asks for a snapshot.
//!   Ends of rooms, which no snapshot could tell, are kept aside and sent later;
//! - counters out: absolute values once a second, the last one wins.
//!
//! And one of the recorder: what is recorded goes into its ring, which the thread never waits for either.

mod addresses;
// Until rooms are on several shards.
#[allow(dead_code)]
mod lane;
mod net;
mod recording;
mod run;
mod sockets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parley_core::api::{Command, CommandError, CoreConfig, NodeCounters, Reply, RoomEvent};
use tokio::sync::{mpsc, oneshot, watch};

pub use addresses::{ADDRESSES_MAX, MediaAddress, MediaAddressError, interface_addresses};
pub use recording::RecorderLink;
pub use sockets::{BindError, MediaSockets};

use crate::clock::SharedClock;
use crate::core_client::{CallError, CoreClient, CoreHealth};

/// Commands that may wait for the thread.
pub const COMMANDS_WAITING_MAX: usize = 1024;
/// Events that may wait for the hub.
pub const EVENTS_WAITING_MAX: usize = 16 * 1024;

/// A command and where its reply goes.
pub(crate) struct Request {
    command: Command,
    reply: oneshot::Sender<Result<Reply, CommandError>>,
    /// What the core logs belongs to the caller's trace.
    span: tracing::Span,
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
    /// `receive_error`, `receive_too_long`, `recording_full`.
    pub drops: std::collections::BTreeMap<&'static str, u64>,
    /// Events that found the lane full.
    pub events_dropped: u64,
    /// The lane was full within the last second.
    pub events_blocked: bool,
}

/// The async side of a shard.
#[derive(Debug, Clone)]
pub struct ShardHandle {
    commands: SyncSender<Request>,
    waker: Arc<mio::Waker>,
    report: watch::Receiver<ShardReport>,
    media_addresses: Arc<[SocketAddr]>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request")
    }
}

/// A running shard.
#[derive(Debug)]
pub struct Shard {
    /// For the services.
    pub handle: ShardHandle,
    /// Its events, in order per room.
    pub events: mpsc::Receiver<RoomEvent>,
    /// Resolves when the thread ended: `Err` when it panicked.
    pub ended: oneshot::Receiver<()>,
    /// The thread. Ends when the last handle is gone.
    pub thread: JoinHandle<()>,
}

/// Starts the thread. `config.media_addresses` is replaced by what `sockets` advertise. Without a
/// `recorder` nobody may start a recording.
pub fn spawn(
    mut config: CoreConfig,
    sockets: MediaSockets,
    clock: SharedClock,
    recorder: Option<RecorderLink>,
) -> std::io::Result<Shard> {
    let media_addresses = sockets.advertised();
    config.media_addresses.clone_from(&media_addresses);
    let (commands, commands_in) = sync_channel(COMMANDS_WAITING_MAX);
    let (events_out, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let (report_out, report) = watch::channel(ShardReport::default());
    let (ended_out, ended) = oneshot::channel();
    let poll = mio::Poll::new()?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), run::WAKE)?);
    let mut worker = run::Worker::new(
        config,
        sockets,
        clock,
        poll,
        run::Lanes {
            commands: commands_in,
            events: events_out,
            report: report_out,
        },
        recorder,
    )?;
    let thread = std::thread::Builder::new()
        .name("shard-0".to_owned())
        .spawn(move || {
            // A panic unwinds past this send: the receiver then sees the sender dropped.
            worker.run();
            let _ = ended_out.send(());
        })?;
    Ok(Shard {
        handle: ShardHandle {
            commands,
            waker,
            report,
            media_addresses: media_addresses.into(),
        },
        events,
        ended,
        thread,
    })
}

impl ShardHandle {
    /// The last report.
    #[must_use]
    pub fn report(&self) -> ShardReport {
        self.report.borrow().clone()
    }
}

impl CoreClient for ShardHandle {
    async fn command(&self, command: Command) -> Result<Reply, CallError> {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            command,
            reply,
            span: tracing::Span::current(),
        };
        match self.commands.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(CallError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(CallError::Gone),
        }
        if self.waker.wake().is_err() {
            return Err(CallError::Gone);
        }
        match answer.await {
            Ok(result) => result.map_err(CallError::Refused),
            Err(_) => Err(CallError::Gone),
        }
    }

    fn health(&self) -> CoreHealth {
        let report = self.report.borrow();
        CoreHealth {
            ready: !report.events_blocked && self.report.has_changed().is_ok(),
            load: report.load,
            media_addresses: self.media_addresses.to_vec(),
            counters: report.core.clone(),
        }
    }
}
