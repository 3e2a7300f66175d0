//! Named faults for `cargo xtask sabotage`: each must turn a test red. Without the test-only feature
//! `sabotage` none of this is compiled in.

/// A fault that can be switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The access table grants everything.
    AccessAlwaysYes,
    /// The post of a call is made again on each occasion.
    PostTwice,
}

/// Whether the fault is on: its name is in the environment variable `PARLEY_SABOTAGE` (comma-separated),
/// of the process or of the sandbox.
#[cfg(feature = "sabotage")]
pub(crate) fn active(fault: Fault) -> bool {
    let name = match fault {
        Fault::AccessAlwaysYes => "access_always_yes",
        Fault::PostTwice => "post_twice",
    };
    std::env::var("PARLEY_SABOTAGE").is_ok_and(|list| list.split(',').any(|n| n == name))
}

/// Never.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn active(_fault: Fault) -> bool {
    false
}
