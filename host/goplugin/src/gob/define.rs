//! Types that were given an id on a stream, and which of them the other side was told.

use std::any;
use std::collections::{HashMap, HashSet};

use super::FIRST_OWN_ID;
use super::encode::Encode;
use super::primitive::{put_bytes, put_int, put_uint};

/// A type's number on one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(pub(crate) i64);

enum Shape {
    Slice(TypeId),
    Map(TypeId, TypeId),
    Struct(Vec<(&'static str, TypeId)>),
    /// By the field of the definition: 4 `GobEncoder`, 5 `BinaryMarshaler`.
    Opaque(u64),
}

struct Defined {
    name: &'static str,
    shape: Shape,
}

/// The types of one direction of a stream.
#[derive(Default)]
pub struct Types {
    ids: HashMap<any::TypeId, TypeId>,
    defined: HashMap<TypeId, Defined>,
    sent: HashSet<TypeId>,
}

impl Types {
    fn assign<T: 'static>(&mut self) -> TypeId {
        let used = i64::try_from(self.ids.len()).unwrap_or(i64::MAX);
        let id = TypeId(FIRST_OWN_ID + used);
        self.ids.insert(any::TypeId::of::<T>(), id);
        id
    }

    fn known<T: 'static>(&self) -> Option<TypeId> {
        self.ids.get(&any::TypeId::of::<T>()).copied()
    }

    /// Defines a struct. It has its id before its fields have theirs, for it may contain itself.
    pub fn structure<T: 'static>(
        &mut self,
        name: &'static str,
        fields: impl FnOnce(&mut Self) -> Vec<(&'static str, TypeId)>,
    ) -> TypeId {
        if let Some(id) = self.known::<T>() {
            return id;
        }
        let id = self.assign::<T>();
        let shape = Shape::Struct(fields(self));
        self.defined.insert(id, Defined { name, shape });
        id
    }

    /// Defines a slice of `E`.
    pub fn slice<T: 'static, E: Encode>(&mut self) -> TypeId {
        if let Some(id) = self.known::<T>() {
            return id;
        }
        let element = E::define(self);
        self.container::<T>(Shape::Slice(element))
    }

    /// Defines a map.
    pub fn map<T: 'static, K: Encode, E: Encode>(&mut self) -> TypeId {
        if let Some(id) = self.known::<T>() {
            return id;
        }
        let (key, element) = (K::define(self), E::define(self));
        self.container::<T>(Shape::Map(key, element))
    }

    /// Defines a type that makes its own bytes as Go's `GobEncoder`.
    pub fn gob_encoder<T: 'static>(&mut self, name: &'static str) -> TypeId {
        self.opaque::<T>(name, 4)
    }

    /// Defines a type that makes its own bytes as Go's `BinaryMarshaler`.
    pub fn binary_marshaler<T: 'static>(&mut self, name: &'static str) -> TypeId {
        self.opaque::<T>(name, 5)
    }

    fn opaque<T: 'static>(&mut self, name: &'static str, kind: u64) -> TypeId {
        if let Some(id) = self.known::<T>() {
            return id;
        }
        let id = self.assign::<T>();
        let shape = Shape::Opaque(kind);
        self.defined.insert(id, Defined { name, shape });
        id
    }

    fn container<T: 'static>(&mut self, shape: Shape) -> TypeId {
        let id = self.assign::<T>();
        // Nobody needs the names of types that have none in Go.
        self.defined.insert(id, Defined { name: "", shape });
        id
    }

    /// Appends a message for each definition that a value of this type needs and that was not sent yet.
    pub(crate) fn send(&mut self, id: TypeId, out: &mut Vec<u8>) {
        if !self.defined.contains_key(&id) || !self.sent.insert(id) {
            return;
        }
        let Some(defined) = self.defined.get(&id) else {
            return;
        };
        let (body, inner) = defined.definition(id);
        put_bytes(out, &body);
        for id in inner {
            self.send(id, out);
        }
    }
}

impl Defined {
    /// The message's body, and the types inside.
    fn definition(&self, id: TypeId) -> (Vec<u8>, Vec<TypeId>) {
        let mut out = Vec::new();
        put_int(&mut out, -id.0);
        let (field, inner) = match &self.shape {
            Shape::Slice(element) => (1, vec![*element]),
            Shape::Struct(fields) => (2, fields.iter().map(|(_, id)| *id).collect()),
            Shape::Map(key, element) => (3, vec![*key, *element]),
            Shape::Opaque(kind) => (*kind, Vec::new()),
        };
        put_uint(&mut out, field + 1);
        // The common part, field 0.
        put_uint(&mut out, 1);
        if self.name.is_empty() {
            put_uint(&mut out, 2);
        } else {
            put_uint(&mut out, 1);
            put_bytes(&mut out, self.name.as_bytes());
            put_uint(&mut out, 1);
        }
        put_int(&mut out, id.0);
        put_uint(&mut out, 0);
        match &self.shape {
            Shape::Struct(fields) => {
                if !fields.is_empty() {
                    put_uint(&mut out, 1);
                    put_uint(&mut out, fields.len() as u64);
                }
                for (name, id) in fields {
                    put_uint(&mut out, 1);
                    put_bytes(&mut out, name.as_bytes());
                    put_uint(&mut out, 1);
                    put_int(&mut out, id.0);
                    put_uint(&mut out, 0);
                }
            }
            Shape::Slice(_) | Shape::Map(..) | Shape::Opaque(_) => {
                for id in &inner {
                    put_uint(&mut out, 1);
                    put_int(&mut out, id.0);
                }
            }
        }
        // The end of the kind's struct and of the definition.
        put_uint(&mut out, 0);
        put_uint(&mut out, 0);
        (out, inner)
    }
}
