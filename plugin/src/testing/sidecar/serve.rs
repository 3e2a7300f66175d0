//! The services as one transport for the generated clients.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use parley_proto::v1;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::FakeSidecar;
use crate::media::BoxError;

impl Service<http::Request<Body>> for FakeSidecar {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<http::Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let fake = self.clone();
        {
            let mut state = self.state();
            state.calls += 1;
            if state.unreachable {
                let status = Status::unavailable("no sidecar");
                return Box::pin(async move { Ok(status.into_http()) });
            }
        }
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            let service = path
                .trim_start_matches('/')
                .split('/')
                .next()
                .unwrap_or_default();
            let answer = match service {
                "parley.media.v1.Info" => {
                    v1::info_server::InfoServer::new(fake).call(request).await
                }
                "parley.media.v1.Node" => {
                    v1::node_server::NodeServer::new(fake).call(request).await
                }
                "parley.media.v1.Recordings" => {
                    v1::recordings_server::RecordingsServer::new(fake)
                        .call(request)
                        .await
                }
                "parley.media.v1.Rooms" => {
                    v1::rooms_server::RoomsServer::new(fake).call(request).await
                }
                "parley.media.v1.Sessions" => {
                    v1::sessions_server::SessionsServer::new(fake)
                        .call(request)
                        .await
                }
                "parley.media.v1.Stats" => {
                    v1::stats_server::StatsServer::new(fake).call(request).await
                }
                _ => Ok(Status::unimplemented(path).into_http()),
            };
            Ok(answer.unwrap_or_else(|never| match never {}))
        })
    }
}
