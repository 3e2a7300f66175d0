//! Who does what in a run.

use std::time::Duration;

/// Opus packets per second and speaker.
pub(super) const VOICE_INTERVAL: Duration = Duration::from_millis(20);
/// Pictures per second of the screen.
pub(super) const PICTURES_PER_SECOND: u32 = 20;
/// Packets of a picture: 14 x 1100 bytes x 20/s = 2.46 Mbit/s.
pub(super) const PACKETS_PER_PICTURE: usize = 14;

/// What one participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Listens and shows the screen.
    Viewer,
    /// Unmuted, speaks all the time: 50 packets a second of 80 to 100 bytes.
    Speaker,
    /// Shares a screen of 2.5 Mbit/s, one encoding.
    Sharer,
}

/// What a small room has, beside the scenario's own.
const SMALL_ROOM: [Role; 3] = [Role::Speaker, Role::Sharer, Role::Viewer];

/// A room full of participants, and perhaps small ones beside it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// As on the command line and in the JSON.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// One per participant; those of the small rooms come last.
    pub roles: Vec<Role>,
    /// Rooms of three beside the first: one speaks, one shares a screen.
    small_rooms: usize,
    /// How many of the rooms are recorded.
    pub recordings: usize,
    /// Voice slots that clients take, 1 to 8; 0: as many as the room offers, as our web client does.
    pub voice_slots: u32,
}

impl Scenario {
    /// One room of 50, 3 of whom speak.
    pub fn w1() -> Self {
        Self {
            name: "W1",
            title: "1x50 participants, 3 speak",
            roles: roles(&[(Role::Speaker, 3), (Role::Viewer, 47)]),
            small_rooms: 0,
            recordings: 0,
            voice_slots: 0,
        }
    }

    /// One screen of 2.5 Mbit/s to 50 viewers.
    pub fn w3() -> Self {
        Self {
            name: "W3",
            title: "one 2.5 Mbit/s screen to 50 viewers",
            roles: roles(&[(Role::Sharer, 1), (Role::Viewer, 50)]),
            small_rooms: 0,
            recordings: 0,
            voice_slots: 0,
        }
    }

    /// Two people talk: the smallest call there is.
    pub fn pair() -> Self {
        Self {
            name: "pair",
            title: "two participants, both speak",
            roles: roles(&[(Role::Speaker, 2)]),
            small_rooms: 0,
            recordings: 0,
            voice_slots: 0,
        }
    }

    /// The same with so many rooms in all.
    #[must_use]
    pub fn with_rooms(mut self, rooms: usize) -> Self {
        let added = rooms.saturating_sub(self.rooms());
        self.small_rooms += added;
        for _ in 0..added {
            self.roles.extend(SMALL_ROOM);
        }
        self
    }

    /// Rooms in all.
    #[must_use]
    pub fn rooms(&self) -> usize {
        1 + self.small_rooms
    }

    /// The room of a participant, from 0.
    pub(super) fn room_of(&self, index: usize) -> usize {
        let first = self.roles.len() - self.small_rooms * SMALL_ROOM.len();
        index
            .checked_sub(first)
            .map_or(0, |at| 1 + at / SMALL_ROOM.len())
    }

    /// The same with more or fewer who only listen; publishers stay. Before there are small rooms.
    #[must_use]
    pub fn with_participants(mut self, participants: usize) -> Self {
        self.roles.retain(|role| *role != Role::Viewer);
        let viewers = participants.saturating_sub(self.roles.len());
        self.roles
            .extend(std::iter::repeat_n(Role::Viewer, viewers));
        self
    }

    /// By name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        [Self::w1(), Self::w3(), Self::pair()]
            .into_iter()
            .find(|scenario| scenario.name.eq_ignore_ascii_case(name))
    }

    /// Media packets that the sidecar should deliver per second.
    pub(super) fn expected_per_second(&self) -> f64 {
        let first = self.roles.len() - self.small_rooms * SMALL_ROOM.len();
        expected_of(&self.roles[..first]) + self.small_rooms as f64 * expected_of(&SMALL_ROOM)
    }
}

fn expected_of(room: &[Role]) -> f64 {
    let others = room.len().saturating_sub(1) as f64;
    let of = |role| room.iter().filter(|r| **r == role).count() as f64;
    let voice = 1.0 / VOICE_INTERVAL.as_secs_f64();
    let screen = f64::from(PICTURES_PER_SECOND) * PACKETS_PER_PICTURE as f64;
    others * (of(Role::Speaker) * voice + of(Role::Sharer) * screen)
}

fn roles(groups: &[(Role, usize)]) -> Vec<Role> {
    groups
        .iter()
        .flat_map(|(role, count)| std::iter::repeat_n(*role, *count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rooms_stand_beside_the_scenarios_own() {
        let alone = Scenario::w1();
        assert_eq!((alone.rooms(), alone.room_of(49)), (1, 0));
        let scenario = Scenario::w1().with_rooms(3);
        assert_eq!((scenario.rooms(), scenario.roles.len()), (3, 56));
        let rooms: Vec<usize> = (48..56).map(|index| scenario.room_of(index)).collect();
        assert_eq!(rooms, [0, 0, 1, 1, 1, 2, 2, 2]);
        // Two of three hear the voice and see the screen.
        let each = scenario.expected_per_second() - alone.expected_per_second();
        assert_eq!(each, 2.0 * 2.0 * (50.0 + 280.0));
    }
}
