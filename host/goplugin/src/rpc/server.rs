//! Answers calls that come in on a stream: concurrently, replies in any order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use super::codec::{ReadError, ValueReader, ValueWriter};
use super::{Empty, Request, Response};
use crate::gob::{Concrete, Decode, Encode, Malformed, Value};

/// Calls at work on one stream. Beyond, they are refused: not reading any more would hold up all streams.
const CALLS_MAX: usize = 4096;

/// A call's arguments.
#[derive(Debug)]
pub struct Args(Result<Value, Malformed>);

impl Args {
    /// As the wanted type; the error is the reply's text.
    pub fn read<T: Decode>(self) -> Result<T, String> {
        let value = self.0.map_err(|error| error.to_string())?;
        T::decode(value).map_err(|error| error.to_string())
    }
}

/// A call's result.
pub struct Reply(Box<dyn Concrete>);

impl Reply {
    /// A result that is sent as it is.
    pub fn new(value: impl Encode) -> Self {
        Self(Box::new(value))
    }

    /// No result.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Empty {})
    }
}

/// A result, or the text of net/rpc's own error, which is no result of the method.
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, String>> + Send + 'a>>;

/// Answers calls.
pub trait Service: Send + Sync + 'static {
    /// `method` as on the wire: `Service.Method`.
    fn call<'a>(&'a self, method: &'a str, args: Args) -> ReplyFuture<'a>;
}

/// What Go's server says of a method that it does not have; callers take it for an absent feature.
#[must_use]
pub fn no_method(method: &str) -> String {
    format!("rpc: can't find method {method}")
}

/// Serves one stream until its end; running calls are finished and answered.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    service: Arc<dyn Service>,
) {
    let (read, write) = tokio::io::split(stream);
    let mut reader = ValueReader::new(read);
    let (writer, written) = ValueWriter::start(write);
    let places = Arc::new(Semaphore::new(CALLS_MAX));
    loop {
        let request = match header(&mut reader).await {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "a stream of calls ends");
                break;
            }
        };
        let args = match reader.next().await {
            Ok(Some(value)) => Args(Ok(value)),
            Ok(None) | Err(ReadError::Io(_)) => break,
            Err(ReadError::Malformed(malformed)) => Args(Err(malformed)),
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let (service, writer) = (Arc::clone(&service), writer.clone());
        // Each in a task of its own: a call that fails badly takes no other with it.
        tokio::spawn(async move {
            let outcome = match place {
                Ok(_) => answer(service, &request.service_method, args).await,
                Err(_) => Err("too many calls at once".to_owned()),
            };
            let mut response = Response {
                service_method: request.service_method,
                seq: request.seq,
                error: String::new(),
            };
            let body = outcome.unwrap_or_else(|error| {
                response.error = error;
                Reply::empty()
            });
            let _ = writer.send(&response, &*body.0).await;
            drop(place);
        });
    }
    drop(writer);
    let _ = written.await;
}

async fn header<R: AsyncRead + Unpin>(
    reader: &mut ValueReader<R>,
) -> Result<Option<Request>, String> {
    match reader.next().await {
        Ok(None) => Ok(None),
        Ok(Some(value)) => Request::decode(value)
            .map(Some)
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// A panic is answered, too: the caller would wait for ever.
async fn answer(service: Arc<dyn Service>, method: &str, args: Args) -> Result<Reply, String> {
    let name = method.to_owned();
    let call = tokio::spawn(async move { service.call(&name, args).await });
    call.await
        .unwrap_or_else(|_| Err(format!("{method} failed inside")))
}
