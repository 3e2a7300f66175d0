//! Structs: fields by their names in Go.

/// Declares a struct that is sent and received as a Go struct: `field: Type = "GoName"`. Fields that are
/// declared here but not there are skipped by the other side, and the other way round.
///
/// ```
/// parley_goplugin::gob_struct! {
///     /// A point.
///     pub struct Point = "Point" {
///         /// Right.
///         x: i64 = "X",
///         /// Up.
///         y: i64 = "Y",
///     }
/// }
/// ```
#[macro_export]
macro_rules! gob_struct {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident = $go:literal {
            $($(#[$field_meta:meta])* $field:ident : $type:ty = $go_field:literal),* $(,)?
        }
    )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        $vis struct $name {
            $($(#[$field_meta])* $vis $field: $type,)*
        }

        impl $crate::gob::Encode for $name {
            const IS_STRUCT: bool = true;
            fn define(types: &mut $crate::gob::Types) -> $crate::gob::TypeId {
                types.structure::<Self>($go, |_types| vec![
                    $(($go_field, <$type as $crate::gob::Encode>::define(_types)),)*
                ])
            }
            /// Go sends a struct even if all of it is zero.
            fn is_zero(&self) -> bool {
                false
            }
            fn put(&self, writer: &mut $crate::gob::Writer<'_>) {
                #[allow(unused_mut)]
                let mut record = writer.record();
                $(record.field(&self.$field);)*
                record.end();
            }
        }

        impl $crate::gob::Present for $name {}

        impl $crate::gob::Decode for $name {
            fn decode(value: $crate::gob::Value) -> Result<Self, $crate::gob::Mismatch> {
                let $crate::gob::Value::Struct(fields) = value else {
                    return Err(value.mismatch("a struct"));
                };
                #[allow(unused_mut)]
                let mut found = Self::default();
                for (name, _value) in fields {
                    match &*name {
                        $($go_field => {
                            found.$field = $crate::gob::Decode::decode(_value)
                                .map_err(|error| error.within($go_field))?;
                        })*
                        _ => {}
                    }
                }
                Ok(found)
            }
        }
    )* };
}
