//! The thread's loop. Priorities within a tick: commands, what other shards handed over, datagrams, timers,
//! recordings, lanes, flush.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use parley_core::Core;
use parley_core::api::{CoreConfig, EventKind, Now, Output, RoomEvent, TupleNews};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::away::AwayLanes;
use super::lane::Bell;
use super::neighbours::{Neighbours, Passed};
use super::net::{Offload, ReceiveBatch, SendQueue};
use super::placement::Placement;
use super::recording::{RecorderLink, Recordings};
use super::signposts::Signposts;
use super::sockets::MediaSockets;
use super::{Request, ShardReport, SystemCalls};
use crate::clock::SharedClock;

/// Wakes the thread for commands.
pub(super) const WAKE: Token = Token(usize::MAX);
/// Commands per tick.
const COMMANDS_PER_TICK: usize = 64;
/// Batches of datagrams per tick and socket, so that commands and timers get their turn in a flood. The
/// core is drained after each: under load several packets for the same listener leave in one go, which
/// costs the core a third less; when idle each leaves at once.
const BATCHES_PER_TICK: usize = 16;
/// Ticks without asking which sockets became readable, while one is.
const TICKS_PER_POLL: u32 = 4;
/// Entries per tick from each other shard, for the same reason.
const HANDED_OVER_PER_TICK: usize = 256;
/// Between two reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Ends of rooms kept aside while the event lane is full.
const ENDS_KEPT_MAX: usize = 4096;

/// The thread's ends of the lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) commands: Receiver<Request>,
    pub(super) events: mpsc::Sender<RoomEvent>,
    pub(super) report: watch::Sender<ShardReport>,
    /// Wakes this thread.
    pub(super) bell: Arc<Bell>,
    pub(super) neighbours: Neighbours,
    pub(super) away: AwayLanes,
    /// Is told of rooms and sessions that come and go.
    pub(super) placement: Placement,
    pub(super) signposts: Arc<Signposts>,
}

/// What the thread owns.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its number.
    shard: usize,
    core: Core,
    sockets: MediaSockets,
    /// By socket: there may be more to read.
    readable: Vec<bool>,
    received: ReceiveBatch,
    queue: SendQueue,
    clock: SharedClock,
    poll: Poll,
    lanes: Lanes,
    recordings: Option<Recordings>,
    /// Ends of rooms that found the lane full.
    ends_kept: VecDeque<RoomEvent>,
    /// Off but in a test.
    panics_on_command: bool,
    /// The budget ended before the commands did.
    commands_left: bool,
    /// The budget ended before what other shards handed over did.
    handed_over_left: bool,
    /// ... and before what they ordered did.
    orders_left: bool,
    /// Ticks since the last poll.
    unpolled: u32,
    wake_at: Instant,
    report_at: Instant,
    busy: Duration,
    report: ShardReport,
    receive_errors: u64,
    polls: u64,
    /// Datagrams that were another shard's.
    handed_over: u64,
    /// Datagrams from a source that the core named but no socket stands for.
    unknown_sources: u64,
}

impl Worker {
    pub(super) fn new(
        shard: usize,
        config: CoreConfig,
        mut sockets: MediaSockets,
        clock: SharedClock,
        poll: Poll,
        lanes: Lanes,
        recorder: Option<RecorderLink>,
    ) -> io::Result<Self> {
        for (index, media) in sockets.sockets.iter_mut().enumerate() {
            poll.registry()
                .register(&mut media.socket, Token(index), Interest::READABLE)?;
        }
        let offload = Offload::probe();
        tracing::info!(?offload, "media sockets");
        let instant = Instant::now();
        let now = Now {
            instant,
            wall_ms: clock.unix_ms(),
        };
        let mut core = Core::new(config, now);
        #[cfg(feature = "sabotage")]
        if let Some(fault) = crate::sabotage::named().and_then(|named| named.parse().ok()) {
            core.sabotage(fault);
        }
        // A user fragment names no more shards than its octet.
        core.spread_over(u8::try_from(lanes.neighbours.shards()).unwrap_or(u8::MAX));
        Ok(Self {
            shard,
            core,
            readable: vec![true; sockets.sockets.len()],
            received: ReceiveBatch::new(),
            queue: SendQueue::new(sockets.sockets.len(), offload),
            sockets,
            clock,
            poll,
            lanes,
            recordings: recorder.map(Recordings::new),
            ends_kept: VecDeque::new(),
            panics_on_command: crate::sabotage::is_active("shard_panic"),
            commands_left: false,
            handed_over_left: false,
            orders_left: false,
            unpolled: 0,
            wake_at: instant,
            report_at: instant,
            busy: Duration::ZERO,
            report: ShardReport::default(),
            receive_errors: 0,
            polls: 0,
            handed_over: 0,
            unknown_sources: 0,
        })
    }

    /// Runs until the last handle is gone.
    pub(super) fn run(&mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            self.wait(&mut events);
            let started = Instant::now();
            if !self.commands() {
                return;
            }
            self.handed_over();
            self.orders();
            self.datagrams();
            self.timers();
            self.recordings();
            // First: where a client's datagrams arrive, its next one, which our answer brings about, must
            // be known.
            self.tell_neighbours();
            self.flush();
            self.keep_ends_moving();
            self.busy += started.elapsed();
            self.report();
        }
    }

    fn now(&self) -> Now {
        Now {
            instant: Instant::now(),
            wall_ms: self.clock.unix_ms(),
        }
    }

    fn wait(&mut self, events: &mut Events) {
        let left = self.commands_left || self.handed_over_left || self.orders_left;
        let busy = left || self.readable.contains(&true);
        if busy && self.unpolled < TICKS_PER_POLL {
            self.unpolled += 1;
            return;
        }
        self.unpolled = 0;
        self.polls += 1;
        let timeout = if busy {
            Duration::ZERO
        } else {
            let recordings = self.recordings.as_ref().and_then(Recordings::wake_at);
            let next = self.wake_at.min(self.report_at);
            let next = recordings.map_or(next, |at| at.min(next));
            // Who pushes something from here on wakes us; what was pushed before is seen.
            self.lanes.bell.doze();
            if self.lanes.neighbours.wait() || self.lanes.away.wait() {
                Duration::ZERO
            } else {
                // epoll counts whole milliseconds: mio rounds up, so a timer is never early in a busy loop.
                next.saturating_duration_since(Instant::now())
            }
        };
        let polled = self.poll.poll(events, Some(timeout));
        self.lanes.bell.rise();
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The poll descriptor is ours and open: anything else is a bug, and the process restarts.
            Err(error) => panic!("poll failed: {error}"),
        }
        for event in events.iter() {
            if let Some(readable) = self.readable.get_mut(event.token().0) {
                *readable = true;
            }
        }
    }

    /// False when all handles are gone.
    fn commands(&mut self) -> bool {
        self.commands_left = false;
        for _ in 0..COMMANDS_PER_TICK {
            match self.lanes.commands.try_recv() {
                Ok(Request {
                    command,
                    reply,
                    span,
                    reservation,
                }) => {
                    // A bug on purpose: the process must end by it, and say so by its exit code.
                    assert!(!self.panics_on_command, "sabotage");
                    let now = self.now();
                    let result = span.in_scope(|| {
                        let result = self.core.handle_command(command, now);
                        self.drain();
                        result
                    });
                    drop(reservation);
                    // The caller may have gone away meanwhile.
                    let _ = reply.send(result);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        // More may wait, and the waker's event is spent.
        self.commands_left = true;
        true
    }

    fn datagrams(&mut self) {
        for index in 0..self.sockets.sockets.len() {
            for _ in 0..BATCHES_PER_TICK {
                if !self.readable[index] {
                    break;
                }
                let media = &self.sockets.sockets[index];
                match self.received.receive(&media.socket) {
                    Ok(more) => self.readable[index] = more,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.readable[index] = false;
                    }
                    // An ICMP error of something sent earlier; the socket goes on.
                    Err(_) => self.receive_errors += 1,
                }
                let (local, now) = (media.advertised, self.now());
                // One alone is waited for in any case.
                if self.received.len() > 1 {
                    let senders = self.received.datagrams().map(|(from, _)| from);
                    self.core.expect(local, senders);
                }
                for (from, datagram) in self.received.datagrams() {
                    if let Some(to) = self.core.handle_datagram(local, from, datagram, now) {
                        self.handed_over += 1;
                        let neighbours = &mut self.lanes.neighbours;
                        neighbours.hand_over(to, local, from, datagram);
                    }
                }
                self.drain();
            }
        }
    }

    /// Takes what other shards have for this one.
    fn handed_over(&mut self) {
        self.handed_over_left = false;
        let now = self.now();
        for from in 0..self.lanes.neighbours.shards() {
            let Self { core, lanes, .. } = self;
            let via = from as u8;
            let mut take = || {
                lanes
                    .neighbours
                    .take(from, |passed, datagram| match passed {
                        Passed::Datagram { local, remote } => {
                            core.handle_handed_over(via, local, remote, datagram, now);
                        }
                        Passed::News {
                            local,
                            remote,
                            is_theirs,
                        } => {
                            let said = TupleNews {
                                shard: via,
                                local,
                                remote,
                                is_theirs,
                            };
                            core.handle_tuple_news(said, now);
                        }
                    })
            };
            let taken = (0..HANDED_OVER_PER_TICK).take_while(|_| take()).count();
            self.handed_over_left |= taken == HANDED_OVER_PER_TICK;
            if taken > 0 {
                self.drain();
            }
        }
    }

    /// Encrypts and sends voices of other shards' rooms.
    fn orders(&mut self) {
        let now = self.now();
        let Self { core, lanes, .. } = self;
        let away = &mut lanes.away;
        let mut taken = false;
        self.orders_left = away.take(|from, batch| {
            taken = true;
            core.handle_orders(from, batch, now);
        });
        away.exchange(core, self.report.load, now.instant);
        if taken {
            self.drain();
        }
    }

    /// Sends away what other shards are to be told and what is theirs.
    fn tell_neighbours(&mut self) {
        while let Some(news) = self.core.poll_tuple_news() {
            self.lanes.signposts.note(self.shard as u8, &news);
            self.lanes.neighbours.tell(news);
        }
        self.lanes.neighbours.flush();
    }

    fn timers(&mut self) {
        if Instant::now() >= self.wake_at {
            let now = self.now();
            self.core.handle_timeout(now);
            self.drain();
        }
    }

    /// Tells the rooms what became of what they recorded.
    fn recordings(&mut self) {
        if self.recordings.is_none() {
            return;
        }
        let news = |recordings: &mut Option<Recordings>, now| recordings.as_mut()?.poll(now);
        let now = self.now();
        while let Some(command) = news(&mut self.recordings, now.instant) {
            // Answers Done, whatever the room has become.
            let _ = self.core.handle_command(command, now);
            self.drain();
        }
    }

    fn flush(&mut self) {
        let sockets = &self.sockets.sockets;
        self.queue.flush(sockets.iter().map(|media| &media.socket));
    }

    /// Empties the core's output.
    fn drain(&mut self) {
        loop {
            match self.core.poll_output() {
                Output::Transmit {
                    source,
                    destination,
                    payload,
                } => match self.sockets.index_of(source) {
                    Some(socket) => {
                        if self.queue.push(socket, destination, payload) {
                            let sockets = &self.sockets.sockets;
                            self.queue.flush(sockets.iter().map(|media| &media.socket));
                        }
                    }
                    None => self.unknown_sources += 1,
                },
                Output::Event(event) => {
                    self.lanes.placement.handle_event(self.shard, &event);
                    send_event(
                        &self.lanes.events,
                        *event,
                        &mut self.ends_kept,
                        &mut self.report,
                    );
                }
                Output::Record { key, entry } => {
                    if let Some(recordings) = &mut self.recordings {
                        recordings.push(key, &entry);
                    }
                }
                Output::Orders { shard, batch } => {
                    if !self.lanes.away.push(shard, &batch) {
                        self.core.refuse_orders();
                    }
                }
                Output::Timeout(at) => {
                    self.wake_at = at;
                    // Before this shard sends its own share: they can do theirs meanwhile.
                    self.lanes.away.flush();
                    return;
                }
            }
        }
    }

    fn keep_ends_moving(&mut self) {
        while let Some(event) = self.ends_kept.pop_front() {
            if let Err(TrySendError::Full(event)) = self.lanes.events.try_send(event) {
                self.ends_kept.push_front(event);
                return;
            }
        }
    }

    fn report(&mut self) {
        let now = Instant::now();
        if now < self.report_at {
            return;
        }
        let late = now - self.report_at;
        self.report_at = now + REPORT_EVERY;
        // One for all.
        if self.shard == 0 {
            self.lanes.signposts.renew(&self.sockets);
        }
        self.report.core = self.core.counters();
        self.report.load = (self.busy.as_secs_f64() / (REPORT_EVERY + late).as_secs_f64()).min(1.0);
        self.busy = Duration::ZERO;
        let drops = &mut self.report.drops;
        let (sent, received) = (self.queue.counts, self.received.counts);
        drops.insert("send_blocked", sent.blocked);
        drops.insert("send_error", sent.failed);
        drops.insert("send_unknown_source", self.unknown_sources);
        drops.insert("receive_error", self.receive_errors);
        drops.insert("receive_too_long", received.too_long);
        self.report.calls = SystemCalls {
            receive: received.calls,
            send: sent.calls,
            poll: self.polls,
        };
        self.report.runs_sent = sent.runs;
        self.report.runs_refused = sent.runs_refused;
        drops.insert("handover_full", self.lanes.neighbours.full());
        self.report.handed_over = self.handed_over;
        let recordings = self.recordings.as_ref();
        let full = recordings.map_or(0, |recordings| recordings.dropped);
        drops.insert("recording_full", full);
        self.lanes.report.send_replace(self.report.clone());
        self.report.events_blocked = !self.ends_kept.is_empty();
    }
}

fn send_event(
    lane: &mpsc::Sender<RoomEvent>,
    event: RoomEvent,
    ends_kept: &mut VecDeque<RoomEvent>,
    report: &mut ShardReport,
) {
    // Behind a kept end nothing may overtake: the order per room is promised.
    let sent = if ends_kept.is_empty() {
        lane.try_send(event)
    } else {
        Err(TrySendError::Full(event))
    };
    match sent {
        // Closed: the process is ending.
        Ok(()) | Err(TrySendError::Closed(_)) => {}
        Err(TrySendError::Full(event)) => {
            report.events_blocked = true;
            let is_end = matches!(event.kind, EventKind::RoomEnded { .. });
            if is_end && ends_kept.len() < ENDS_KEPT_MAX {
                ends_kept.push_back(event);
            } else {
                report.events_dropped += 1;
            }
        }
    }
}
