//! The guest's imports: our own interfaces of `plugin/wit/world.wit`, over the host's services.
//!
//! Each checks its grant (sizes, names, methods) before anything leaves the sandbox, and each counts.

mod grpc;
mod kv;
mod platform;
mod small;
mod translate;

pub(crate) use small::one_line;

use super::bindings::parley::plugin::types;

impl types::Host for super::state::RequestState {}

/// Refuses what is longer than granted; the message names the field.
fn at_most(field: &str, length: usize, max: usize) -> Result<(), types::PlatformError> {
    if length > max {
        let reason = format!("{field}: {length} is more than the {max} allowed");
        return Err(types::PlatformError::Invalid(reason));
    }
    Ok(())
}
