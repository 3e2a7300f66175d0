//! The core against simulated clients on a virtual clock and a seeded network: one behaviour per file.

mod glare;
mod hostile_datagrams;
mod hostile_sdp;
mod late_joiner;
mod leaving;
mod lock;
mod mute_gate;
#[cfg(feature = "sabotage")]
mod panic_isolation;
mod replacing;
mod slot_continuity;
mod stream_flood;
mod support;
mod two_hear_each_other;
