//! Messages on a stream: read one by one within the limit, written whole and in order.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::gob::{Concrete, Decoder, Encoder, MESSAGE_BYTES_MAX, Malformed, Value};

/// Writes that may wait for the other side to take them.
const WRITES_QUEUED_MAX: usize = 64;

/// Why a value did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The messages of this value are spoilt; the next value may be sound.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The reading half.
pub(super) struct ValueReader<R> {
    stream: R,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> ValueReader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
        }
    }

    /// The next value; `None` at the stream's end. Not safe to cancel.
    pub(super) async fn next(&mut self) -> Result<Option<Value>, ReadError> {
        loop {
            let Some(message) = self.message().await? else {
                return Ok(None);
            };
            if let Some(value) = self.decoder.push(message)? {
                return Ok(Some(value));
            }
        }
    }

    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut first = [0];
        if self.stream.read(&mut first).await? == 0 {
            return Ok(None);
        }
        let length = match first[0] {
            small @ 0..128 => u64::from(small),
            marker => {
                let count = 256 - usize::from(marker);
                let mut bytes = [0; 8];
                let place = bytes
                    .get_mut(8usize.wrapping_sub(count)..)
                    .ok_or_else(|| broken("a message's length is no number"))?;
                self.stream.read_exact(place).await?;
                u64::from_be_bytes(bytes)
            }
        };
        if length > MESSAGE_BYTES_MAX as u64 {
            return Err(broken("a message is too long"));
        }
        // Memory comes with the bytes, not with the length that is claimed.
        let mut message = Vec::new();
        let read = (&mut self.stream)
            .take(length)
            .read_to_end(&mut message)
            .await?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(message))
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The writing half: cheap to clone; the stream is closed when all clones are gone and everything is written.
#[derive(Clone)]
pub(super) struct ValueWriter {
    encoder: Arc<Mutex<Encoder>>,
    queue: mpsc::Sender<Vec<u8>>,
}

/// The stream takes no more.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the stream is closed")]
pub(super) struct Closed;

impl ValueWriter {
    /// Starts the task that writes; it is done when the stream is closed by either side.
    pub(super) fn start(
        mut stream: impl AsyncWrite + Send + Unpin + 'static,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, mut queued) = mpsc::channel::<Vec<u8>>(WRITES_QUEUED_MAX);
        let task = tokio::spawn(async move {
            while let Some(bytes) = queued.recv().await {
                if let Err(error) = stream.write_all(&bytes).await {
                    tracing::debug!(%error, "a stream is broken");
                    return;
                }
            }
            // Exactly one end: the other side takes a second one for a broken session.
            let _ = stream.shutdown().await;
        });
        let writer = Self {
            encoder: Arc::default(),
            queue,
        };
        (writer, task)
    }

    /// Sends header and body as one piece. Whoever stops waiting leaves nothing half written.
    pub(super) async fn send(
        &self,
        header: &dyn Concrete,
        body: &dyn Concrete,
    ) -> Result<(), Closed> {
        let place = self.queue.reserve().await.map_err(|_| Closed)?;
        // Definitions are sent once: encoding and queueing have to keep the same order.
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        encoder.encode(header, &mut bytes);
        encoder.encode(body, &mut bytes);
        place.send(bytes);
        drop(encoder);
        Ok(())
    }
}
