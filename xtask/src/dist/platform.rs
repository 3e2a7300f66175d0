//! The machines that bundles are made for.

use std::path::Path;

use crate::sh;

/// The newest glibc whose symbols the executables may use: what Mattermost's own oldest supported
/// distributions have (RHEL 8, Debian 10).
pub(crate) const GLIBC: (u32, u32) = (2, 28);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Amd64,
    Arm64,
}

impl Platform {
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// As Mattermost's manifests name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "linux-amd64",
            Self::Arm64 => "linux-arm64",
        }
    }

    /// As rustc names it.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// As `readelf` names it.
    pub(crate) const fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "Advanced Micro Devices X86-64",
            Self::Arm64 => "AArch64",
        }
    }

    /// The one that this program was built for.
    pub(crate) fn of_this_machine() -> Option<Self> {
        Self::ALL.into_iter().find(|platform| {
            cfg!(target_os = "linux") && platform.triple().starts_with(std::env::consts::ARCH)
        })
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.name() == name)
    }

    /// Whether the Rust toolchain has the standard library of this target; the rest of a cross toolchain
    /// comes with Zig.
    pub(crate) fn is_installed(self) -> bool {
        sh::output(
            "rustc",
            &["--print", "target-libdir", "--target", self.triple()],
        )
        .is_some_and(|folder| Path::new(&folder).is_dir())
    }
}
