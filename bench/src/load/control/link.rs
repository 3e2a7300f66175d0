//! The connection that a host has to a sidecar.

use std::io;

use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use parley_proto::launch::{TOKEN_METADATA, TOKEN_PREFIX};
use parley_proto::v1::events_client::EventsClient;
use parley_proto::v1::info_client::InfoClient;
use parley_proto::v1::recordings_client::RecordingsClient;
use parley_proto::v1::rooms_client::RoomsClient;
use parley_proto::v1::sessions_client::SessionsClient;
use parley_proto::v1::{
    Ack, Event, GetInfoRequest, Hello, Pong, WatchRequest, WatchResponse, watch_request,
};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use tower::service_fn;

use crate::load::process::Sidecar;

/// Shows the token with every call.
#[derive(Clone)]
pub(super) struct Token(MetadataValue<Ascii>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert(TOKEN_METADATA, self.0.clone());
        Ok(request)
    }
}

type Service = InterceptedService<Channel, Token>;

/// See the module.
pub(super) struct Link {
    pub(super) rooms: RoomsClient<Service>,
    pub(super) sessions: SessionsClient<Service>,
    pub(super) recordings: RecordingsClient<Service>,
    pub(super) events: Streaming<WatchResponse>,
    answers: mpsc::Sender<WatchRequest>,
}

impl Link {
    pub(super) async fn connect(sidecar: &Sidecar) -> anyhow::Result<Self> {
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
        Ok(Self {
            rooms: RoomsClient::new(service.clone()),
            recordings: RecordingsClient::new(service.clone()),
            sessions: SessionsClient::new(service),
            events: events.into_inner(),
            answers,
        })
    }

    pub(super) async fn pong(&self, nonce: u64) -> anyhow::Result<()> {
        let pong = watch_request::Message::Pong(Pong { nonce });
        Ok(self.answers.send(watch(pong)).await?)
    }

    pub(super) async fn ack(&self, event: &Event) -> anyhow::Result<()> {
        let ack = watch_request::Message::Ack(Ack {
            room_id: event.room_id.clone(),
            generation: event.generation,
            seq: event.seq,
        });
        Ok(self.answers.send(watch(ack)).await?)
    }
}

fn watch(message: watch_request::Message) -> WatchRequest {
    WatchRequest {
        message: Some(message),
    }
}
