//! Service Info: the first call on each connection.

use parley_proto::v1::info_server::Info;
use parley_proto::v1::{GetInfoRequest, GetInfoResponse};
use parley_proto::{PROTOCOL_MAJOR, PROTOCOL_MINOR};
use tonic::{Request, Response, Status, async_trait};

use super::{Connection, FEATURES, Services};
use crate::core_client::CoreClient;

#[async_trait]
impl<C: CoreClient> Info for Services<C> {
    async fn get_info(
        &self,
        request: Request<GetInfoRequest>,
    ) -> Result<Response<GetInfoResponse>, Status> {
        let theirs = request.get_ref().protocol_major;
        if theirs != PROTOCOL_MAJOR {
            return Err(Status::failed_precondition(format!(
                "protocol major {theirs} is not ours, {PROTOCOL_MAJOR}"
            )));
        }
        if let Some(connection) = request.extensions().get::<Connection>() {
            connection.introduce();
        }
        let identity = &self.shared.identity;
        Ok(Response::new(GetInfoResponse {
            protocol_major: PROTOCOL_MAJOR,
            protocol_minor: PROTOCOL_MINOR,
            features: FEATURES.map(str::to_owned).to_vec(),
            sidecar_version: env!("CARGO_PKG_VERSION").to_owned(),
            node_id: identity.node_id.clone(),
            start_id: identity.start_id.clone(),
            started_at_ms: i64::try_from(identity.started_at_ms).unwrap_or(i64::MAX),
        }))
    }
}
