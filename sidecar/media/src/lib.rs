//! Pure pieces of the media plane: no str0m, no clock, no socket. Each module is one idea with its
//! tests; whoever needs the time passes it in.
//!
//! | module | idea |
//! |---|---|
//! | [`ufrag`] | ICE user fragments that say where a datagram belongs |
//! | [`bucket`] | token buckets, one or one per source |
//! | [`channel`] | the `calls-dc` messages, both ways |
//! | [`sdp`] | what may reach the SDP parser, and what is changed first |
//! | [`sequence`] | RTP indices that never repeat, across sources and per listener |
//! | [`rtcp`] | report blocks and sender information, in place |
//! | [`feedback`] | what a receiver says that it lost, and of what arrived when |
//! | [`audio`] | who is in which voice slot, and how its packets are renumbered |
//! | [`recording`] | what a recording is made of |
//! | [`video`] | key-frame requests, layer choice, renumbering, VP8 headers |

#![forbid(unsafe_code)]

pub mod audio;
pub mod bucket;
pub mod channel;
pub mod feedback;
pub mod recording;
pub mod rtcp;
pub mod sdp;
pub mod sequence;
pub mod ufrag;
pub mod video;
