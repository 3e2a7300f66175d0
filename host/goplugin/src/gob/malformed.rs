//! What is wrong with bytes that came.

/// Bytes that are no gob, or more of it than the limits allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Something reaches beyond its message.
    #[error("gob: a message ends too early")]
    Short,
    /// A number of more than eight bytes.
    #[error("gob: a number is too long")]
    Number,
    /// A definition that defines nothing, or twice.
    #[error("gob: a type definition is broken")]
    Definition,
    /// A value of a type that was not defined.
    #[error("gob: a value has the undefined type {0}")]
    Undefined(i64),
    /// A value's parts do not fit its type.
    #[error("gob: a value does not fit its type")]
    Value,
    /// Bytes after the end of a value or definition.
    #[error("gob: a message goes on after its end")]
    Trailing,
    /// Larger, deeper or longer than allowed.
    #[error("gob: {0} beyond the limit")]
    Limit(&'static str),
}
