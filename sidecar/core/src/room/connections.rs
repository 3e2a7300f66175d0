//! Which sessions of a room signal by which connection: looked up at each join, without asking everybody.

use std::collections::BTreeMap;

use crate::api::ConnectionId;
use crate::ids::Key;

/// See the module. One connection has one session, or for a moment more: a reconnect asks nobody.
#[derive(Debug, Default)]
pub(super) struct Connections(BTreeMap<ConnectionId, Vec<Key>>);

impl Connections {
    pub(super) fn add(&mut self, connection: &ConnectionId, seat: Key) {
        self.0.entry(connection.clone()).or_default().push(seat);
    }

    pub(super) fn remove(&mut self, connection: &ConnectionId, seat: Key) {
        let Some(seats) = self.0.get_mut(connection) else {
            return;
        };
        seats.retain(|other| *other != seat);
        if seats.is_empty() {
            self.0.remove(connection);
        }
    }

    pub(super) fn seats(&self, connection: &ConnectionId) -> &[Key] {
        self.0.get(connection).map_or(&[], Vec::as_slice)
    }

    /// Somebody but `own` signals by it.
    pub(super) fn is_of_another(&self, connection: &ConnectionId, own: Option<Key>) -> bool {
        let mut seats = self.seats(connection).iter();
        seats.any(|seat| Some(*seat) != own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_may_carry_more_than_one_and_is_forgotten_with_the_last() {
        let seat = |slot| Key { slot, epoch: 0 };
        let one = ConnectionId("one".into());
        let mut connections = Connections::default();
        connections.add(&one, seat(1));
        assert!(!connections.is_of_another(&one, Some(seat(1))));
        assert!(connections.is_of_another(&one, None));
        connections.add(&one, seat(2));
        assert!(connections.is_of_another(&one, Some(seat(1))));
        connections.remove(&one, seat(1));
        assert_eq!(connections.seats(&one), [seat(2)]);
        connections.remove(&one, seat(2));
        connections.remove(&one, seat(2));
        assert!(connections.0.is_empty());
    }
}
