//! One yamux connection, and the streams on it by number (go-plugin's `MuxBroker`).
//!
//! Each side numbers the streams that it accepts. The dialler opens a stream and writes the number, the
//! acceptor writes it back, then the stream is theirs.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_yamux::{Config, Control, Session, StreamHandle};

/// A stream between both sides. Data that nobody reads holds up all streams of the connection: read it, or
/// drop the stream.
pub type Stream = StreamHandle;

/// How long a dialled number may take to be accepted, and an accepted one to be dialled: go-plugin's.
const RENDEZVOUS: Duration = Duration::from_secs(5);
/// Streams that were dialled and wait for somebody to accept them.
const PARKED_MAX: usize = 256;
/// Streams of ours that the other side has not answered yet. Go's yamux has a backlog of 256 and resets what
/// is beyond; its own clients wait, too.
const DIALS_MAX: usize = 128;
/// Streams at once. One of the host's requests takes two or three.
const STREAMS_MAX: usize = 16 * 1024;

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The other side did not come in time.
    #[error("stream {0}: nobody came in 5 s")]
    Timeout(u32),
    /// The other side answered with another number.
    #[error("stream {0}: answered as {1}")]
    Number(u32, u32),
    /// The connection is gone.
    #[error("no stream: {0}")]
    Session(String),
    /// The stream broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

enum Slot {
    Awaited(oneshot::Sender<Stream>),
    Parked(Stream),
}

/// Gives and takes streams by number. Cheap to clone; all clones are one connection.
#[derive(Clone)]
pub struct Broker {
    control: Control,
    slots: Arc<Mutex<HashMap<u32, Slot>>>,
    next_number: Arc<AtomicU32>,
    dials: Arc<Semaphore>,
    closed: CancellationToken,
}

fn session(error: impl std::fmt::Display) -> BrokerError {
    BrokerError::Session(error.to_string())
}

/// Streams in the order in which the other side opened them.
pub(crate) type Inbound = mpsc::Receiver<Stream>;

impl Broker {
    /// Takes over a connection that the other side has opened.
    pub(crate) fn start(connection: UnixStream) -> (Self, Inbound) {
        let config = Config {
            max_stream_count: STREAMS_MAX,
            ..Config::default()
        };
        let mut session = Session::new_server(connection, config);
        let (opened, inbound) = mpsc::channel(PARKED_MAX);
        let broker = Self {
            control: session.control(),
            slots: Arc::default(),
            next_number: Arc::new(AtomicU32::new(1)),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
            closed: CancellationToken::new(),
        };
        let closed = broker.closed.clone().drop_guard();
        tokio::spawn(async move {
            let _closed = closed;
            // Nothing moves on any stream unless this is polled.
            while let Some(stream) = session.next().await {
                let outcome = match stream {
                    Ok(stream) => opened
                        .try_send(stream)
                        .map_err(|_| "too many new streams".into()),
                    Err(error) => Err(error.to_string()),
                };
                if let Err(error) = outcome {
                    tracing::debug!(error, "the connection breaks");
                    return;
                }
            }
        });
        (broker, inbound)
    }

    /// Done when the connection is gone.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// A number that nobody has yet, for [`Broker::accept`].
    #[must_use]
    pub fn number(&self) -> u32 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits up to 5 s for the other side to dial this number.
    pub async fn accept(&self, number: u32) -> Result<Stream, BrokerError> {
        let (came, coming) = oneshot::channel();
        let parked = match self.slots().insert(number, Slot::Awaited(came)) {
            Some(Slot::Parked(stream)) => Some(stream),
            _ => None,
        };
        let mut stream = match parked {
            Some(stream) => stream,
            None => match tokio::time::timeout(RENDEZVOUS, coming).await {
                Ok(Ok(stream)) => stream,
                _ => {
                    self.slots().remove(&number);
                    return Err(BrokerError::Timeout(number));
                }
            },
        };
        self.slots().remove(&number);
        stream.write_all(&number.to_le_bytes()).await?;
        Ok(stream)
    }

    /// Opens a stream that the other side accepts under this number within 5 s.
    pub async fn dial(&self, number: u32) -> Result<Stream, BrokerError> {
        let mut control = self.control.clone();
        let dialling = async {
            let _turn = self.dials.acquire().await.map_err(session)?;
            let mut stream = control.open_stream().await.map_err(session)?;
            stream.write_all(&number.to_le_bytes()).await?;
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await?;
            match u32::from_le_bytes(answer) {
                answer if answer == number => Ok(stream),
                other => Err(BrokerError::Number(number, other)),
            }
        };
        tokio::time::timeout(RENDEZVOUS, dialling)
            .await
            .unwrap_or(Err(BrokerError::Timeout(number)))
    }

    /// Brings a stream that the other side dialled to who awaits it, now or within 5 s.
    pub(crate) async fn deliver(&self, mut stream: Stream) {
        let mut number = [0; 4];
        let read = stream.read_exact(&mut number);
        match tokio::time::timeout(RENDEZVOUS, read).await {
            Ok(Ok(_)) => {}
            _ => return,
        }
        let number = u32::from_le_bytes(number);
        {
            let mut slots = self.slots();
            match slots.remove(&number) {
                Some(Slot::Awaited(came)) => {
                    let _ = came.send(stream);
                    return;
                }
                // Dialled twice: the first one keeps its place.
                Some(parked @ Slot::Parked(_)) => {
                    slots.insert(number, parked);
                    return;
                }
                None if slots.len() >= PARKED_MAX => return,
                None => slots.insert(number, Slot::Parked(stream)),
            };
        }
        tokio::time::sleep(RENDEZVOUS).await;
        let mut slots = self.slots();
        if let Some(Slot::Parked(_)) = slots.get(&number) {
            slots.remove(&number);
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<u32, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
