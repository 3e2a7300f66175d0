//! Proto <-> core: the only place in the sidecar that knows both vocabularies.
//!
//! Requests are taken apart in [`request`], answers and events put together in [`response`]. Unknown enum
//! values get the stated default; what the core must refuse (ids, sizes) is left to the core.

mod recording;
mod request;
mod response;

pub(super) use recording::{PrepareOf, StartOf};
pub(super) use request::{CommandOf, room_ref};
pub(super) use response::{Proto, event};

/// Why a request cannot be understood: the field at fault, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct Malformed {
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
}

impl From<Malformed> for tonic::Status {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_argument(malformed.to_string())
    }
}

/// A field that must be there.
fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Malformed> {
    value.ok_or(Malformed {
        field,
        reason: "must be set",
    })
}
