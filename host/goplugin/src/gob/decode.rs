//! Messages in, values out: within the limits of [`super`].

use std::collections::HashMap;

use super::malformed::Malformed;
use super::primitive::Reader;
use super::value::Value;
use super::wire_type::WireType;
use super::{
    DEPTH_MAX, FIRST_OWN_ID, MESSAGE_BYTES_MAX, NODES_MAX, PARTS_MAX, TYPES_MAX, WORK_BYTES_MAX,
    builtin,
};

/// Why a value is not there yet.
enum Stop {
    /// It goes on in a message that has not come yet.
    More,
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

type Step<T> = Result<T, Stop>;

/// One direction of a stream: keeps the types that were defined on it.
#[derive(Debug, Default)]
pub struct Decoder {
    types: HashMap<i64, WireType>,
    /// Messages of a value that is not complete.
    parts: Vec<Vec<u8>>,
    /// Bytes looked at for that value so far.
    work: usize,
}

impl Decoder {
    /// Takes one message without its length; gives a value when one is complete. After an error, the next
    /// message may be the start of a sound value.
    pub fn push(&mut self, message: Vec<u8>) -> Result<Option<Value>, Malformed> {
        if self.parts.is_empty() {
            let mut reader = Reader::new(&message);
            let id = reader.int()?;
            if id < 0 {
                let defined = WireType::read(&mut reader)?;
                if reader.left() > 0 {
                    return Err(Malformed::Trailing);
                }
                define(&mut self.types, None, id, defined)?;
                return Ok(None);
            }
        }
        self.parts.push(message);
        let bytes: usize = self.parts.iter().map(Vec::len).sum();
        self.work = self.work.saturating_add(bytes);
        let outcome = if bytes > MESSAGE_BYTES_MAX {
            Err(Malformed::Limit("value length").into())
        } else if self.parts.len() > PARTS_MAX {
            Err(Malformed::Limit("messages of a value").into())
        } else if self.work > WORK_BYTES_MAX {
            Err(Malformed::Limit("work for a value").into())
        } else {
            self.attempt()
        };
        if let Err(Stop::More) = outcome {
            return Ok(None);
        }
        self.parts.clear();
        self.work = 0;
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Malformed(malformed)) => Err(malformed),
            Err(Stop::More) => Ok(None),
        }
    }

    /// Reads the parts from their start. Definitions among them count once the value is decided.
    fn attempt(&mut self) -> Step<Value> {
        let mut attempt = Attempt {
            known: &self.types,
            new: HashMap::new(),
            parts: &self.parts,
            next_part: 0,
            reader: Reader::new(&[]),
            nodes: 0,
            depth: 0,
        };
        let outcome = attempt.message();
        let new = attempt.new;
        if !matches!(outcome, Err(Stop::More)) {
            self.types.extend(new);
        }
        outcome
    }
}

fn define(
    types: &mut HashMap<i64, WireType>,
    known: Option<&HashMap<i64, WireType>>,
    negative_id: i64,
    defined: WireType,
) -> Result<(), Malformed> {
    let id = negative_id.checked_neg().ok_or(Malformed::Definition)?;
    let before = known.map_or(0, HashMap::len);
    if types.len() + before >= TYPES_MAX {
        return Err(Malformed::Limit("types"));
    }
    let twice = types.contains_key(&id) || known.is_some_and(|known| known.contains_key(&id));
    if id < FIRST_OWN_ID || twice {
        return Err(Malformed::Definition);
    }
    types.insert(id, defined);
    Ok(())
}

/// Reading one value, as Go's decoder does: wherever a type id is expected, the next message may begin.
struct Attempt<'a> {
    known: &'a HashMap<i64, WireType>,
    new: HashMap<i64, WireType>,
    parts: &'a [Vec<u8>],
    next_part: usize,
    reader: Reader<'a>,
    nodes: usize,
    depth: usize,
}

impl Attempt<'_> {
    fn message(&mut self) -> Step<Value> {
        let id = self.type_id(false)?;
        let value = self.single(id)?;
        if self.reader.left() > 0 || self.next_part < self.parts.len() {
            return Err(Malformed::Trailing.into());
        }
        Ok(value)
    }

    /// Reads definitions until the id of a value comes.
    fn type_id(&mut self, in_interface: bool) -> Step<i64> {
        loop {
            if self.reader.left() == 0 {
                let part = self.parts.get(self.next_part).ok_or(Stop::More)?;
                self.next_part += 1;
                self.reader = Reader::new(part);
            }
            let id = self.reader.int()?;
            if id >= 0 {
                return Ok(id);
            }
            let defined = WireType::read(&mut self.reader)?;
            define(&mut self.new, Some(self.known), id, defined)?;
            if self.reader.left() > 0 {
                if !in_interface {
                    return Err(Malformed::Trailing.into());
                }
                // The length of what follows.
                self.reader.uint()?;
            }
        }
    }

    /// A value that stands by itself: what is no struct has a zero before it.
    fn single(&mut self, id: i64) -> Step<Value> {
        let is_struct = matches!(self.wire_type(id), Ok(WireType::Struct(_)));
        if !is_struct && self.reader.uint()? != 0 {
            return Err(Malformed::Value.into());
        }
        self.value(id)
    }

    fn wire_type(&self, id: i64) -> Result<&WireType, Malformed> {
        self.known
            .get(&id)
            .or_else(|| self.new.get(&id))
            .ok_or(Malformed::Undefined(id))
    }

    fn value(&mut self, id: i64) -> Step<Value> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Malformed::Limit("number of values").into());
        }
        let value = match id {
            builtin::BOOL => match self.reader.uint()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(Malformed::Value.into()),
            },
            builtin::INT => Value::Int(self.reader.int()?),
            builtin::UINT => Value::Uint(self.reader.uint()?),
            builtin::FLOAT => Value::Float(self.reader.float()?),
            builtin::BYTES => Value::Bytes(self.reader.bytes()?.to_vec()),
            builtin::STRING => Value::String(self.reader.bytes()?.to_vec()),
            builtin::COMPLEX => Value::Complex(self.reader.float()?, self.reader.float()?),
            builtin::INTERFACE => self.nested(Self::interface)?,
            own => {
                let wire_type = self.wire_type(own)?.clone();
                self.nested(|this| this.own(&wire_type))?
            }
        };
        Ok(value)
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Step<Value>) -> Step<Value> {
        if self.depth == DEPTH_MAX {
            return Err(Malformed::Limit("depth").into());
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn own(&mut self, wire_type: &WireType) -> Step<Value> {
        match wire_type {
            WireType::Opaque => Ok(Value::Opaque(self.reader.bytes()?.to_vec())),
            WireType::Slice { element } => {
                let count = self.reader.uint()?;
                self.elements(count, *element)
            }
            WireType::Array { element, length } => {
                if self.reader.uint()? != *length {
                    return Err(Malformed::Value.into());
                }
                self.elements(*length, *element)
            }
            WireType::Map { key, element } => {
                let mut entries = Vec::new();
                for _ in 0..self.reader.uint()? {
                    entries.push((self.value(*key)?, self.value(*element)?));
                }
                Ok(Value::Map(entries))
            }
            WireType::Struct(fields) => {
                let mut found = Vec::new();
                // One past the field before.
                let mut next = 0usize;
                loop {
                    let delta = self.reader.uint()?;
                    if delta == 0 {
                        return Ok(Value::Struct(found));
                    }
                    let delta = usize::try_from(delta).map_err(|_| Malformed::Value)?;
                    next = next.checked_add(delta).ok_or(Malformed::Value)?;
                    let field = fields.get(next - 1).ok_or(Malformed::Value)?;
                    found.push((field.name.clone(), self.value(field.id)?));
                }
            }
        }
    }

    fn elements(&mut self, count: u64, element: i64) -> Step<Value> {
        // Nothing is reserved for the count: each element has to come, in a byte at least.
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(self.value(element)?);
        }
        Ok(Value::List(elements))
    }

    fn interface(&mut self) -> Step<Value> {
        let name = self.reader.bytes()?;
        if name.is_empty() {
            return Ok(Value::Nil);
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let id = self.type_id(true)?;
        // The length, for those who skip.
        self.reader.uint()?;
        let value = self.single(id)?;
        Ok(Value::Interface(Box::new((name, value))))
    }
}
