//! Refusals -> gRPC status. One table, so that each reason has one code everywhere.

use parley_core::api::CommandError;
use tonic::{Code, Status};

use crate::core_client::CallError;

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::Refused(refused) => code_of(refused),
            CallError::Busy => Code::ResourceExhausted,
            CallError::Gone => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

fn code_of(error: &CommandError) -> Code {
    match error {
        CommandError::Invalid { .. } => Code::InvalidArgument,
        CommandError::NoRoom | CommandError::NoSession => Code::NotFound,
        CommandError::Stale(_) => Code::Aborted,
        CommandError::Exists(_) => Code::AlreadyExists,
        CommandError::NotYours => Code::PermissionDenied,
        CommandError::ScreenTaken | CommandError::NotRecording => Code::FailedPrecondition,
        CommandError::Limit(_) => Code::ResourceExhausted,
        CommandError::Draining => Code::Unavailable,
        CommandError::Internal => Code::Internal,
    }
}

/// The core answered a command with something else than that command's reply.
pub(super) fn unexpected() -> Status {
    tracing::error!("a command got the reply of another one");
    Status::internal("unexpected reply")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_field() {
        let status = Status::from(CallError::Refused(CommandError::Invalid {
            field: "labels",
            reason: "too many".into(),
        }));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "labels: too many");
    }
}
