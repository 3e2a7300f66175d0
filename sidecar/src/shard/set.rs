//! All shards of the process as one core: commands go to the shard where their room is, those about all
//! rooms to each, and what the shards say is put together.

use std::sync::Arc;

use futures::future::join_all;
use parley_core::api::{Command, CommandError, NodeCounters, Reply, RoomId};

use super::placement::{Placement, Reservation};
use super::{ShardHandle, ShardReport};
use crate::core_client::{CallError, CoreClient, CoreHealth};

/// Whom a room that is nowhere is asked for: any shard answers as it must.
const ANY: usize = 0;

/// See the module.
#[derive(Debug, Clone)]
pub struct ShardSet {
    shards: Arc<[ShardHandle]>,
    placement: Placement,
}

impl ShardSet {
    pub(super) fn new(shards: Vec<ShardHandle>, placement: Placement) -> Self {
        Self {
            shards: shards.into(),
            placement,
        }
    }

    /// The last report of each shard.
    #[must_use]
    pub fn reports(&self) -> Vec<ShardReport> {
        self.shards.iter().map(ShardHandle::report).collect()
    }

    /// Where a room's commands go, and its place if it is about to be opened there.
    fn place(
        &self,
        room: &RoomId,
        opens: bool,
    ) -> Result<(&ShardHandle, Option<Reservation>), CallError> {
        let (shard, reservation) = if opens {
            let loads: Vec<f64> = self.shards.iter().map(ShardHandle::load).collect();
            let placed = self.placement.reserve(room, &loads);
            let full = |_| CallError::Refused(CommandError::Limit("rooms"));
            placed
                .map(|(shard, reservation)| (shard, Some(reservation)))
                .map_err(full)?
        } else {
            (self.placement.shard_of(room).unwrap_or(ANY), None)
        };
        let handle = self.shards.get(shard).ok_or(CallError::Gone)?;
        Ok((handle, reservation))
    }

    /// Of a command about all rooms. It is sent to every shard before the first has answered. Where one
    /// refuses, so does the node: each of these commands may be repeated.
    async fn ask_all(&self, command: Command) -> Result<Reply, CallError> {
        let asked = self
            .shards
            .iter()
            .map(|shard| shard.send(command.clone(), None));
        let mut replies = join_all(asked).await.into_iter();
        let first = replies.next().unwrap_or(Err(CallError::Gone))?;
        let mut merged = replies.try_fold(first, |merged, reply| merge(merged, reply?))?;
        sort(&mut merged);
        Ok(merged)
    }
}

impl CoreClient for ShardSet {
    async fn command(&self, command: Command) -> Result<Reply, CallError> {
        let Some(room) = command.room() else {
            return self.ask_all(command).await;
        };
        let opens = matches!(command, Command::OpenRoom { .. });
        let (shard, reservation) = self.place(room, opens)?;
        shard.send(command, reservation).await
    }

    fn health(&self) -> CoreHealth {
        let mut counters = NodeCounters::default();
        for shard in self.shards.iter() {
            counters.add(&shard.counters());
        }
        CoreHealth {
            ready: self.shards.iter().all(ShardHandle::is_ready),
            load: self
                .shards
                .iter()
                .map(ShardHandle::load)
                .fold(0.0, f64::max),
            media_addresses: self
                .shards
                .first()
                .map(|shard| shard.media_addresses.to_vec())
                .unwrap_or_default(),
            counters,
        }
    }
}

/// Two shards' replies to the same command.
fn merge(one: Reply, other: Reply) -> Result<Reply, CallError> {
    Ok(match (one, other) {
        (Reply::Done, Reply::Done) => Reply::Done,
        (Reply::Count(a), Reply::Count(b)) => Reply::Count(a.saturating_add(b)),
        (Reply::Rooms(mut a), Reply::Rooms(b)) => {
            a.extend(b);
            Reply::Rooms(a)
        }
        (Reply::Found(mut a), Reply::Found(b)) => {
            a.extend(b);
            Reply::Found(a)
        }
        // A command about one room that was asked of all, which none is.
        _ => return Err(CallError::Refused(CommandError::Internal)),
    })
}

/// As one shard has them: by the rooms' ids, within a room by who came first.
fn sort(reply: &mut Reply) {
    match reply {
        Reply::Rooms(rooms) => rooms.sort_by(|a, b| a.room.room.cmp(&b.room.room)),
        Reply::Found(found) => found.sort_by(|a, b| a.room.room.cmp(&b.room.room)),
        _ => {}
    }
}
