//! What stands between a client's session description and the SDP parser: size limits while
//! inflating, a strict check of what is known to hurt, and the changes media-plane.md asks for.

mod compress;
mod prepare;
#[cfg(test)]
mod samples;
mod sections;
mod text;
mod validate;

pub use compress::{
    Deflater, Description, DescriptionError, DescriptionKind, INFLATE_RATIO_MAX, Inflater, deflate,
    inflate,
};
pub use prepare::prepare_offer;
pub use sections::{Direction, MediaKind, Rid, Section, sections};
pub use text::lines_with_ends;
pub use validate::{SdpError, SdpLimits, validate};
