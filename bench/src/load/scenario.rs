//! Who does what in a run: the workloads are the table [`WORKLOADS`].

use std::time::Duration;

/// Opus packets per second and speaker.
pub(super) const VOICE_INTERVAL: Duration = Duration::from_millis(20);
/// Pictures per second of a screen.
pub(super) const PICTURES_PER_SECOND: u32 = 20;
/// Packets of a picture: 14 x 1100 bytes x 20/s = 2.46 Mbit/s.
pub(super) const PACKETS_PER_PICTURE: usize = 14;
/// Voices that a room forwards at most, however many speak.
const VOICES_FORWARDED_MAX: usize = 10;

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

/// So many rooms with so many participants of each kind.
type Rooms = (usize, &'static [(Role, usize)]);

/// A workload as it is defined.
struct Workload {
    /// As on the command line and in the JSON.
    name: &'static str,
    title: &'static str,
    rooms: Rooms,
}

/// All of them. The names are those of the project's plan; a suffix tells variants apart.
const WORKLOADS: &[Workload] = &[
    Workload {
        name: "W1",
        title: "1x50 participants, 3 speak",
        rooms: (1, &[(Role::Speaker, 3), (Role::Viewer, 47)]),
    },
    Workload {
        name: "W1-10",
        title: "1x50 participants, 10 speak",
        rooms: (1, &[(Role::Speaker, 10), (Role::Viewer, 40)]),
    },
    Workload {
        name: "W2",
        title: "25x4 participants, 2 speak in each room",
        rooms: (25, &[(Role::Speaker, 2), (Role::Viewer, 2)]),
    },
    Workload {
        name: "W2-2",
        title: "50x2 participants, both speak",
        rooms: (50, &[(Role::Speaker, 2)]),
    },
    Workload {
        name: "W3",
        title: "one 2.5 Mbit/s screen to 50 viewers",
        rooms: (1, &[(Role::Sharer, 1), (Role::Viewer, 50)]),
    },
    Workload {
        name: "W3-20",
        title: "one 2.5 Mbit/s screen to 20 viewers",
        rooms: (1, &[(Role::Sharer, 1), (Role::Viewer, 20)]),
    },
    Workload {
        name: "W5",
        title: "1x500 participants, 3 speak",
        rooms: (1, &[(Role::Speaker, 3), (Role::Viewer, 497)]),
    },
    Workload {
        name: "pair",
        title: "two participants, both speak",
        rooms: (1, &[(Role::Speaker, 2)]),
    },
];

/// What a small room has, beside the workload's own.
const SMALL_ROOM: [Role; 3] = [Role::Speaker, Role::Sharer, Role::Viewer];

/// A workload as it is run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// As on the command line and in the JSON.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// One per participant, room by room.
    pub roles: Vec<Role>,
    /// Index of each room's first participant.
    rooms: Vec<usize>,
    /// How many of the rooms are recorded.
    pub recordings: usize,
    /// Voice slots that clients take, 1 to 10; 0: as many as the room offers, as our web client does.
    pub voice_slots: u32,
}

impl Scenario {
    /// By name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        let workload = WORKLOADS
            .iter()
            .find(|workload| workload.name.eq_ignore_ascii_case(name))?;
        let mut scenario = Self {
            name: workload.name,
            title: workload.title,
            roles: Vec::new(),
            rooms: Vec::new(),
            recordings: 0,
            voice_slots: 0,
        };
        let (count, groups) = workload.rooms;
        let room: Vec<Role> = groups
            .iter()
            .flat_map(|(role, count)| std::iter::repeat_n(*role, *count))
            .collect();
        for _ in 0..count {
            scenario.add_room(&room);
        }
        Some(scenario)
    }

    /// Name and title of each workload.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        WORKLOADS
            .iter()
            .map(|workload| (workload.name, workload.title))
    }

    fn add_room(&mut self, room: &[Role]) {
        self.rooms.push(self.roles.len());
        self.roles.extend(room);
    }

    /// The same with at least so many rooms in all; the added ones have three participants.
    #[must_use]
    pub fn with_rooms(mut self, rooms: usize) -> Self {
        while self.rooms() < rooms {
            self.add_room(&SMALL_ROOM);
        }
        self
    }

    /// The same with more or fewer in the first room who only listen; publishers stay.
    #[must_use]
    pub fn with_participants(mut self, participants: usize) -> Self {
        let mut rooms: Vec<Vec<Role>> = (0..self.rooms()).map(|n| self.room(n).to_vec()).collect();
        if let Some(first) = rooms.first_mut() {
            first.retain(|role| *role != Role::Viewer);
            let viewers = participants.saturating_sub(first.len());
            first.extend(std::iter::repeat_n(Role::Viewer, viewers));
        }
        self.roles.clear();
        self.rooms.clear();
        for room in rooms {
            self.add_room(&room);
        }
        self
    }

    /// Rooms in all.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// The room of a participant, from 0.
    pub(super) fn room_of(&self, index: usize) -> usize {
        self.rooms.partition_point(|first| *first <= index) - 1
    }

    fn room(&self, number: usize) -> &[Role] {
        let end = self.rooms.get(number + 1).copied();
        &self.roles[self.rooms[number]..end.unwrap_or(self.roles.len())]
    }

    /// Media packets that the sidecar should deliver per second.
    pub(super) fn expected_per_second(&self) -> f64 {
        let rates = self.expected();
        rates.voices + rates.pictures
    }

    /// The same by kind.
    pub(super) fn expected(&self) -> Rates {
        let mut sum = Rates::default();
        for number in 0..self.rooms() {
            let room = self.room(number);
            let of = |wanted: Role| room.iter().filter(|role| **role == wanted).count();
            let others = room.len().saturating_sub(1) as f64;
            // Each of them is heard by all but itself.
            let voices = of(Role::Speaker).min(VOICES_FORWARDED_MAX) as f64;
            sum.voices += others * voices / VOICE_INTERVAL.as_secs_f64();
            let screen = f64::from(PICTURES_PER_SECOND) * PACKETS_PER_PICTURE as f64;
            sum.pictures += others * of(Role::Sharer) as f64 * screen;
        }
        sum
    }
}

/// Packets per second that are delivered, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) voices: f64,
    pub(super) pictures: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Scenario {
        Scenario::named(name).expect("a workload of the table")
    }

    #[test]
    fn names_are_unique_and_found_whatever_their_case() {
        for (name, _) in Scenario::all() {
            assert_eq!(named(&name.to_lowercase()).name, name);
        }
        assert!(Scenario::named("W99").is_none());
    }

    #[test]
    fn small_rooms_stand_beside_the_scenarios_own() {
        let alone = named("W1");
        assert_eq!((alone.rooms(), alone.room_of(49)), (1, 0));
        let scenario = named("W1").with_rooms(3);
        assert_eq!((scenario.rooms(), scenario.roles.len()), (3, 56));
        let rooms: Vec<usize> = (48..56).map(|index| scenario.room_of(index)).collect();
        assert_eq!(rooms, [0, 0, 1, 1, 1, 2, 2, 2]);
        // Two of three hear the voice and see the screen.
        let each = scenario.expected_per_second() - alone.expected_per_second();
        assert_eq!(each, 2.0 * 2.0 * (50.0 + 280.0));
    }

    #[test]
    fn who_hears_whom_is_counted_per_room() {
        assert_eq!(named("W1").expected_per_second(), 3.0 * 49.0 * 50.0);
        // Eight of the ten, each by 49.
        assert_eq!(named("W1-10").expected_per_second(), 8.0 * 49.0 * 50.0);
        assert_eq!(named("W2").expected_per_second(), 25.0 * 2.0 * 3.0 * 50.0);
        assert_eq!(named("W2-2").expected_per_second(), 50.0 * 2.0 * 50.0);
        assert_eq!(named("W3").expected().pictures, 50.0 * 280.0);
        let fewer = named("W1").with_participants(20);
        assert_eq!((fewer.roles.len(), fewer.rooms()), (20, 1));
        assert_eq!(fewer.expected_per_second(), 3.0 * 19.0 * 50.0);
    }
}
