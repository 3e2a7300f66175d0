//! Ownership and delivery: who gets a room, what goes out next, when patience ends.

use std::sync::Arc;
use std::time::Instant;

use parley_core::api::RoomId;

use super::{
    ACK_PATIENCE, CloseReason, ENDED_ROOMS_MAX, Host, HostKey, Hub, HubOutput, IN_FLIGHT_MAX,
    PING_EVERY, PING_PATIENCE, ToHost,
};
use crate::watch::room::Content;

impl Hub {
    pub(super) fn pings(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for (key, host) in &mut self.hosts {
            match host.ping_sent {
                Some((_, sent)) if now >= sent + PING_PATIENCE => {
                    host.ping_sent = None;
                    silent.push(*key);
                }
                Some(_) => {}
                None if now >= host.ping_at => {
                    let nonce = self.next_nonce;
                    self.next_nonce += 1;
                    host.ping_sent = Some((nonce, now));
                    host.ping_at = now + PING_EVERY;
                    self.outputs
                        .push_back(HubOutput::Send(*key, ToHost::Ping(nonce)));
                }
                None => {}
            }
        }
        if self.handover {
            for key in silent {
                self.close(key, CloseReason::Silent, now);
            }
        }
    }

    /// The owner of a room did not ack: somebody else gets it, if there is somebody.
    pub(super) fn patience_ended(&mut self, id: &RoomId, now: Instant) {
        self.wait_for_ack(id, None);
        let Some(owner) = self.rooms.get(id).and_then(|room| room.owner) else {
            return;
        };
        let next = self.choose(Some(owner)).filter(|_| self.handover);
        let Some(next) = next else {
            self.wait_for_ack(id, Some(now));
            return;
        };
        self.counters.handovers += 1;
        if let (Some(host), Some(room)) = (self.hosts.get_mut(&owner), self.rooms.get_mut(id)) {
            host.stalled = true;
            host.rooms.remove(id);
            host.line.retain(|waiting| waiting != id);
            host.in_flight = host.in_flight.saturating_sub(room.sent());
            room.in_line = false;
            room.rewind();
        }
        self.give(id, next, now);
    }

    pub(super) fn close(&mut self, key: HostKey, reason: CloseReason, now: Instant) {
        if self.hosts.contains_key(&key) {
            if reason == CloseReason::Silent {
                self.counters.hosts_silent += 1;
            }
            self.outputs.push_back(HubOutput::Close(key, reason));
            self.handle_gone(key, now);
        }
    }

    /// The host for a room: one that acks rather than one that does not, then the one with fewest rooms.
    pub(super) fn choose(&self, not: Option<HostKey>) -> Option<HostKey> {
        self.hosts
            .iter()
            .filter(|(key, _)| Some(**key) != not)
            .min_by_key(|(key, host)| (host.stalled, host.rooms.len(), **key))
            .map(|(key, _)| *key)
    }

    pub(super) fn give(&mut self, id: &RoomId, key: HostKey, now: Instant) {
        let (Some(room), Some(host)) = (self.rooms.get_mut(id), self.hosts.get_mut(&key)) else {
            return;
        };
        room.owner = Some(key);
        host.rooms.insert(id.clone());
        let waits = !room.is_empty();
        self.wait_for_ack(id, waits.then_some(now));
        self.stand_in_line(id, key);
    }

    pub(super) fn stand_in_line(&mut self, id: &RoomId, key: HostKey) {
        if let (Some(room), Some(host)) = (self.rooms.get_mut(id), self.hosts.get_mut(&key))
            && !room.in_line
            && room.next().is_some()
        {
            room.in_line = true;
            host.line.push_back(id.clone());
        }
    }

    pub(super) fn wait_for_ack(&mut self, id: &RoomId, since: Option<Instant>) {
        let Some(room) = self.rooms.get_mut(id) else {
            return;
        };
        if let Some(old) = room.waiting_since.take() {
            self.patience_ends.remove(&(old + ACK_PATIENCE, id.clone()));
        }
        if let Some(since) = since {
            room.waiting_since = Some(since);
            self.patience_ends
                .insert((since + ACK_PATIENCE, id.clone()));
        }
    }

    pub(super) fn send_to_all(&mut self) {
        let keys: Vec<HostKey> = self.hosts.keys().copied().collect();
        for key in keys {
            self.send_to(key);
        }
    }

    /// Sends what the host's window takes, one event of each room in turn.
    pub(super) fn send_to(&mut self, key: HostKey) {
        let Some(host) = self.hosts.get_mut(&key) else {
            return;
        };
        while host.in_flight < IN_FLIGHT_MAX
            && let Some(id) = host.line.pop_front()
        {
            let Some(room) = self.rooms.get_mut(&id) else {
                continue;
            };
            room.in_line = false;
            let message = match room.next().map(|entry| &entry.content) {
                Some(Content::Event(event)) => ToHost::Event(Arc::clone(event)),
                Some(Content::Snapshot(snapshot)) => ToHost::Snapshot(Arc::clone(snapshot)),
                Some(Content::SnapshotPending { .. }) | None => continue,
            };
            room.advance();
            host.in_flight += 1;
            self.outputs.push_back(HubOutput::Send(key, message));
            if room.next().is_some() {
                room.in_line = true;
                host.line.push_back(id);
            }
        }
        if let Some(owed) = &mut host.owed_at_hello {
            owed.retain(|id, target| {
                let room = self.rooms.get(id).filter(|room| room.owner == Some(key));
                room.is_some_and(|room| room.owes_until(*target))
            });
            if owed.is_empty() {
                host.owed_at_hello = None;
                self.outputs.push_back(HubOutput::Send(key, ToHost::Ready));
            }
        }
    }

    pub(super) fn remember_end(&mut self, id: RoomId) {
        self.ended.retain(|ended| *ended != id);
        self.ended.push_back(id);
        if self.ended.len() > ENDED_ROOMS_MAX
            && let Some(oldest) = self.ended.front().cloned()
        {
            // It may have opened again since.
            if self.rooms.get(&oldest).is_some_and(|room| room.ended) {
                self.counters.rooms_forgotten += 1;
                self.forget(&oldest);
            } else {
                self.ended.pop_front();
            }
        }
    }

    pub(super) fn forget(&mut self, id: &RoomId) {
        self.wait_for_ack(id, None);
        self.ended.retain(|ended| ended != id);
        let Some(room) = self.rooms.remove(id) else {
            return;
        };
        self.unacked = self.unacked.saturating_sub(room.unacked());
        if let Some(host) = room.owner.and_then(|key| self.hosts.get_mut(&key)) {
            host.rooms.remove(id);
            host.line.retain(|waiting| waiting != id);
            host.in_flight = host.in_flight.saturating_sub(room.sent());
        }
    }
}

impl Host {
    pub(super) fn next_timeout(&self) -> Instant {
        match self.ping_sent {
            Some((_, sent)) => sent + PING_PATIENCE,
            None => self.ping_at,
        }
    }
}
