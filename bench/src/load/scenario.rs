//! Who does what in a run: the workloads are the table [`WORKLOADS`].

mod feeds;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use super::impaired::Network;
use crate::client::Track;
pub(super) use feeds::{Feed, phase};
use table::{ELSEWHERE, WORKLOADS};

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
/// What is measured when nothing else is asked for, and over an impaired way.
const WINDOW: Duration = Duration::from_secs(15);
const IMPAIRED_WINDOW: Duration = Duration::from_secs(60);

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

impl Layer {
    /// Packets of a picture, as they travel in each.
    pub(super) fn parts(self) -> u8 {
        u8::try_from(self.packets_per_picture).unwrap_or(u8::MAX)
    }
}

const fn layer(rid: Option<&'static str>, packets_per_picture: usize, height: u16) -> Layer {
    Layer {
        rid,
        packets_per_picture,
        height,
    }
}

/// How a workload is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Everybody joins, then media flows.
    Steady,
    /// Publishers are there; viewers join at this rate per second while media flows.
    Storm(u32),
    /// As steady, measured in slices over a long time.
    Soak,
    /// As steady, over a way whose width changes meanwhile.
    Impaired(Network),
}

/// How a load grows beyond the workload's own, to find out where the sidecar is saturated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// The whole of it once more.
    Copy,
    /// So many more viewers in the last room.
    Viewers(usize),
}

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

    /// Names of those that are not run, and why.
    pub fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
        ELSEWHERE.iter().copied()
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

    /// Who is shown a camera.
    pub(super) fn viewers(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.roles.len()).collect();
        all.retain(|index| !self.shown_to(*index).is_empty());
        all
    }

    /// The simulcast ids of what is published, by the packets of a picture.
    pub(super) fn layers(&self) -> BTreeMap<u8, &'static str> {
        let tracks = self.roles.iter().flat_map(|role| role.tracks());
        let layers = tracks.flat_map(|(_, layers)| *layers);
        layers
            .map(|layer| (layer.parts(), layer.rid.unwrap_or("whole")))
            .collect()
    }

    /// Length of the window when nothing else is asked for.
    #[must_use]
    pub fn usual_window(&self) -> Duration {
        match self.course {
            Course::Impaired(_) => IMPAIRED_WINDOW,
            _ => WINDOW,
        }
    }

    /// Whether its figures say something beside those of a bare loop: not when the way is what is measured.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        !matches!(self.course, Course::Impaired(_))
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
mod tests;
