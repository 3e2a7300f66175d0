//! A received value as it came, and how it becomes what was wanted.

use std::sync::Arc;

/// A received value, not yet of any type of ours.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A nil interface.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A signed number of any width.
    Int(i64),
    /// An unsigned number of any width.
    Uint(u64),
    /// A float of either width.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// `[]byte`.
    Bytes(Vec<u8>),
    /// Go's strings are bytes, mostly UTF-8.
    String(Vec<u8>),
    /// A slice or an array.
    List(Vec<Value>),
    /// In the order received, which is none.
    Map(Vec<(Value, Value)>),
    /// Fields by name; what is absent is zero.
    Struct(Vec<(Arc<str>, Value)>),
    /// What a type made itself (`GobEncoder`, `BinaryMarshaler`).
    Opaque(Vec<u8>),
    /// An interface value: the name under which its type is registered, and the value.
    Interface(Box<(String, Value)>),
}

impl Value {
    /// What it is, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a signed number",
            Self::Uint(_) => "an unsigned number",
            Self::Float(_) => "a float",
            Self::Complex(..) => "a complex number",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Struct(_) => "a struct",
            Self::Opaque(_) => "an opaque value",
            Self::Interface(_) => "an interface value",
        }
    }

    /// That this is not what was wanted.
    pub fn mismatch(&self, wanted: &'static str) -> Mismatch {
        Mismatch {
            path: String::new(),
            wanted,
            got: self.kind(),
        }
    }
}

/// A sound value of another type than the wanted one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("gob: {path}: {wanted} wanted, {got} received")]
pub struct Mismatch {
    path: String,
    wanted: &'static str,
    got: &'static str,
}

impl Mismatch {
    /// The same, inside this field.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        self.path = if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{field}.{}", self.path)
        };
        self
    }
}

/// What can be made of a received value.
pub trait Decode: Sized {
    /// Takes a value apart. Signed and unsigned numbers are different things, as in Go.
    fn decode(value: Value) -> Result<Self, Mismatch>;
}

impl Decode for Value {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        Ok(value)
    }
}
