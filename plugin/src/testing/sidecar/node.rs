//! The node as a whole, as far as the guest asks.

use parley_proto::v1;
use tonic::{Request, Response, Status};

use super::{Answer, FakeSidecar};

#[tonic::async_trait]
impl v1::node_server::Node for FakeSidecar {
    async fn get_health(&self, _: Request<v1::GetHealthRequest>) -> Answer<v1::GetHealthResponse> {
        let port = self.state().media_port;
        Ok(Response::new(v1::GetHealthResponse {
            ready: true,
            media_addresses: vec![format!("10.0.0.7:{port}"), format!("[2001:db8::7]:{port}")],
            ..v1::GetHealthResponse::default()
        }))
    }

    async fn drain(&self, _: Request<v1::DrainRequest>) -> Answer<v1::DrainResponse> {
        Err(Status::permission_denied("not the guest's"))
    }

    async fn goodbye(&self, _: Request<v1::GoodbyeRequest>) -> Answer<v1::GoodbyeResponse> {
        Err(Status::permission_denied("not the guest's"))
    }
}
