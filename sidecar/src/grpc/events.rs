//! Service Events: a host's stream, between gRPC and the event hub.

use std::pin::Pin;
use std::time::Duration;

use futures::stream::{Stream, StreamExt as _};
use parley_core::api::RoomId;
use parley_proto::v1::events_server::Events;
use parley_proto::v1::watch_request::Message;
use parley_proto::v1::{WatchRequest, WatchResponse};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::{Services, convert};
use crate::core_client::CoreClient;
use crate::watch::{Watcher, WatcherLink};

/// How long a stream may stay without its Hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// Longest id of a host.
const HOST_ID_CHARS_MAX: usize = 64;

#[async_trait]
impl<C: CoreClient> Events for Services<C> {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send + 'static>>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let mut requests = request.into_inner();
        let services = self.clone();
        // The answer's headers go out at once, so that a host can send Hello after it has the stream.
        let stream = futures::stream::once(async move {
            let host_id = hello(&mut requests).await?;
            let watcher = match services.shared.events.hello(host_id).await {
                Some(Ok(watcher)) => watcher,
                Some(Err(full)) => return Err(Status::resource_exhausted(full.to_string())),
                None => return Err(Status::unavailable("the node is stopping")),
            };
            // Who wants to go on with a recording of the start before says so soon.
            services.shared.recordings.host_attached();
            Ok(messages(watcher, requests))
        });
        let stream = stream.flat_map(|opened| match opened {
            Ok(messages) => messages,
            Err(status) => futures::stream::once(async { Err(status) }).boxed(),
        });
        Ok(Response::new(stream.boxed()))
    }
}

async fn hello(requests: &mut Streaming<WatchRequest>) -> Result<String, Status> {
    let first = tokio::time::timeout(HELLO_PATIENCE, requests.message())
        .await
        .map_err(|_| Status::deadline_exceeded("Hello did not come"))??;
    let Some(Message::Hello(hello)) = first.and_then(|request| request.message) else {
        return Err(Status::invalid_argument("the first message must be Hello"));
    };
    let length = hello.host_id.chars().count();
    if length == 0 || length > HOST_ID_CHARS_MAX {
        return Err(Status::invalid_argument(format!(
            "host_id: must have 1 to {HOST_ID_CHARS_MAX} characters"
        )));
    }
    Ok(hello.host_id)
}

type Messages = futures::stream::BoxStream<'static, Result<WatchResponse, Status>>;

/// The hub's messages, until the hub closes the stream or the host ends its side.
fn messages(watcher: Watcher, requests: Streaming<WatchRequest>) -> Messages {
    let Watcher { messages, link } = watcher;
    // Reading the host's side is part of the stream: both end together, and nobody has to be told.
    let reading = futures::stream::once(read(link, requests)).filter_map(|end| async { end });
    let sending = ReceiverStream::new(messages).map(|message| Ok(convert::event(message)));
    let ended_by_hub = futures::stream::once(async { None });
    let sending = sending.map(Some).chain(ended_by_hub);
    let reading = reading
        .map(|status| Some(Err(status)))
        .chain(futures::stream::once(async { None }));
    futures::stream::select(sending, reading)
        .take_while(|item| std::future::ready(item.is_some()))
        .filter_map(std::future::ready)
        .boxed()
}

/// Hands acks and pongs to the hub until the host's side ends; the error that ended it, if any.
async fn read(link: WatcherLink, mut requests: Streaming<WatchRequest>) -> Option<Status> {
    loop {
        match requests.message().await {
            Ok(Some(request)) => match request.message {
                Some(Message::Ack(ack)) => {
                    link.ack(RoomId(ack.room_id), ack.generation, ack.seq).await;
                }
                Some(Message::Pong(pong)) => link.pong(pong.nonce).await,
                // A second Hello changes nothing; unknown messages are from a newer peer.
                Some(Message::Hello(_)) | None => {}
            },
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}
