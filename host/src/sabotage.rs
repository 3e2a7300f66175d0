//! Named faults for `cargo xtask sabotage`: each must turn a test red. Without the feature `sabotage` this
//! is a constant `false` and the compiler removes it.

/// The variable that names the fault to commit.
pub const FAULT_VARIABLE: &str = "PARLEY_SABOTAGE";

/// A fault of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Media events are acknowledged before the guest has handled them.
    AckBeforeHandling,
    /// A compare-and-set sets without comparing.
    KvCompareSkipped,
    /// The guest's CPU budget is not enforced.
    EpochOff,
}

impl Fault {
    /// The value of [`FAULT_VARIABLE`] that asks for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeHandling => "ack_before_handling",
            Self::KvCompareSkipped => "kv_compare_skipped",
            Self::EpochOff => "epoch_off",
        }
    }

    /// Whether this run is to have the fault.
    #[must_use]
    pub fn is_on(self) -> bool {
        cfg!(feature = "sabotage")
            && std::env::var(FAULT_VARIABLE).is_ok_and(|fault| fault == self.name())
    }
}

/// The fault that this run is to have, for the guest: it knows its own.
#[must_use]
pub fn requested() -> Option<String> {
    if !cfg!(feature = "sabotage") {
        return None;
    }
    std::env::var(FAULT_VARIABLE).ok()
}
