//! Arguments and results as Mattermost's RPC layer sends them: a struct whose fields are `A`, `B`, `C`.

use parley_goplugin::gob::{Decode, Encode, Mismatch, TypeId, Types, Value, Writer};

/// A tuple as such a struct.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Positional<T>(pub(crate) T);

macro_rules! positional {
    ($($type:ident $place:tt $field:literal),+) => {
        impl<$($type: Encode),+> Encode for Positional<($($type,)+)> {
            const IS_STRUCT: bool = true;
            fn define(types: &mut Types) -> TypeId {
                types.structure::<Self>("Z", |types| vec![$(($field, $type::define(types))),+])
            }
            fn is_zero(&self) -> bool {
                false
            }
            fn put(&self, writer: &mut Writer<'_>) {
                let mut record = writer.record();
                $(record.field(&self.0.$place);)+
                record.end();
            }
        }

        impl<$($type: Decode + Default),+> Decode for Positional<($($type,)+)> {
            fn decode(value: Value) -> Result<Self, Mismatch> {
                let Value::Struct(fields) = value else {
                    return Err(value.mismatch("arguments"));
                };
                let mut found = <($($type,)+)>::default();
                for (name, value) in fields {
                    match &*name {
                        $($field => {
                            found.$place = $type::decode(value).map_err(|e| e.within($field))?;
                        })+
                        _ => {}
                    }
                }
                Ok(Self(found))
            }
        }
    };
}

positional!(A 0 "A");
positional!(A 0 "A", B 1 "B");
positional!(A 0 "A", B 1 "B", C 2 "C");
positional!(A 0 "A", B 1 "B", C 2 "C", D 3 "D");
