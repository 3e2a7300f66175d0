//! Go's encoding/gob: a self-describing stream of messages, each a type definition or a value.
//!
//! Fields are matched by name: unknown ones are skipped, absent ones are zero. What is received becomes a
//! [`Value`] first, within limits, and then the wanted type by [`Decode`]. What is sent is described by
//! [`Encode`]; definitions go ahead of the value, never in the middle of it.
//!
//! Reference: <https://pkg.go.dev/encoding/gob>.

mod any;
mod decode;
mod define;
mod encode;
mod foreign;
mod impls;
mod malformed;
mod primitive;
mod record;
mod value;
mod wire_type;

pub use self::any::{Any, Registered};
pub use self::decode::Decoder;
pub use self::define::{TypeId, Types};
pub use self::encode::{Concrete, Encode, Encoder, Present, Record, Writer};
pub use self::foreign::{Time, Url};
pub use self::malformed::Malformed;
pub use self::value::{Decode, Mismatch, Value};

/// Longest message, and longest value over several messages, in bytes. Go's own limit is 1 GiB.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of a value.
pub const DEPTH_MAX: usize = 64;
/// Most values inside one value: each takes up to 48 bytes of memory for as little as one byte received.
pub const NODES_MAX: usize = 256 * 1024;
/// Most types that one stream may define.
pub const TYPES_MAX: usize = 1024;
/// Most messages that one value may be spread over.
pub const PARTS_MAX: usize = 128;
/// Most bytes looked at for one value: a value over several messages is read anew with each of them.
pub const WORK_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;

/// The first id that a stream's own types may have.
pub(crate) const FIRST_OWN_ID: i64 = 64;

/// Ids of types that every stream knows.
pub(crate) mod builtin {
    pub(crate) const BOOL: i64 = 1;
    pub(crate) const INT: i64 = 2;
    pub(crate) const UINT: i64 = 3;
    pub(crate) const FLOAT: i64 = 4;
    pub(crate) const BYTES: i64 = 5;
    pub(crate) const STRING: i64 = 6;
    pub(crate) const COMPLEX: i64 = 7;
    pub(crate) const INTERFACE: i64 = 8;
}
