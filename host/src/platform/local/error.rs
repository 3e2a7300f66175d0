//! The one error type: Mattermost's shape outside, a status and an id inside.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::ids::new_id;
use crate::platform::PlatformError;

/// The id that an error's body names, for the header.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// A refused or failed operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) id: String,
    pub(crate) message: String,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, id: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            id: id.to_owned(),
            message: message.into(),
        }
    }

    /// A mistake in the body; names the field.
    pub(crate) fn body(field: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "api.context.invalid_body_param.app_error",
            format!("Invalid or missing {field} in request body."),
        )
    }

    /// A mistake in the address; names the part.
    pub(crate) fn url(field: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "api.context.invalid_url_param.app_error",
            format!("Invalid or missing {field} parameter in request URL."),
        )
    }

    pub(crate) fn bad(id: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, id, message)
    }

    pub(crate) fn session() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "api.context.session_expired.app_error",
            "Invalid or expired session, please login again.",
        )
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "api.context.permissions.app_error",
            "You do not have the appropriate permissions.",
        )
    }

    pub(crate) fn not_found(id: &str, what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            id,
            format!("Unable to find the {what}."),
        )
    }

    pub(crate) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "api.context.404.app_error",
            "Sorry, we could not find the page.",
        )
    }

    pub(crate) fn too_many(id: &str, message: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, id, message)
    }

    /// There are as many of these as the server holds.
    pub(crate) fn full(what: &str) -> Self {
        Self::bad(
            "app.limit_reached.app_error",
            format!("The server has too many {what}."),
        )
    }

    pub(crate) fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "local platform: an operation failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "app.internal.app_error",
            "The server failed; see its log.",
        )
    }

    pub(crate) fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "app.busy.app_error",
            "The server is busy, please try again.",
        )
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.id, self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<ApiError> for PlatformError {
    fn from(error: ApiError) -> Self {
        match error.status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Self::Denied(error.id),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR => {
                Self::Unavailable(error.id)
            }
            _ => Self::Invalid(format!("{}: {}", error.id, error.message)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let request_id = new_id();
        let body = json!({
            "id": self.id,
            "message": self.message,
            "detailed_error": "",
            "request_id": request_id,
            "status_code": self.status.as_u16(),
        });
        let mut response = (self.status, axum::Json(body)).into_response();
        response.extensions_mut().insert(RequestId(request_id));
        response
    }
}
