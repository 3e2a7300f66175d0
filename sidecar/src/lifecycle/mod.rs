//! The process around the media: start, being found, lease, end.
//!
//! # Launch contract
//! What a host does to start or adopt the embedded sidecar. Names, exit codes and the content of the lock
//! file are [`parley_proto::launch`]; both sides use that one definition.
//!
//! **Runtime directory.** The host chooses one per data directory: `$XDG_RUNTIME_DIR/parley-...` or any
//! directory that it makes with mode 0700; the socket's path must stay below 108 bytes. The sidecar makes
//! it if it is missing, and refuses one that is not its own user's or is open to others (exit
//! [`EXIT_SYSTEM`](parley_proto::launch::EXIT_SYSTEM)). In it, for protocol major 1
//! ([`RuntimeFiles`](parley_proto::launch::RuntimeFiles)):
//!
//! | file | what |
//! |---|---|
//! | `sidecar-v1.lock` | `flock`ed exclusively while the process lives. JSON [`LaunchInfo`](parley_proto::launch::LaunchInfo) once it serves, empty before. Stays behind after the end: a lock nobody holds is stale and is taken over. A host does **not** lock it to probe; it connects to the socket. |
//! | `sidecar-v1.sock` | gRPC over HTTP/2 without TLS, 0600, peers of another uid are dropped (SO_PEERCRED). |
//! | `sidecar-v1.token` | the token, 0600: how a *later* host gets it. |
//!
//! **Start.** The host copies the executable to a place that an upgrade of the plugin does not replace
//! (e.g. `<runtime dir>/bin/`), and runs
//!
//! ```text
//! parley-sidecar --embedded --runtime-dir DIR [--data-dir DIR] [--config FILE] \
//!     --token-fd 0 --ready-fd 1 [--media-port 8443] [--media-address IP]...
//! ```
//!
//! - stdin = a pipe: the host writes a token (64 hexadecimal digits from 32 random bytes) and closes it.
//!   Any descriptor number does, 0 needs no unsafe code on the host's side. Without `--token-fd` the
//!   sidecar makes a token itself. Never in argv or the environment.
//! - stdout = a pipe: one line of JSON [`LaunchInfo`](parley_proto::launch::LaunchInfo)
//!   comes when the process serves, then end of file.
//!   End of file without a line: the start failed; the exit code tells how.
//! - stderr = a pipe or null: what is wrong with a start is written there, until the ready line; then it
//!   is closed too. From then on everything goes to the sidecar's own rotated log
//!   (`LaunchInfo.log`: `sidecar-v1.log` in the data directory, else in the runtime directory).
//! - `--embedded` = `setsid`, stdin `/dev/null`, stdout and stderr moved to the log, all other inherited
//!   descriptors closed, and the lease below. The host keeps the `Child` only to see its exit; it must
//!   not kill it when it ends itself.
//!
//! **Exit codes**: 0 in order, 70 bug, 71 system, 75 another one lives here (adopt it), 78 configuration.
//!
//! **Adopt.** Before it starts one, a host connects to `sidecar-v1.sock` and sends `GetInfo` with the
//! token of `sidecar-v1.token` (`authorization: Bearer <token>` with every call). An answer = adopted: go
//! on with `Watch`; everything unacked comes again. Connection refused or no such file: start one. Locks of
//! other majors (`sidecar-v*.lock`) that still live are asked to finish by `SIGUSR1` to their pid (drain,
//! no deadline) and left alone; should the media port be theirs, the new one takes a free port.
//!
//! **Connections.** `GetInfo` is the first call on each HTTP/2 connection, otherwise FAILED_PRECONDITION.
//! A connection counts as an attached host from its `GetInfo` until it closes.
//!
//! **Lease** (only `--embedded`), counted from the moment when no host is attached:
//!
//! | before that | ends after |
//! |---|---|
//! | `Goodbye` by the last host | 20 s |
//! | connection lost, sessions live | 10 min |
//! | connection lost, no session; or never attached | 30 s |
//!
//! The rule is looked at anew when sessions come or go. Rooms end with reason SHUTDOWN at the end.
//!
//! **Without `--embedded`**, started by an admin: no lease, log on standard error, and with `grpc_listen` a
//! TCP port for hosts on other machines (`remote_peers`): TLS beyond loopback, the token from `token_file`,
//! the same services and rules as on the socket. `LaunchInfo.grpc` says the address. SIGHUP reads the
//! certificate anew.
//!
//! **Signals**: SIGTERM and SIGINT: no new rooms, rooms end with reason SHUTDOWN, 2 s for the events to
//! be acked, exit 0. SIGUSR1: drain without deadline.

mod allocator;
mod descriptors;
mod ending;
mod lease;
mod log;
mod peers;
mod process;
mod recording;
mod remote_peers;
mod runtime_dir;
mod tls;

pub use lease::Lease;
pub use process::{Failure, main};
pub use runtime_dir::{RuntimeDir, RuntimeDirError};
