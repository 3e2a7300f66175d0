//! Why a command ended, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// A bug, or something that nobody foresaw.
const EXIT_INTERNAL: u8 = 70;
/// The system refused a file, a port, a process.
const EXIT_SYSTEM: u8 = 71;
/// Another process holds what this one needs: `EX_TEMPFAIL`, as with the sidecar.
const EXIT_LOCKED: u8 = 75;
/// An argument or setting is refused; the message names it.
const EXIT_CONFIG: u8 = 78;

/// A command that could not go on. What is wrong comes first: an argument, a file, a port.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    what: String,
    why: String,
}

impl Failure {
    /// An argument or setting is refused.
    pub(super) fn config(field: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            code: EXIT_CONFIG,
            what: field.into(),
            why: why.to_string(),
        }
    }

    /// The system refused something.
    pub(super) fn system(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            code: EXIT_SYSTEM,
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// Another process holds it.
    pub(super) fn locked(field: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            code: EXIT_LOCKED,
            what: field.into(),
            why: why.to_string(),
        }
    }

    /// Something that should not happen.
    pub(super) fn internal(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            code: EXIT_INTERNAL,
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// The process' exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}
