//! One `Watch` stream: hello, events in, acks and pongs out.

use std::sync::Arc;
use std::time::Duration;

use parley_proto::v1::events_client::EventsClient;
use parley_proto::v1::{Hello, Pong, WatchRequest, watch_request, watch_response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::rooms::{Delivery, Rooms, TooMuch};
use super::{Connection, Pump};

/// Acks and pongs that wait to be sent. A full queue slows the rooms' tasks down.
const ANSWERS_MAX: usize = 1024;
/// The sidecar pings each 2 s; silence for this long means that it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// Bytes of one event: a snapshot of a room of 1000 sessions, with room around it.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The sidecar, or the way to it, refused.
    #[error("{}: {}", .0.code(), .0.message())]
    Status(#[from] Status),
    /// Nothing came for too long.
    #[error("no word from the sidecar for {SILENCE_MAX:?}")]
    Silent,
    /// More came than allowed.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// Follows one stream until it ends or `ended` is cancelled.
pub(super) async fn follow(
    pump: &Pump,
    connection: &Connection,
    ended: &CancellationToken,
) -> Result<(), StreamError> {
    let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
    let hello = Hello {
        host_id: pump.host_id.clone(),
    };
    // A fresh queue has room for one.
    let _ = answers.try_send(message(watch_request::Message::Hello(hello)));
    let mut rooms = Rooms::new(Delivery {
        handler: Arc::clone(&pump.handler),
        counters: Arc::clone(&pump.counters),
        answers: answers.clone(),
        // Own token: the end of this stream is not the end of the connection.
        ended: ended.child_token(),
    });
    let outcome = tokio::select! {
        () = ended.cancelled() => Ok(()),
        outcome = receive(connection, outgoing, &answers, &mut rooms) => outcome,
    };
    rooms.finish().await;
    outcome
}

async fn receive(
    connection: &Connection,
    outgoing: mpsc::Receiver<WatchRequest>,
    answers: &mpsc::Sender<WatchRequest>,
    rooms: &mut Rooms,
) -> Result<(), StreamError> {
    let mut client =
        EventsClient::new(connection.channel.clone()).max_decoding_message_size(EVENT_BYTES_MAX);
    let opening = client.watch(ReceiverStream::new(outgoing));
    let mut incoming = within_silence(opening)
        .await?
        .map_err(StreamError::from)?
        .into_inner();
    loop {
        let Some(response) = within_silence(incoming.message()).await?? else {
            return Ok(());
        };
        match response.message {
            Some(watch_response::Message::Event(event)) => rooms.accept(event)?,
            Some(watch_response::Message::Ping(ping)) => {
                let pong = message(watch_request::Message::Pong(Pong { nonce: ping.nonce }));
                // Behind the acks: a host whose acks are stuck is not alive.
                if answers.send(pong).await.is_err() {
                    return Ok(());
                }
            }
            Some(watch_response::Message::Ready(_)) => tracing::debug!("event stream is ready"),
            // A newer sidecar's message: nothing that must be acked.
            None => {}
        }
    }
}

async fn within_silence<F: Future>(word: F) -> Result<F::Output, StreamError> {
    tokio::time::timeout(SILENCE_MAX, word)
        .await
        .map_err(|_| StreamError::Silent)
}

fn message(message: watch_request::Message) -> WatchRequest {
    WatchRequest {
        message: Some(message),
    }
}
