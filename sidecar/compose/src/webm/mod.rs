//! WebM, written so that it plays at any moment (RFC 9559 and the WebM container guidelines).
//!
//! | module | idea |
//! |---|---|
//! | [`ebml`] | elements to bytes |
//! | [`head`] | what stands before the clusters, and is written again when more is known |
//! | [`file`] | clusters, indexes |
//! | [`parts`] | one file after the other |

pub(crate) mod ebml;
pub(crate) mod file;
pub(crate) mod head;
pub(crate) mod parts;
