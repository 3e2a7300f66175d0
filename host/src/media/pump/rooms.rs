//! The rooms of one event stream: each is handled by a task of its own, in order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parley_proto::v1::{Ack, Event, WatchRequest, watch_request};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{CancelledOr as _, EventHandler, NotHandled, PumpCounters};
use crate::sabotage::Fault;
use crate::trace::{self, TraceId};

/// Events of one room that wait here. The sidecar keeps at most 1024 unacked ones per room and sends a
/// snapshot instead of more, so a room that is over it does not keep to the protocol.
const ROOM_QUEUE_MAX: usize = 2048;
/// Rooms in one stream; far above what one sidecar opens.
const ROOMS_MAX: usize = 20_000;
/// A room's task ends when nothing came for this long.
const ROOM_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long handling may go on after its stream ended.
const FINISH_GRACE: Duration = Duration::from_millis(500);

/// First pause before an event is delivered again; doubled each time.
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Tries of an event that the guest breaks over.
const BROKEN_TRIES_MAX: u32 = 3;
/// Tries of an event that the guest wants later: with the pauses above about two minutes, longer than a
/// platform's restart.
const LATER_TRIES_MAX: u32 = 64;

/// What a room's task needs.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) handler: Arc<dyn EventHandler>,
    pub(super) counters: Arc<PumpCounters>,
    pub(super) answers: mpsc::Sender<WatchRequest>,
    pub(super) ended: CancellationToken,
}

/// The rooms of one stream.
pub(super) struct Rooms {
    delivery: Delivery,
    queues: HashMap<String, mpsc::Sender<Box<Event>>>,
    tasks: JoinSet<()>,
}

/// The sidecar sent more than the protocol allows.
#[derive(Debug, thiserror::Error)]
#[error("the sidecar sends more than the protocol allows: {0}")]
pub(super) struct TooMuch(&'static str);

impl Rooms {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            queues: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Puts an event behind the others of its room.
    pub(super) fn accept(&mut self, event: Event) -> Result<(), TooMuch> {
        while self.tasks.try_join_next().is_some() {}
        let mut event = Box::new(event);
        if let Some(queue) = self.queues.get(&event.room_id) {
            event = match queue.try_send(event) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(TooMuch("events of one room")),
                // Its task ended because nothing came for long.
                Err(TrySendError::Closed(event)) => event,
            };
        }
        if self.queues.len() >= ROOMS_MAX {
            self.queues.retain(|_, queue| !queue.is_closed());
            if self.queues.len() >= ROOMS_MAX {
                return Err(TooMuch("rooms"));
            }
        }
        let (queue, events) = mpsc::channel(ROOM_QUEUE_MAX);
        let room_id = event.room_id.clone();
        // A fresh queue has room for one.
        let _ = queue.try_send(event);
        self.queues.insert(room_id, queue);
        self.tasks.spawn(serve_room(self.delivery.clone(), events));
        Ok(())
    }

    /// Returns when no handling runs any more, so that the next stream's do not overlap with them. One that
    /// takes long is dropped: its event was not acked and comes again.
    pub(super) async fn finish(mut self) {
        self.delivery.ended.cancel();
        self.queues.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_GRACE, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

async fn serve_room(delivery: Delivery, mut events: mpsc::Receiver<Box<Event>>) {
    loop {
        let next = tokio::select! {
            () = delivery.ended.cancelled() => return,
            next = tokio::time::timeout(ROOM_IDLE_MAX, events.recv()) => next,
        };
        let event = match next {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(_) => {
                // Close first, then look again: what slipped in is handled, what comes later finds the
                // queue closed.
                events.close();
                match events.recv().await {
                    Some(event) => event,
                    None => return,
                }
            }
        };
        if !delivery.deliver(&event).await {
            return;
        }
    }
}

impl Delivery {
    /// Delivers until it is handled or given up. False: the stream ended before.
    async fn deliver(&self, event: &Event) -> bool {
        let trace = TraceId::random();
        let span = tracing::info_span!(
            "media_event", %trace, room = event.room_id, generation = event.generation,
            seq = event.seq
        );
        let done = trace::scope(trace, self.deliver_traced(event))
            .instrument(span)
            .await;
        done && self.ack(event).await
    }

    async fn deliver_traced(&self, event: &Event) -> bool {
        if Fault::AckBeforeHandling.is_on() && !self.ack(event).await {
            return false;
        }
        let mut pause = RETRY_PAUSE_FIRST;
        for tries in 1.. {
            let (error, tries_max) = match self.handler.media_event(event).await {
                Ok(()) => {
                    self.counters.handled.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
                Err(error @ NotHandled::Broken(_)) => (error, BROKEN_TRIES_MAX),
                Err(error @ NotHandled::Later(_)) => (error, LATER_TRIES_MAX),
            };
            if tries >= tries_max {
                tracing::error!(%error, tries, "event given up");
                self.counters.poisoned.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            tracing::warn!(%error, tries, "event not handled, will be repeated");
            self.counters.retried.fetch_add(1, Ordering::Relaxed);
            self.ended.cancelled_or(pause).await;
            if self.ended.is_cancelled() {
                return false;
            }
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
        unreachable!("the loop above has no end but its returns")
    }

    async fn ack(&self, event: &Event) -> bool {
        let ack = Ack {
            room_id: event.room_id.clone(),
            generation: event.generation,
            seq: event.seq,
        };
        let message = WatchRequest {
            message: Some(watch_request::Message::Ack(ack)),
        };
        self.answers.send(message).await.is_ok()
    }
}
