//! Type definitions as they are received.

use std::sync::Arc;

use super::malformed::Malformed;
use super::primitive::Reader;

/// What a definition says about an id.
#[derive(Debug, Clone)]
pub(crate) enum WireType {
    Array {
        element: i64,
        length: u64,
    },
    Slice {
        element: i64,
    },
    Struct(Arc<[WireField]>),
    Map {
        key: i64,
        element: i64,
    },
    /// Bytes that the type makes and reads itself.
    Opaque,
}

#[derive(Debug, Clone)]
pub(crate) struct WireField {
    pub(crate) name: Arc<str>,
    pub(crate) id: i64,
}

/// Calls `read` for each field of a struct until its end.
fn fields<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>, u64) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut next = 0u64;
    loop {
        let delta = reader.uint()?;
        if delta == 0 {
            return Ok(());
        }
        next = next.checked_add(delta).ok_or(Malformed::Definition)?;
        read(reader, next - 1)?;
    }
}

/// Name and id, which say nothing that is needed: the id that counts stands before the definition.
fn common(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    fields(reader, |reader, index| {
        match index {
            0 => drop(reader.bytes()?),
            1 => drop(reader.int()?),
            _ => return Err(Malformed::Definition),
        }
        Ok(())
    })
}

/// A struct of the common part and numbers, which is what most definitions are.
fn numbers<const N: usize>(reader: &mut Reader<'_>) -> Result<[i64; N], Malformed> {
    let mut found = [0; N];
    fields(reader, |reader, index| {
        if index == 0 {
            return common(reader);
        }
        let place = usize::try_from(index - 1).ok();
        let slot = place.and_then(|place| found.get_mut(place));
        *slot.ok_or(Malformed::Definition)? = reader.int()?;
        Ok(())
    })?;
    Ok(found)
}

fn structure(reader: &mut Reader<'_>) -> Result<WireType, Malformed> {
    let mut list = Vec::new();
    fields(reader, |reader, index| match index {
        0 => common(reader),
        1 => {
            // Each takes a byte at least: a count beyond what is left ends at the message's end.
            for _ in 0..reader.uint()? {
                let (mut name, mut id) = (Arc::<str>::default(), 0);
                fields(reader, |reader, index| {
                    match index {
                        0 => name = String::from_utf8_lossy(reader.bytes()?).into(),
                        1 => id = reader.int()?,
                        _ => return Err(Malformed::Definition),
                    }
                    Ok(())
                })?;
                list.push(WireField { name, id });
            }
            Ok(())
        }
        _ => Err(Malformed::Definition),
    })?;
    Ok(WireType::Struct(list.into()))
}

impl WireType {
    /// Reads the definition that follows a negative id.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut found = None;
        fields(reader, |reader, index| {
            let wire_type = match index {
                0 => {
                    let [element, length] = numbers(reader)?;
                    let length = u64::try_from(length).map_err(|_| Malformed::Definition)?;
                    Self::Array { element, length }
                }
                1 => {
                    let [element] = numbers(reader)?;
                    Self::Slice { element }
                }
                2 => structure(reader)?,
                3 => {
                    let [key, element] = numbers(reader)?;
                    Self::Map { key, element }
                }
                4..=6 => {
                    let [] = numbers(reader)?;
                    Self::Opaque
                }
                _ => return Err(Malformed::Definition),
            };
            match found.replace(wire_type) {
                None => Ok(()),
                Some(_) => Err(Malformed::Definition),
            }
        })?;
        found.ok_or(Malformed::Definition)
    }
}
