//! Values out: definitions first, then the value.

use super::define::{TypeId, Types};
use super::primitive::{put_bytes, put_float, put_int, put_uint};

/// What can be sent.
pub trait Encode: Send + Sync + 'static {
    /// A struct stands by itself; everything else has a zero before it at the top.
    const IS_STRUCT: bool = false;
    /// The type's id on this stream, defined if it was not.
    fn define(types: &mut Types) -> TypeId;
    /// Left out as a field of a struct.
    fn is_zero(&self) -> bool;
    /// Writes the value, zero or not.
    fn put(&self, writer: &mut Writer<'_>);
}

/// What is never nil, hence can be an element of a slice or map.
pub trait Present: Encode {}

/// [`Encode`] without its type: what an interface value may hold.
pub trait Concrete: Send + Sync {
    /// As [`Encode::define`].
    fn define_own(&self, types: &mut Types) -> TypeId;
    /// The value as it stands by itself.
    fn put_single(&self, writer: &mut Writer<'_>);
}

impl<T: Encode> Concrete for T {
    fn define_own(&self, types: &mut Types) -> TypeId {
        T::define(types)
    }

    fn put_single(&self, writer: &mut Writer<'_>) {
        if !T::IS_STRUCT {
            put_uint(&mut writer.out, 0);
        }
        self.put(writer);
    }
}

/// One direction of a stream: keeps which types the other side knows.
#[derive(Default)]
pub struct Encoder {
    types: Types,
}

impl Encoder {
    /// Appends a value with everything that the other side needs to read it.
    pub fn encode(&mut self, value: &dyn Concrete, out: &mut Vec<u8>) {
        let id = value.define_own(&mut self.types);
        self.types.send(id, out);
        let mut writer = Writer {
            out: Vec::new(),
            definitions: out,
            types: &mut self.types,
        };
        put_int(&mut writer.out, id.0);
        value.put_single(&mut writer);
        let body = writer.out;
        put_bytes(out, &body);
    }
}

/// Where a value's parts go.
pub struct Writer<'a> {
    out: Vec<u8>,
    /// Types inside interface values are found on the way; their definitions go ahead of the value.
    definitions: &'a mut Vec<u8>,
    types: &'a mut Types,
}

impl Writer<'_> {
    /// A boolean or unsigned number.
    pub fn uint(&mut self, value: u64) {
        put_uint(&mut self.out, value);
    }

    /// A signed number.
    pub fn int(&mut self, value: i64) {
        put_int(&mut self.out, value);
    }

    /// A float.
    pub fn float(&mut self, value: f64) {
        put_float(&mut self.out, value);
    }

    /// A string, bytes or an opaque value.
    pub fn bytes(&mut self, bytes: &[u8]) {
        put_bytes(&mut self.out, bytes);
    }

    /// A nil interface.
    pub fn nil(&mut self) {
        put_uint(&mut self.out, 0);
    }

    /// An interface value under its registered name.
    pub fn interface(&mut self, name: &str, value: &dyn Concrete) {
        put_bytes(&mut self.out, name.as_bytes());
        let id = value.define_own(self.types);
        self.types.send(id, self.definitions);
        put_int(&mut self.out, id.0);
        let outer = std::mem::take(&mut self.out);
        value.put_single(self);
        let inner = std::mem::replace(&mut self.out, outer);
        put_bytes(&mut self.out, &inner);
    }

    /// Begins a struct.
    pub fn record(&mut self) -> Record<'_, Self> {
        Record {
            writer: self,
            delta: 0,
        }
    }
}

/// A struct being written: fields in the order of their definition.
pub struct Record<'a, W> {
    writer: &'a mut W,
    delta: u64,
}

impl Record<'_, Writer<'_>> {
    /// The next field.
    pub fn field<T: Encode>(&mut self, value: &T) {
        self.delta += 1;
        if !value.is_zero() {
            self.writer.uint(self.delta);
            self.delta = 0;
            value.put(self.writer);
        }
    }

    /// No more fields.
    pub fn end(self) {
        self.writer.uint(0);
    }
}
