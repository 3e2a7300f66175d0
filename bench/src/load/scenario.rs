//! Who does what in a run: the workloads are the table [`WORKLOADS`].

use std::time::Duration;

use crate::client::Track;

/// Opus packets per second and speaker.
pub(super) const VOICE_INTERVAL: Duration = Duration::from_millis(20);
/// Pictures per second of screens and cameras.
pub(super) const PICTURES_PER_SECOND: u32 = 20;
/// A screen in one encoding: 14 x 1100 bytes x 20/s = 2.46 Mbit/s.
const SCREEN: &[Layer] = &[layer(None, 14, 720)];
/// A camera as our web client sends it: 0.18 and 1.1 Mbit/s.
const CAMERA: &[Layer] = &[layer(Some("l"), 1, 180), layer(Some("h"), 6, 720)];
/// In three layers: 0.18, 0.53 and 1.1 Mbit/s.
const LAYERED_CAMERA: &[Layer] = &[
    layer(Some("l"), 1, 180),
    layer(Some("m"), 3, 360),
    layer(Some("h"), 6, 720),
];
/// Cameras that a gallery shows beside its own.
const GALLERY: usize = 9;
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
    /// Speaks, and sends a camera in two layers; shows the others'.
    Caller,
    /// Sends a camera in three layers; shows nine others.
    Gallery,
}

impl Role {
    /// What it sends.
    pub(super) fn tracks(self) -> &'static [(Track, &'static [Layer])] {
        match self {
            Self::Viewer => &[],
            Self::Speaker => &[(Track::Voice, &[])],
            Self::Sharer => &[(Track::Screen, SCREEN)],
            Self::Caller => &[(Track::Voice, &[]), (Track::Camera, CAMERA)],
            Self::Gallery => &[(Track::Camera, LAYERED_CAMERA)],
        }
    }

    pub(super) fn speaks(self) -> bool {
        matches!(self, Self::Speaker | Self::Caller)
    }

    fn films(self) -> bool {
        matches!(self, Self::Caller | Self::Gallery)
    }
}

/// One encoding of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    /// Simulcast id; none without simulcast.
    pub(super) rid: Option<&'static str>,
    pub(super) packets_per_picture: usize,
    /// Lines of the picture.
    pub(super) height: u16,
}

const fn layer(rid: Option<&'static str>, packets_per_picture: usize, height: u16) -> Layer {
    Layer {
        rid,
        packets_per_picture,
        height,
    }
}

/// So many rooms with so many participants of each kind.
type Rooms = (usize, &'static [(Role, usize)]);

/// How a workload is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Everybody joins, then media flows.
    Steady,
    /// Publishers are there; viewers join at this rate per second while media flows.
    Storm(u32),
    /// As steady, measured in slices over a long time.
    Soak,
}

/// How a load grows beyond the workload's own, to find out where the sidecar is saturated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// The whole of it once more.
    Copy,
    /// So many more viewers in the last room.
    Viewers(usize),
}

/// A workload as it is defined.
struct Workload {
    /// As on the command line and in the JSON.
    name: &'static str,
    title: &'static str,
    rooms: Rooms,
    /// Of them so many are recorded.
    recordings: usize,
    course: Course,
    growth: Growth,
}

const fn steady(name: &'static str, title: &'static str, rooms: Rooms) -> Workload {
    Workload {
        name,
        title,
        rooms,
        recordings: 0,
        course: Course::Steady,
        growth: Growth::Copy,
    }
}

/// All of them. The names are those of the project's plan; a suffix tells variants apart.
const WORKLOADS: &[Workload] = &[
    steady(
        "W1",
        "1x50 participants, 3 speak",
        (1, &[(Role::Speaker, 3), (Role::Viewer, 47)]),
    ),
    steady(
        "W1-10",
        "1x50 participants, 10 speak",
        (1, &[(Role::Speaker, 10), (Role::Viewer, 40)]),
    ),
    steady(
        "W2",
        "25x4 participants, 2 speak in each room",
        (25, &[(Role::Speaker, 2), (Role::Viewer, 2)]),
    ),
    steady(
        "W2-2",
        "50x2 participants, both speak",
        (50, &[(Role::Speaker, 2)]),
    ),
    steady(
        "W3",
        "one 2.5 Mbit/s screen to 50 viewers",
        (1, &[(Role::Sharer, 1), (Role::Viewer, 50)]),
    ),
    steady(
        "W3-20",
        "one 2.5 Mbit/s screen to 20 viewers",
        (1, &[(Role::Sharer, 1), (Role::Viewer, 20)]),
    ),
    steady(
        "W4",
        "10 calls of two, voice and camera in two layers",
        (10, &[(Role::Caller, 2)]),
    ),
    Workload {
        growth: Growth::Viewers(50),
        ..steady(
            "W5",
            "1x500 participants, 3 speak",
            (1, &[(Role::Speaker, 3), (Role::Viewer, 497)]),
        )
    },
    steady(
        "W6",
        "25 cameras in three layers, each shows 9",
        (1, &[(Role::Gallery, 25)]),
    ),
    Workload {
        course: Course::Storm(20),
        ..steady(
            "W7",
            "200 join in 10 s, 20 rooms in which 2 speak",
            (20, &[(Role::Speaker, 2), (Role::Viewer, 10)]),
        )
    },
    Workload {
        recordings: 10,
        ..steady(
            "W9",
            "25x4 participants, 2 speak in each room, 10 rooms are recorded",
            (25, &[(Role::Speaker, 2), (Role::Viewer, 2)]),
        )
    },
    Workload {
        course: Course::Soak,
        ..steady(
            "W11",
            "a soak: 10x5 participants, 2 speak in each room",
            (10, &[(Role::Speaker, 2), (Role::Viewer, 3)]),
        )
    },
    steady(
        "pair",
        "two participants, both speak",
        (1, &[(Role::Speaker, 2)]),
    ),
];

/// Workloads that are not run from here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "W8",
        "2 % loss, 80 ms and a rate step need something that impairs the way: start one and give its \
         address by --via",
    ),
    ("W10", "ICE-TCP: the sidecar does not listen on TCP yet"),
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
    /// How it is run.
    pub course: Course,
    growth: Growth,
    /// Participants of a copy.
    size: usize,
    /// Voice slots that clients take, 1 to 10; 0: as many as the room offers, as our web client does.
    pub voice_slots: u32,
}

impl Scenario {
    /// By name, whatever its case; else what to say.
    pub fn named(name: &str) -> Result<Self, String> {
        if let Some((name, why)) = ELSEWHERE.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            return Err(format!("{name}: {why}"));
        }
        let mut all = WORKLOADS.iter();
        let Some(workload) = all.find(|workload| workload.name.eq_ignore_ascii_case(name)) else {
            let lines = Self::all().map(|(name, title)| format!("\n  {name:6} {title}"));
            return Err(format!("the workloads are{}", lines.collect::<String>()));
        };
        let mut scenario = Self {
            name: workload.name,
            title: workload.title,
            roles: Vec::new(),
            rooms: Vec::new(),
            recordings: workload.recordings,
            course: workload.course,
            growth: workload.growth,
            size: 0,
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
        scenario.size = scenario.roles.len();
        Ok(scenario)
    }

    /// Name and title of each workload.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        WORKLOADS
            .iter()
            .map(|workload| (workload.name, workload.title))
    }

    /// Names of those whose figures are followed: not the smallest, not the one that takes long.
    pub fn table() -> impl Iterator<Item = &'static str> {
        let followed = WORKLOADS
            .iter()
            .filter(|workload| workload.course != Course::Soak && workload.name != "pair");
        followed.map(|workload| workload.name)
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

    /// More of the same, to load the sidecar further.
    pub(super) fn grow(&mut self) {
        match self.growth {
            Growth::Copy => {
                let own = self.rooms.iter().take_while(|first| **first < self.size);
                for number in 0..own.count() {
                    let room = self.room(number).to_vec();
                    self.add_room(&room);
                }
            }
            Growth::Viewers(more) => {
                self.roles.extend(std::iter::repeat_n(Role::Viewer, more));
            }
        }
    }

    /// Sessions whose cameras a participant shows.
    pub(super) fn shown_to(&self, index: usize) -> Vec<usize> {
        let number = self.room_of(index);
        let (first, room) = (self.rooms[number], self.room(number));
        let films = |at: &usize| room[*at].films() && first + at != index;
        // The ones after it, so that each camera has as many viewers.
        let after = (0..room.len()).map(|n| (index - first + n) % room.len());
        after
            .filter(films)
            .take(GALLERY)
            .map(|at| first + at)
            .collect()
    }

    /// Whether pictures are sent in a participant's room.
    pub(super) fn sees_pictures(&self, index: usize) -> bool {
        let pictures = |role: &Role| role.films() || *role == Role::Sharer;
        self.room(self.room_of(index)).iter().any(pictures)
    }

    /// Packets per second that its publishers should send.
    pub(super) fn sent(&self) -> Rates {
        let mut sum = Rates::default();
        for (track, layers) in self.roles.iter().flat_map(|role| role.tracks()) {
            if *track == Track::Voice {
                sum.voices += 1.0 / VOICE_INTERVAL.as_secs_f64();
            } else {
                let packets: usize = layers.iter().map(|layer| layer.packets_per_picture).sum();
                sum.pictures += packets as f64 * f64::from(PICTURES_PER_SECOND);
            }
        }
        sum
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

    /// Media packets that the sidecar should deliver per second, by kind. Of cameras this is what leaves
    /// when everybody gets the best layer: which one depends on the estimate of their links.
    pub(super) fn expected(&self) -> Rates {
        let mut sum = Rates::default();
        for number in 0..self.rooms() {
            let (first, room) = (self.rooms[number], self.room(number));
            let others = room.len().saturating_sub(1) as f64;
            // Each of them is heard by all but itself.
            let voices = room.iter().filter(|role| role.speaks()).count();
            let voices = voices.min(VOICES_FORWARDED_MAX) as f64;
            sum.voices += others * voices / VOICE_INTERVAL.as_secs_f64();
            let sharers = room.iter().filter(|role| **role == Role::Sharer).count();
            sum.pictures += others * sharers as f64 * best_of(SCREEN);
            for (at, role) in room.iter().enumerate().filter(|(_, role)| role.films()) {
                let layers = role.tracks().last().map_or(&[][..], |(_, layers)| layers);
                sum.pictures += self.shown_to(first + at).len() as f64 * best_of(layers);
            }
        }
        sum
    }

    /// What should be delivered is known: pictures come in one layer.
    pub(super) fn is_exact(&self) -> bool {
        !self.roles.iter().any(|role| role.films())
    }
}

fn best_of(layers: &[Layer]) -> f64 {
    let best = layers.last().map_or(0, |layer| layer.packets_per_picture);
    best as f64 * f64::from(PICTURES_PER_SECOND)
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

    fn expected(scenario: &Scenario) -> f64 {
        scenario.expected().voices + scenario.expected().pictures
    }

    #[test]
    fn names_are_unique_and_found_whatever_their_case() {
        for (name, _) in Scenario::all() {
            assert_eq!(named(&name.to_lowercase()).name, name);
        }
        let refused = |name| Scenario::named(name).expect_err("no workload of the table");
        assert!(refused("W99").contains("W1-10"));
        assert!(refused("w10").contains("TCP"));
        assert!(refused("w8").contains("--via"));
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
        let each = expected(&scenario) - expected(&alone);
        assert_eq!(each, 2.0 * 2.0 * (50.0 + 280.0));
    }

    #[test]
    fn who_hears_whom_is_counted_per_room() {
        assert_eq!(expected(&named("W1")), 3.0 * 49.0 * 50.0);
        assert_eq!(expected(&named("W1-10")), 10.0 * 49.0 * 50.0);
        assert_eq!(expected(&named("W2")), 25.0 * 2.0 * 3.0 * 50.0);
        assert_eq!(expected(&named("W2-2")), 50.0 * 2.0 * 50.0);
        assert_eq!(named("W3").expected().pictures, 50.0 * 280.0);
        let fewer = named("W1").with_participants(20);
        assert_eq!((fewer.roles.len(), fewer.rooms()), (20, 1));
        assert_eq!(expected(&fewer), 3.0 * 19.0 * 50.0);
    }

    #[test]
    fn a_gallery_shows_nine_others_each_as_often() {
        let scenario = named("W6");
        let mut viewers = [0; 25];
        for index in 0..25 {
            let shown = scenario.shown_to(index);
            assert_eq!(shown.len(), 9);
            assert!(!shown.contains(&index));
            shown.iter().for_each(|at| viewers[*at] += 1);
        }
        assert_eq!(viewers, [9; 25]);
        assert_eq!(named("W4").shown_to(3), [2]);
        assert_eq!(expected(&scenario), 25.0 * 9.0 * 6.0 * 20.0);
        assert_eq!(scenario.sent().pictures, 25.0 * 10.0 * 20.0);
    }

    #[test]
    fn a_load_grows_by_copies_or_viewers() {
        let mut scenario = named("W2");
        scenario.grow();
        scenario.grow();
        assert_eq!((scenario.rooms(), scenario.roles.len()), (75, 300));
        assert_eq!(expected(&scenario), 3.0 * expected(&named("W2")));
        let mut scenario = named("W5");
        scenario.grow();
        assert_eq!((scenario.rooms(), scenario.roles.len()), (1, 550));
    }
}
