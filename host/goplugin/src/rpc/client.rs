//! Calls the other side on a stream: any number at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};

use super::codec::{ReadError, ValueReader, ValueWriter};
use super::{Request, Response};
use crate::gob::{Decode, Encode, Malformed, Mismatch, Value};

/// Calls that may wait for their replies; further ones wait to be sent.
const CALLS_MAX: usize = 1024;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The other side's net/rpc refused, e.g. for a method that it does not have.
    #[error("{0}")]
    Remote(String),
    /// The stream ended before the reply.
    #[error("the connection to the host is gone")]
    Closed,
    /// The reply is of another type than the method's.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The reply is no gob.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl CallError {
    /// The other side does not have this method: an older one, mostly.
    #[must_use]
    pub fn is_no_method(&self) -> bool {
        matches!(self, Self::Remote(text) if text.starts_with("rpc: can't find"))
    }
}

type Outcome = Result<Value, CallError>;

/// Who waits for which reply; `None` once there are no more replies.
type Waiting = Mutex<Option<HashMap<u64, oneshot::Sender<Outcome>>>>;

/// The calling side of one stream. Closes it when dropped.
pub struct Client {
    writer: ValueWriter,
    waiting: Arc<Waiting>,
    next_seq: AtomicU64,
    places: Semaphore,
    reading: tokio::task::AbortHandle,
    written: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Client {
    /// Takes over a stream.
    pub fn start(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (read, write) = tokio::io::split(stream);
        let (writer, written) = ValueWriter::start(write);
        let waiting: Arc<Waiting> = Arc::new(Mutex::new(Some(HashMap::new())));
        let reading = tokio::spawn(read_replies(ValueReader::new(read), Arc::clone(&waiting)));
        Self {
            writer,
            waiting,
            next_seq: AtomicU64::new(0),
            places: Semaphore::new(CALLS_MAX),
            reading: reading.abort_handle(),
            written: Mutex::new(Some(written)),
        }
    }

    /// Calls `Service.Method`. Whoever stops waiting loses the reply, nothing else.
    pub async fn call<R: Decode>(&self, method: &str, args: &impl Encode) -> Result<R, CallError> {
        let _place = self.places.acquire().await.map_err(|_| CallError::Closed)?;
        let seq = self.next_seq.fetch_add(1, Ordering::Relaxed);
        let (outcome, reply) = oneshot::channel();
        match &mut *lock(&self.waiting) {
            Some(waiting) => waiting.insert(seq, outcome),
            None => return Err(CallError::Closed),
        };
        let _forget = Forget(&self.waiting, seq);
        let request = Request {
            service_method: method.to_owned(),
            seq,
        };
        self.writer
            .send(&request, args)
            .await
            .map_err(|_| CallError::Closed)?;
        let value = reply.await.map_err(|_| CallError::Closed)??;
        Ok(R::decode(value)?)
    }

    /// Closes the stream once everything is sent.
    pub async fn close(self) {
        let written = self
            .written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The last clone of the writer: its task ends.
        drop(self);
        if let Some(written) = written {
            let _ = written.await;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Takes a call off the list, however it ended.
struct Forget<'a>(&'a Waiting, u64);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = &mut *lock(self.0) {
            waiting.remove(&self.1);
        }
    }
}

fn lock(
    waiting: &Waiting,
) -> std::sync::MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Outcome>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read_replies<R: AsyncRead + Unpin>(mut reader: ValueReader<R>, waiting: Arc<Waiting>) {
    loop {
        let response = match reader.next().await {
            Ok(Some(value)) => match Response::decode(value) {
                Ok(response) => response,
                Err(error) => {
                    tracing::warn!(%error, "a stream of replies ends");
                    break;
                }
            },
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "a stream of replies ends");
                break;
            }
        };
        let body = match reader.next().await {
            Ok(Some(value)) => Ok(value),
            Ok(None) | Err(ReadError::Io(_)) => break,
            Err(ReadError::Malformed(malformed)) => Err(CallError::Malformed(malformed)),
        };
        let outcome = if response.error.is_empty() {
            body
        } else {
            Err(CallError::Remote(response.error))
        };
        let caller = lock(&waiting)
            .as_mut()
            .and_then(|waiting| waiting.remove(&response.seq));
        if let Some(caller) = caller {
            let _ = caller.send(outcome);
        }
    }
    // Everybody who waits hears of it by their channel's end.
    *lock(&waiting) = None;
}
