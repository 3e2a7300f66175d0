//! `grpc.unary`: one call to the sidecar, if its method is granted.

use std::time::Duration;

use super::super::bindings::parley::plugin::grpc;
use super::super::state::RequestState;
use crate::media::unary::{self, UnaryCall};

impl grpc::Host for RequestState {
    async fn unary(
        &mut self,
        path: String,
        metadata: Vec<(String, String)>,
        message: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<grpc::Reply, grpc::Status>> {
        self.charge()?;
        let call = UnaryCall {
            path,
            metadata,
            message: message.into(),
            timeout: Duration::from_millis(timeout_ms.into()),
            trace: self.trace,
        };
        Ok(match unary::call(&*self.services.media, call).await {
            Ok(reply) => Ok(grpc::Reply {
                metadata: reply.metadata,
                message: reply.message.into(),
            }),
            Err(status) => Err(grpc::Status {
                code: status.code().into(),
                message: status.message().to_owned(),
            }),
        })
    }
}
