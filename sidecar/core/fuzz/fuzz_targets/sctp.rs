//! See `checks::sctp`.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../checks.rs"]
mod checks;
#[path = "../../tests/scenarios/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::sctp(data));
