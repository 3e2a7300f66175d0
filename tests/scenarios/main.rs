//! What must happen, one behaviour per file, over the real component, host logic, services and core.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test that cannot go on fails

mod access;
mod alone;
mod events_survive_traps;
mod glare;
mod join;
mod key_frames;
mod kv_conflict;
mod late_joiner;
mod layer_switch;
mod leave;
mod link;
mod membership;
mod mute_gate;
mod nobody_joins;
mod recording;
mod resume;
mod screen;
mod sidecar_restart;
mod signalling_lock;
mod slot_handover;
mod stats;
mod stun_integrity;
mod watch_handover;
