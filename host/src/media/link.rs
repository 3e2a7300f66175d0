//! Where the sidecar is reached right now: over a Unix socket, or in scenarios in the same process.

use std::error::Error;

use bytes::Bytes;
use http::{Request, Response};
use parley_proto::trouble::Trouble;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

type BoxError = Box<dyn Error + Send + Sync>;

/// The way to the sidecar failed; the cause is in the chain of sources.
#[derive(Debug, thiserror::Error)]
#[error("the connection to the sidecar failed")]
pub struct LinkError(#[source] BoxError);

/// A transport for generated clients.
pub type MediaChannel = BoxCloneSyncService<Request<Body>, Response<Body>, LinkError>;

/// One live connection to one start of the sidecar; `GetInfo` went well on it.
#[derive(Clone)]
pub struct Connection {
    /// For generated clients.
    pub channel: MediaChannel,
    /// `GetInfoResponse.start_id`: with another one all former rooms are gone.
    pub start_id: String,
}

/// Tells the present connection and every change of it; `None` while there is none.
pub type LinkReceiver = watch::Receiver<Option<Connection>>;

/// Something that keeps a connection to the sidecar.
pub trait MediaLink: Send + Sync + 'static {
    /// The connection and its changes.
    fn connection(&self) -> LinkReceiver;

    /// Why there is no connection, if more is known than that.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// Since when it is this trouble.
    fn troubled_since(&self) -> Option<Instant> {
        None
    }
}

impl Connection {
    /// Wraps a service: tonic's channel, or a server's routes in the same process.
    pub fn new<S, B>(service: S, start_id: impl Into<String>) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_response(|response: Response<B>| response.map(Body::new))
            .map_err(|error: S::Error| LinkError(error.into()));
        Self {
            channel: BoxCloneSyncService::new(service),
            start_id: start_id.into(),
        }
    }
}

/// A link that is told its connection, or why there is none.
#[derive(Clone)]
pub struct FixedLink {
    connection: watch::Sender<Option<Connection>>,
    trouble: watch::Sender<Option<(Trouble, Instant)>>,
}

impl FixedLink {
    /// A link with this connection, or with none.
    #[must_use]
    pub fn new(connection: Option<Connection>) -> Self {
        Self {
            connection: watch::Sender::new(connection),
            trouble: watch::Sender::new(None),
        }
    }

    /// From now on this connection.
    pub fn set(&self, connection: Option<Connection>) {
        self.connection.send_replace(connection);
    }

    /// Why there is none.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.trouble.send_if_modified(|known| {
            let news = known.map(|(known, _)| known) != trouble;
            if news {
                *known = trouble.map(|trouble| (trouble, Instant::now()));
            }
            news
        });
    }
}

impl MediaLink for FixedLink {
    fn connection(&self) -> LinkReceiver {
        self.connection.subscribe()
    }

    fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().map(|(trouble, _)| trouble)
    }

    fn troubled_since(&self) -> Option<Instant> {
        self.trouble.borrow().map(|(_, since)| since)
    }
}
