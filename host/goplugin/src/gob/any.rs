//! Interface values: what Go's `any` may hold.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::builtin;
use super::define::{TypeId, Types};
use super::encode::{Concrete, Encode, Present, Writer};
use super::value::{Decode, Mismatch, Value};

/// An interface value. Received structs and maps become [`Any::Map`], received slices [`Any::List`]: their
/// own types' names are lost.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub enum Any {
    #[default]
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    List(Vec<Any>),
    Map(BTreeMap<String, Any>),
    /// A type that the other side knows by name. Never received.
    Registered(Registered),
}

/// A value under the name by which the other side registered its type.
#[derive(Clone)]
pub struct Registered {
    name: &'static str,
    value: Arc<dyn Concrete>,
}

impl Registered {
    /// `name` as Go's `gob.Register` makes it, e.g. `*plugin.ErrorString`.
    pub fn new(name: &'static str, value: impl Encode) -> Self {
        Self {
            name,
            value: Arc::new(value),
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered").field(&self.name).finish()
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.value, &other.value)
    }
}

impl Encode for Any {
    fn define(_: &mut Types) -> TypeId {
        TypeId(builtin::INTERFACE)
    }

    fn is_zero(&self) -> bool {
        *self == Self::Nil
    }

    fn put(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Nil => writer.nil(),
            Self::Bool(value) => writer.interface("bool", value),
            Self::Int(value) => writer.interface("int64", value),
            Self::Uint(value) => writer.interface("uint64", value),
            Self::Float(value) => writer.interface("float64", value),
            Self::String(value) => writer.interface("string", value),
            Self::Bytes(value) => writer.interface("[]uint8", value),
            Self::List(value) => writer.interface("[]interface {}", value),
            Self::Map(value) => writer.interface("map[string]interface {}", value),
            Self::Registered(registered) => {
                writer.interface(registered.name, &*registered.value);
            }
        }
    }
}

/// A nil interface is a fine element.
impl Present for Any {}

impl Decode for Any {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        Ok(match value {
            Value::Nil => Self::Nil,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => Self::Int(value),
            Value::Uint(value) => Self::Uint(value),
            Value::Float(value) => Self::Float(value),
            Value::Complex(real, imaginary) => {
                Self::List(vec![Self::Float(real), Self::Float(imaginary)])
            }
            Value::Bytes(bytes) | Value::Opaque(bytes) => Self::Bytes(bytes),
            text @ Value::String(_) => Self::String(String::decode(text)?),
            list @ Value::List(_) => Self::List(Vec::decode(list)?),
            Value::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let key = match Self::decode(key)? {
                        Self::String(key) => key,
                        other => format!("{other:?}"),
                    };
                    Ok((key, Self::decode(value)?))
                });
                Self::Map(entries.collect::<Result<_, Mismatch>>()?)
            }
            Value::Struct(fields) => {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| Ok((name.to_string(), Self::decode(value)?)));
                Self::Map(fields.collect::<Result<_, Mismatch>>()?)
            }
            Value::Interface(named) => Self::decode(named.1)?,
        })
    }
}
