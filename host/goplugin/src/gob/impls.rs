//! Go's plain types in Rust's.

use std::collections::BTreeMap;

use super::builtin;
use super::define::{TypeId, Types};
use super::encode::{Encode, Present, Writer};
use super::value::{Decode, Mismatch, Value};

macro_rules! number {
    ($($rust:ty, $id:ident, $put:ident, $as:ty, $variant:ident, $wanted:literal;)*) => { $(
        impl Encode for $rust {
            fn define(_: &mut Types) -> TypeId {
                TypeId(builtin::$id)
            }
            fn is_zero(&self) -> bool {
                *self == <$rust>::default()
            }
            fn put(&self, writer: &mut Writer<'_>) {
                writer.$put(<$as>::from(*self));
            }
        }
        impl Present for $rust {}
        impl Decode for $rust {
            fn decode(value: Value) -> Result<Self, Mismatch> {
                match value {
                    Value::$variant(number) => {
                        number.try_into().map_err(|_| value.mismatch($wanted))
                    }
                    other => Err(other.mismatch($wanted)),
                }
            }
        }
    )* };
}

number! {
    bool, BOOL, uint, u64, Bool, "a boolean";
    i32, INT, int, i64, Int, "a signed number of 32 bits";
    i64, INT, int, i64, Int, "a signed number";
    u16, UINT, uint, u64, Uint, "an unsigned number of 16 bits";
    u32, UINT, uint, u64, Uint, "an unsigned number of 32 bits";
    u64, UINT, uint, u64, Uint, "an unsigned number";
    f64, FLOAT, float, f64, Float, "a float";
}

impl Encode for String {
    fn define(_: &mut Types) -> TypeId {
        TypeId(builtin::STRING)
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn put(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.as_bytes());
    }
}
impl Present for String {}
impl Decode for String {
    /// Bytes that are no UTF-8 become replacement characters: one bad header must not lose a request.
    fn decode(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(bytes) => Ok(String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
            other => Err(other.mismatch("a string")),
        }
    }
}

impl Encode for Vec<u8> {
    fn define(_: &mut Types) -> TypeId {
        TypeId(builtin::BYTES)
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn put(&self, writer: &mut Writer<'_>) {
        writer.bytes(self);
    }
}
impl Present for Vec<u8> {}
impl Decode for Vec<u8> {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(other.mismatch("bytes")),
        }
    }
}

impl<T: Present> Encode for Vec<T> {
    fn define(types: &mut Types) -> TypeId {
        types.slice::<Self, T>()
    }
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn put(&self, writer: &mut Writer<'_>) {
        writer.uint(self.len() as u64);
        for element in self {
            element.put(writer);
        }
    }
}
impl<T: Present> Present for Vec<T> {}
impl<T: Decode> Decode for Vec<T> {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::List(elements) => elements
                .into_iter()
                .map(|element| T::decode(element).map_err(|error| error.within("[]")))
                .collect(),
            other => Err(other.mismatch("a list")),
        }
    }
}

/// An empty map is sent: Go tells it from a nil one. For nil use an `Option`.
impl<K: Present + Ord, T: Present> Encode for BTreeMap<K, T> {
    fn define(types: &mut Types) -> TypeId {
        types.map::<Self, K, T>()
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn put(&self, writer: &mut Writer<'_>) {
        writer.uint(self.len() as u64);
        for (key, element) in self {
            key.put(writer);
            element.put(writer);
        }
    }
}
impl<K: Present + Ord, T: Present> Present for BTreeMap<K, T> {}
impl<K: Decode + Ord, T: Decode> Decode for BTreeMap<K, T> {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        let Value::Map(entries) = value else {
            return Err(value.mismatch("a map"));
        };
        entries
            .into_iter()
            .map(|(key, element)| {
                let inside = |error: Mismatch| error.within("{}");
                let key = K::decode(key).map_err(inside)?;
                Ok((key, T::decode(element).map_err(inside)?))
            })
            .collect()
    }
}

/// A pointer, or a map that may be nil. Go sends what a pointer points to, and drops zero scalars with it.
impl<T: Encode> Encode for Option<T> {
    const IS_STRUCT: bool = T::IS_STRUCT;
    fn define(types: &mut Types) -> TypeId {
        T::define(types)
    }
    fn is_zero(&self) -> bool {
        self.as_ref().is_none_or(T::is_zero)
    }
    /// Only reached for `Some`: `None` is zero, and is no [`Present`].
    fn put(&self, writer: &mut Writer<'_>) {
        if let Some(value) = self {
            value.put(writer);
        }
    }
}
impl<T: Decode> Decode for Option<T> {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        T::decode(value).map(Some)
    }
}

impl<T: Encode> Encode for Box<T> {
    const IS_STRUCT: bool = T::IS_STRUCT;
    fn define(types: &mut Types) -> TypeId {
        T::define(types)
    }
    fn is_zero(&self) -> bool {
        T::is_zero(self)
    }
    fn put(&self, writer: &mut Writer<'_>) {
        T::put(self, writer);
    }
}
impl<T: Present> Present for Box<T> {}
impl<T: Decode> Decode for Box<T> {
    fn decode(value: Value) -> Result<Self, Mismatch> {
        T::decode(value).map(Self::new)
    }
}
