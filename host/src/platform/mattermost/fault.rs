//! What the server says when it refuses: `*model.AppError` or a Go `error`.

use parley_goplugin::gob::{Any, Decode, Mismatch, Registered, Value};
use parley_goplugin::rpc::CallError;

use super::wire::ErrorString;
use crate::platform::PlatformError;

/// An error of the server; `None` inside = it went well.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fault(Option<PlatformError>);

impl Fault {
    /// The refusal, if there is one.
    pub(crate) fn check(self) -> Result<(), PlatformError> {
        self.0.map_or(Ok(()), Err)
    }
}

impl Decode for Fault {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        let fields = match Any::decode(value)? {
            Any::Nil => return Ok(Self(None)),
            Any::Map(fields) => fields,
            // An error of a type without fields.
            other => return Ok(Self(Some(PlatformError::Unavailable(format!("{other:?}"))))),
        };
        let text = |name: &str| match fields.get(name) {
            Some(Any::String(text)) => text.as_str(),
            _ => "",
        };
        let status = match fields.get("StatusCode") {
            Some(Any::Int(status)) => *status,
            _ => 0,
        };
        let parts = [text("Where"), text("Id"), text("Message"), text("Err")];
        let said: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let said = said.join(": ");
        Ok(Self(Some(match status {
            404 => PlatformError::NotFound,
            401 | 403 => PlatformError::Denied(said),
            400 | 413 | 422 => PlatformError::Invalid(said),
            _ => PlatformError::Unavailable(said),
        })))
    }
}

/// A failed call is no answer of the platform's.
pub(crate) fn failed_call(error: &CallError) -> PlatformError {
    PlatformError::Unavailable(error.to_string())
}

/// Our own refusal, as Go's `error`.
pub(crate) fn refusal(text: impl Into<String>) -> Any {
    let value = ErrorString {
        code: 0,
        err: text.into(),
    };
    Any::Registered(Registered::new("*plugin.ErrorString", value))
}
