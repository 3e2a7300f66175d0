//! The core against simulated clients on a virtual clock and a seeded network: one behaviour per file.

// A helper that unwraps fails the test it serves.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// Simulations begin their own time and measure real time; clients' keys are seen from two sides.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod allocations;
mod authentic_media;
mod av1_pair;
mod away_egress;
mod client_protocol;
mod compact_egress;
mod corpus;
mod event_flood;
mod gallery;
mod glare;
mod hostile_datagrams;
mod hostile_feedback;
mod hostile_sctp;
mod hostile_sdp;
mod idle;
mod inbound_audio;
mod joins;
mod late_joiner;
mod leaving;
mod lock;
mod mute_gate;
mod offers_again;
#[cfg(feature = "sabotage")]
mod panic_isolation;
mod random_histories;
mod recording_ends;
mod recording_key_frames;
mod recording_members;
mod recording_pictures;
mod recording_voices;
mod replacing;
mod report_line;
mod scoreboard;
mod sequence_wrap;
mod shards;
mod simulcast;
mod slot_continuity;
mod statistics;
mod stream_flood;
mod support;
mod two_hear_each_other;
mod unsent;
mod video;
mod voices;
mod wrong_fingerprint;
