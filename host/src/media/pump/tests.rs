//! The pump against an event service in the same process.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parley_proto::v1::events_server::{Events, EventsServer};
use parley_proto::v1::{
    Ack, Event, Ping, WatchRequest, WatchResponse, watch_request, watch_response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{EventHandler, HandlerFuture, NotHandled, Pump, PumpCounters};
use crate::media::{Connection, FixedLink};
use crate::testing::FakePlatform;

/// Long enough for a busy machine; tests end as soon as what they wait for is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// One stream as the service sees it.
struct Stream {
    hello: String,
    say: mpsc::UnboundedSender<Result<WatchResponse, Status>>,
    hear: Streaming<WatchRequest>,
}

impl Stream {
    fn event(&self, room: &str, seq: u64) {
        let event = Event {
            room_id: room.to_owned(),
            generation: 1,
            seq,
            ..Event::default()
        };
        self.send(watch_response::Message::Event(event));
    }

    fn send(&self, message: watch_response::Message) {
        self.say
            .send(Ok(WatchResponse {
                message: Some(message),
            }))
            .unwrap();
    }

    async fn heard(&mut self) -> watch_request::Message {
        let heard = tokio::time::timeout(PATIENCE, self.hear.message()).await;
        heard.expect("in time").unwrap().unwrap().message.unwrap()
    }

    async fn ack(&mut self) -> (String, u64) {
        match self.heard().await {
            watch_request::Message::Ack(Ack { room_id, seq, .. }) => (room_id, seq),
            other => panic!("{other:?}"),
        }
    }

    async fn hears_nothing_for(&mut self, time: Duration) {
        let heard = tokio::time::timeout(time, self.hear.message()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

/// Hands every stream to the test.
struct Service(mpsc::UnboundedSender<Stream>);

#[tonic::async_trait]
impl Events for Service {
    type WatchStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut hear = request.into_inner();
        let streams = self.0.clone();
        let (say, said) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let Ok(Some(first)) = hear.message().await else {
                return;
            };
            let Some(watch_request::Message::Hello(hello)) = first.message else {
                return;
            };
            let _ = streams.send(Stream {
                hello: hello.host_id,
                say,
                hear,
            });
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(said))))
    }
}

/// Notes what it is given; fails as often as told.
#[derive(Default)]
struct Notes {
    handled: Mutex<Vec<(String, u64)>>,
    restarts: Mutex<Vec<String>>,
    failures: Mutex<BTreeMap<u64, (u32, Option<NotHandled>)>>,
    slow_room: Mutex<Option<String>>,
}

impl Notes {
    fn fail(&self, seq: u64, times: u32, error: NotHandled) {
        self.failures
            .lock()
            .unwrap()
            .insert(seq, (times, Some(error)));
    }

    fn handled(&self) -> Vec<(String, u64)> {
        self.handled.lock().unwrap().clone()
    }
}

impl EventHandler for Notes {
    fn media_event<'a>(&'a self, event: &'a Event) -> HandlerFuture<'a> {
        Box::pin(async move {
            let slow = self.slow_room.lock().unwrap().as_deref() == Some(&*event.room_id);
            if slow {
                tokio::time::sleep(PATIENCE * 10).await;
            }
            if let Some((times, error)) = self.failures.lock().unwrap().get_mut(&event.seq)
                && *times > 0
            {
                *times -= 1;
                return Err(error.clone().unwrap());
            }
            self.handled
                .lock()
                .unwrap()
                .push((event.room_id.clone(), event.seq));
            Ok(())
        })
    }

    fn media_restart<'a>(&'a self, start_id: &'a str) -> HandlerFuture<'a> {
        self.restarts.lock().unwrap().push(start_id.to_owned());
        Box::pin(async { Ok(()) })
    }

    fn tick(&self) -> HandlerFuture<'_> {
        Box::pin(async { Ok(()) })
    }
}

struct Fixture {
    notes: Arc<Notes>,
    counters: Arc<PumpCounters>,
    platform: Arc<FakePlatform>,
    link: FixedLink,
    streams: mpsc::UnboundedReceiver<Stream>,
    service: EventsServer<Service>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Fixture {
    fn new() -> Self {
        Self::on(Arc::new(FakePlatform::default()))
    }

    fn on(platform: Arc<FakePlatform>) -> Self {
        let (streams_in, streams) = mpsc::unbounded_channel();
        let service = EventsServer::new(Service(streams_in));
        let link = FixedLink::new(Some(Connection::new(service.clone(), "start-1")));
        let (notes, counters) = (Arc::<Notes>::default(), Arc::<PumpCounters>::default());
        let stop = CancellationToken::new();
        let pump = Pump {
            host_id: "host".to_owned(),
            link: Arc::new(link.clone()),
            platform: Arc::clone(&platform) as _,
            handler: Arc::clone(&notes) as _,
            counters: Arc::clone(&counters),
        };
        let running = tokio::spawn(pump.run(stop.clone()));
        Self {
            notes,
            counters,
            platform,
            link,
            streams,
            service,
            stop,
            running,
        }
    }

    async fn stream(&mut self) -> Stream {
        tokio::time::timeout(PATIENCE, self.streams.recv())
            .await
            .expect("in time")
            .unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.running)
            .await
            .expect("in time")
            .unwrap();
    }

    /// Waits until some handling is to be repeated.
    async fn retried(&self) {
        let retried = async {
            while self.count(|c| &c.retried) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, retried)
            .await
            .expect("a failed handling");
    }

    fn count(&self, counter: fn(&PumpCounters) -> &std::sync::atomic::AtomicU64) -> u64 {
        counter(&self.counters).load(std::sync::atomic::Ordering::Relaxed)
    }
}

fn room(room: &str, seq: u64) -> (String, u64) {
    (room.to_owned(), seq)
}

#[tokio::test]
async fn events_of_a_room_are_handled_and_acked_in_order() {
    let mut fixture = Fixture::new();
    let mut stream = fixture.stream().await;
    assert_eq!(stream.hello, "host");
    for seq in 1..=100 {
        stream.event("a", seq);
    }
    for seq in 1..=100 {
        assert_eq!(stream.ack().await, room("a", seq));
    }
    let expected: Vec<_> = (1..=100).map(|seq| room("a", seq)).collect();
    assert_eq!(fixture.notes.handled(), expected);
    fixture.stop().await;
}

#[tokio::test]
async fn a_slow_room_does_not_hold_up_another() {
    let mut fixture = Fixture::new();
    *fixture.notes.slow_room.lock().unwrap() = Some("slow".to_owned());
    let mut stream = fixture.stream().await;
    stream.event("slow", 1);
    stream.event("b", 1);
    assert_eq!(stream.ack().await, room("b", 1));
}

#[tokio::test]
async fn a_ping_is_answered_while_a_room_is_busy() {
    let mut fixture = Fixture::new();
    *fixture.notes.slow_room.lock().unwrap() = Some("slow".to_owned());
    let mut stream = fixture.stream().await;
    stream.event("slow", 1);
    stream.send(watch_response::Message::Ping(Ping { nonce: 7 }));
    let watch_request::Message::Pong(pong) = stream.heard().await else {
        panic!("no pong")
    };
    assert_eq!(pong.nonce, 7);
}

#[tokio::test]
async fn nothing_is_acked_before_it_is_handled() {
    let mut fixture = Fixture::new();
    fixture
        .notes
        .fail(1, 4, NotHandled::Later("not now".to_owned()));
    let mut stream = fixture.stream().await;
    stream.event("a", 1);
    stream.event("a", 2);
    stream.hears_nothing_for(Duration::from_millis(300)).await;
    assert_eq!(fixture.notes.handled(), []);
    assert_eq!(stream.ack().await, room("a", 1));
    assert_eq!(stream.ack().await, room("a", 2));
    assert_eq!(fixture.count(|c| &c.retried), 4);
    fixture.stop().await;
}

#[tokio::test]
async fn an_event_that_breaks_the_guest_is_given_up_and_the_next_one_is_handled() {
    let mut fixture = Fixture::new();
    fixture
        .notes
        .fail(1, 1000, NotHandled::Broken("trap".to_owned()));
    let mut stream = fixture.stream().await;
    stream.event("a", 1);
    stream.event("a", 2);
    assert_eq!(stream.ack().await, room("a", 1));
    assert_eq!(stream.ack().await, room("a", 2));
    assert_eq!(fixture.notes.handled(), [room("a", 2)]);
    assert_eq!(fixture.count(|c| &c.poisoned), 1);
    fixture.stop().await;
}

#[tokio::test]
async fn a_lost_stream_is_opened_again_and_unfinished_handling_does_not_overlap() {
    let mut fixture = Fixture::new();
    fixture
        .notes
        .fail(1, 3, NotHandled::Later("not now".to_owned()));
    let stream = fixture.stream().await;
    stream.event("a", 1);
    fixture.retried().await;
    drop(stream);
    let mut stream = fixture.stream().await;
    // The service gives again what was not acked.
    stream.event("a", 1);
    assert_eq!(stream.ack().await, room("a", 1));
    assert_eq!(fixture.notes.handled(), [room("a", 1)]);
    assert_eq!(fixture.count(|c| &c.streams), 2);
    fixture.stop().await;
}

#[tokio::test]
async fn the_guest_hears_of_each_start_once() {
    let mut fixture = Fixture::new();
    let restarts = |fixture: &Fixture| fixture.notes.restarts.lock().unwrap().clone();
    drop(fixture.stream().await);
    drop(fixture.stream().await);
    assert_eq!(restarts(&fixture), ["start-1"]);
    fixture.link.set(None);
    fixture
        .link
        .set(Some(Connection::new(fixture.service.clone(), "start-2")));
    let _stream = loop {
        // A stream of the old connection may still come.
        let stream = fixture.stream().await;
        if restarts(&fixture).len() == 2 {
            break stream;
        }
    };
    assert_eq!(restarts(&fixture), ["start-1", "start-2"]);

    let platform = Arc::clone(&fixture.platform);
    fixture.stop().await;
    let mut next_host = Fixture::on(platform);
    next_host
        .link
        .set(Some(Connection::new(next_host.service.clone(), "start-2")));
    let _stream = next_host.stream().await;
    assert!(
        !restarts(&next_host).contains(&"start-2".to_owned()),
        "known from the store"
    );
}
