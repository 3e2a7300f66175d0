//! The sidecar's core: rooms, sessions and media forwarding as one state machine.
//!
//! No clock, socket, thread or runtime lives here. The shell feeds [`Core`] with commands, datagrams and
//! the time, and after each of them drains [`Core::poll_output`] until it says [`Output::Timeout`].
//! The same inputs in the same order give the same outputs: a simulation can replay any run.
//!
//! Architecture invariant: nothing here knows gRPC, Mattermost, channels or posts.

pub mod api;

use std::net::SocketAddr;
use std::time::Duration;

use api::{Command, CommandError, CoreConfig, NodeCounters, Now, Output, Reply};

/// All rooms and sessions of one shard.
#[derive(Debug)]
pub struct Core {
    config: CoreConfig,
    now: Now,
    counters: NodeCounters,
}

impl Core {
    /// An empty core. Cheap but for the DTLS certificate, which is made once per process.
    pub fn new(config: CoreConfig, now: Now) -> Self {
        Self {
            config,
            now,
            counters: NodeCounters::default(),
        }
    }

    /// Handles one command. Drain [`Self::poll_output`] afterwards.
    pub fn handle_command(&mut self, command: Command, now: Now) -> Result<Reply, CommandError> {
        self.now = now;
        match command {
            Command::ListRooms => Ok(Reply::Rooms(Vec::new())),
            Command::EndRoom { .. } => Ok(Reply::Done),
            _ => Err(CommandError::NoRoom),
        }
    }

    /// Handles one datagram that arrived at `local`. Drain [`Self::poll_output`] afterwards.
    pub fn handle_datagram(
        &mut self,
        _local: SocketAddr,
        _from: SocketAddr,
        _data: &[u8],
        now: Now,
    ) {
        self.now = now;
    }

    /// Lets timers fire. Drain [`Self::poll_output`] afterwards.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
    }

    /// The next thing to do; drain until [`Output::Timeout`].
    pub fn poll_output(&mut self) -> Output<'_> {
        Output::Timeout(self.now.instant + Duration::from_secs(3600))
    }

    /// Node-wide counters, absolute.
    pub fn counters(&self) -> NodeCounters {
        let _ = &self.config;
        self.counters.clone()
    }
}
