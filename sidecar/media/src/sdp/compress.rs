//! `{type, sdp}` as JSON and as zlib of that, with limits that hold while inflating.

/// Output may be at most so many times the input: an honest 68 KB offer is 23 times its 2.9 KB.
pub const INFLATE_RATIO_MAX: usize = 128;

/// Offer or answer; the other kinds of JSEP are not used in this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptionKind {
    /// A proposal.
    Offer,
    /// The reply to one.
    Answer,
}

/// A session description as signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// Unchecked text, see [`super::validate`].
    pub sdp: String,
}

/// Why a signalled description was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Larger than allowed, or inflates to more.
    #[error("description is too large")]
    TooLarge,
    /// Not zlib, or cut off.
    #[error("description is not zlib data")]
    NotZlib,
    /// Not JSON `{type, sdp}` with type `offer` or `answer`.
    #[error("description is not JSON of type and sdp")]
    NotJson,
}

impl Description {
    /// From JSON text of at most `bytes_max`.
    pub fn from_json(json: &[u8], bytes_max: usize) -> Result<Self, DescriptionError> {
        let _ = (json, bytes_max);
        todo!()
    }

    /// From zlib data that inflates to at most `bytes_max`.
    pub fn from_zlib(data: &[u8], bytes_max: usize) -> Result<Self, DescriptionError> {
        Self::from_json(&inflate(data, bytes_max)?, bytes_max)
    }

    /// JSON text, as `signal` events carry it.
    pub fn to_json(&self) -> String {
        todo!()
    }

    /// zlib of the JSON, as the data channel carries it.
    pub fn to_zlib(&self) -> Vec<u8> {
        deflate(self.to_json().as_bytes())
    }
}

/// Inflates zlib data, stopping at `bytes_max` of output and at [`INFLATE_RATIO_MAX`].
pub fn inflate(data: &[u8], bytes_max: usize) -> Result<Vec<u8>, DescriptionError> {
    let _ = (data, bytes_max);
    todo!()
}

/// Compresses to zlib data.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let _ = bytes;
    todo!()
}
