//! A recording's published files out of its journal: mixed Opus, passed-through VP8, WebM.

#![forbid(unsafe_code)]
