//! Faults on purpose, so that `cargo xtask sabotage` can see the right scenario go red.
//!
//! Only in builds with the feature `sabotage`; in all others every question is answered "no" at compile
//! time.

/// What the environment variable `PARLEY_SABOTAGE` names.
#[cfg(feature = "sabotage")]
pub(crate) fn named() -> Option<String> {
    std::env::var("PARLEY_SABOTAGE").ok()
}

/// Whether the environment variable `PARLEY_SABOTAGE` names this fault.
#[must_use]
pub fn is_active(fault: &str) -> bool {
    cfg!(feature = "sabotage") && std::env::var("PARLEY_SABOTAGE").is_ok_and(|named| named == fault)
}
