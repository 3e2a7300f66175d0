//! A host that stands still, as under SIGSTOP: nothing of what the sidecar sends is read.

use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _, unfold};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

/// The error type of the wrapped service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Frames = BoxStream<'static, Result<Frame<Bytes>, BoxError>>;

/// A connection that can be held.
#[derive(Clone)]
pub struct Pausable<S> {
    inner: S,
    held: watch::Receiver<bool>,
}

impl<S> Pausable<S> {
    /// Holds what comes through `inner` while `held` is true.
    pub fn new(inner: S, held: watch::Receiver<bool>) -> Self {
        Self { inner, held }
    }
}

impl<S, B> Service<Request<Body>> for Pausable<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<StreamBody<Frames>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (call, held) = (self.inner.call(request), self.held.clone());
        Box::pin(async move {
            let response = call.await.map_err(Into::into)?;
            Ok(response.map(|body| StreamBody::new(frames(body, held))))
        })
    }
}

fn frames<B>(body: B, held: watch::Receiver<bool>) -> Frames
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    unfold((body, held), |(mut body, mut held)| async move {
        // An error: the scenario is over and nothing is held any more.
        let _ = held.wait_for(|held| !held).await;
        let frame = body.frame().await?;
        Some((frame.map_err(Into::into), (body, held)))
    })
    .boxed()
}
