//! The embedded sidecar: found, started or adopted, watched, replaced, left in order.
//!
//! Its process outlives the host's on purpose (media flows on while a platform restarts its plugin), so the
//! host never kills it when it ends itself; it says goodbye, or asks it to end ([`SidecarEnding`]). The contract between both is in
//! `parley_sidecar::lifecycle` and [`parley_proto::launch`]. A remote one, which an admin runs, is only connected
//! to ([`Remote`]).

mod addresses;
mod attach;
mod complaint;
mod dial;
mod ending;
mod in_use;
mod install;
mod introduction;
mod launch;
mod locate;
mod process;
mod remote;
mod runtime_dir;
mod supervisor;

pub use self::ending::SidecarEnding;
pub use self::install::InstallError;
pub use self::launch::LaunchError;
pub use self::locate::{NotFound, locate};
pub use self::remote::{Remote, RemoteConfig, check_authorities};
pub use self::runtime_dir::{RuntimeDirError, runtime_dir};
pub use self::supervisor::{FirstStart, SidecarConfig, Supervisor, SupervisorCounters};
