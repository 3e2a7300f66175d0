//! Who gets, keeps and loses a slot.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const QUIET: i8 = -100;

/// A room on a clock of 20 ms frames.
struct Room {
    selector: SpeakerSelector,
    now: Instant,
}

impl Room {
    fn new(slots: usize) -> Self {
        Self {
            selector: SpeakerSelector::new(slots),
            now: Instant::now(),
        }
    }

    /// So many frames in which each of these sources sends a packet of its level.
    fn frames(&mut self, count: usize, sources: &[(u32, i8)]) -> &mut Self {
        for _ in 0..count {
            self.now += Duration::from_millis(20);
            for (id, level) in sources {
                self.packet(*id, Some(*level), Some(*level > -60));
            }
        }
        self
    }

    fn packet(&mut self, id: u32, level: Option<i8>, voice: Option<bool>) -> Option<usize> {
        let packet = AudioPacket { level, voice };
        self.selector.handle_packet(SourceId(id), packet, self.now)
    }

    fn owners(&self) -> Vec<Option<u32>> {
        self.selector
            .owners()
            .iter()
            .map(|o| o.map(|id| id.0))
            .collect()
    }
}

#[test]
fn silence_never_claims_a_slot() {
    let mut room = Room::new(2);
    room.frames(200, &[(1, QUIET), (2, -127)]);
    assert_eq!(room.owners(), [None, None]);
    assert!(room.selector.is_dtx(SourceId(1)));
}

#[test]
fn steady_room_noise_without_voice_gives_up_claiming() {
    let mut room = Room::new(1);
    for _ in 0..500 {
        room.now += Duration::from_millis(20);
        room.packet(1, Some(-55), Some(false));
    }
    assert_eq!(room.owners(), [None]);
}

#[test]
fn a_voice_is_forwarded_within_three_packets() {
    let mut room = Room::new(1);
    room.frames(50, &[(1, QUIET)]);
    room.frames(3, &[(1, -30)]);
    assert_eq!(room.owners(), [Some(1)]);
    assert_eq!(
        room.packet(1, Some(QUIET), Some(false)),
        Some(0),
        "its pauses too"
    );
}

#[test]
fn no_level_extension_counts_as_medium_loud() {
    let mut room = Room::new(1);
    for _ in 0..3 {
        room.packet(1, None, None);
    }
    assert_eq!(room.owners(), [Some(1)]);
    room.frames(40, &[(2, -20)]);
    assert_eq!(room.owners(), [Some(2)]);
}

#[test]
fn while_all_fit_everybody_keeps_one_slot_over_pauses_and_mutes() {
    let mut room = Room::new(3);
    room.frames(10, &[(1, -30)])
        .frames(10, &[(2, -30)])
        .frames(10, &[(3, -30)]);
    assert_eq!(room.owners(), [Some(1), Some(2), Some(3)]);
    room.frames(500, &[(1, QUIET), (2, QUIET), (3, QUIET)]);
    assert_eq!(room.owners(), [Some(1), Some(2), Some(3)], "nobody asked");
    let epoch = room.selector.epoch();
    room.selector.mute(SourceId(1));
    room.selector.mute(SourceId(3));
    assert_eq!(room.owners(), [None, Some(2), None]);
    room.frames(5, &[(3, -30)]).frames(5, &[(1, -30)]);
    assert_eq!(room.owners(), [Some(1), Some(2), Some(3)]);
    assert_eq!(room.selector.epoch(), epoch + 4);
}

#[test]
fn an_owner_keeps_its_slot_for_two_seconds_of_pause() {
    let mut room = Room::new(1);
    room.frames(20, &[(1, -30)]);
    room.frames(99, &[(1, QUIET), (2, -30)]);
    assert_eq!(room.owners(), [Some(1)]);
    room.frames(2, &[(1, QUIET), (2, -30)]);
    assert_eq!(room.owners(), [Some(2)]);
}

#[test]
fn stealing_needs_six_decibels_three_packets_and_an_owner_older_than_300_ms() {
    let mut room = Room::new(1);
    room.frames(50, &[(1, -30)]);
    room.frames(100, &[(1, -30), (2, -26)]);
    assert_eq!(room.owners(), [Some(1)], "4 dB are not enough");
    room.frames(2, &[(1, -30), (3, -15)]);
    assert_eq!(room.owners(), [Some(1)], "two packets are not enough");
    room.frames(1, &[(1, -30), (3, -15)]);
    assert_eq!(room.owners(), [Some(3)]);
    room.frames(10, &[(3, -15), (4, -2)]);
    assert_eq!(room.owners(), [Some(3)], "too young");
    room.frames(10, &[(3, -15), (4, -2)]);
    assert_eq!(room.owners(), [Some(4)]);
}

#[test]
fn pinned_owners_are_never_robbed() {
    let mut room = Room::new(2);
    room.frames(20, &[(1, -40), (2, -40)]);
    room.selector.set_pinned(SourceId(1), true);
    room.frames(200, &[(1, QUIET), (2, -40), (3, -10)]);
    assert_eq!(room.owners(), [Some(1), Some(3)]);
    room.selector.remove(SourceId(1));
    assert_eq!(room.owners(), [None, Some(3)]);
}

#[test]
fn of_two_as_quiet_the_longest_holder_stays() {
    let mut room = Room::new(2);
    room.frames(20, &[(1, -40)]);
    room.frames(100, &[(1, -40), (2, -40)]);
    room.frames(20, &[(1, -40), (2, -40), (3, -10)]);
    assert_eq!(room.owners(), [Some(1), Some(3)]);
}

#[test]
fn those_who_speak_are_listed_loudest_first() {
    let mut room = Room::new(2);
    room.frames(20, &[(1, -40), (2, -20), (3, QUIET)]);
    let speaking = room.selector.speaking(room.now, Duration::from_millis(500));
    assert_eq!(speaking, [SourceId(2), SourceId(1)]);
}

#[derive(Debug, Clone)]
enum Act {
    Packet(u32, Option<i8>, Option<bool>),
    Mute(u32),
    Remove(u32),
    Pin(u32, bool),
    Grow(usize),
    Wait(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    let id = 0u32..6;
    prop_oneof![
        20 => (id.clone(), proptest::option::of(-127i8..=0), any::<Option<bool>>())
            .prop_map(|(id, level, voice)| Act::Packet(id, level, voice)),
        1 => id.clone().prop_map(Act::Mute),
        1 => id.clone().prop_map(Act::Remove),
        1 => (id, any::<bool>()).prop_map(|(id, on)| Act::Pin(id, on)),
        1 => (0usize..5).prop_map(Act::Grow),
        5 => (0u64..500).prop_map(Act::Wait),
    ]
}

fn run(acts: &[Act]) -> Result<Vec<Vec<Option<SourceId>>>, TestCaseError> {
    let mut now = Instant::now();
    let mut selector = SpeakerSelector::new(2);
    let mut history = Vec::new();
    for act in acts {
        let (before, epoch) = (selector.owners().to_vec(), selector.epoch());
        match *act {
            Act::Packet(id, level, voice) => {
                let slot = selector.handle_packet(SourceId(id), AudioPacket { level, voice }, now);
                if let Some(slot) = slot {
                    prop_assert_eq!(selector.owners()[slot], Some(SourceId(id)));
                }
            }
            Act::Mute(id) => selector.mute(SourceId(id)),
            Act::Remove(id) => selector.remove(SourceId(id)),
            Act::Pin(id, on) => selector.set_pinned(SourceId(id), on),
            Act::Grow(slots) => selector.grow(slots),
            Act::Wait(ms) => now += Duration::from_millis(ms),
        }
        let owners = selector.owners();
        let named: Vec<_> = owners.iter().flatten().collect();
        prop_assert_eq!(
            named.iter().collect::<BTreeSet<_>>().len(),
            named.len(),
            "one slot each"
        );
        for (slot, owner) in owners.iter().enumerate() {
            if let Some(owner) = owner {
                prop_assert_eq!(selector.slot_of(*owner), Some(slot));
            }
        }
        let same = owners.starts_with(&before);
        prop_assert_eq!(same, selector.epoch() == epoch, "every change is announced");
        history.push(owners.to_vec());
    }
    Ok(history)
}

proptest! {
    #[test]
    fn any_history_keeps_the_books_and_replays_the_same(
        acts in proptest::collection::vec(any_act(), 1..300),
    ) {
        prop_assert_eq!(run(&acts)?, run(&acts)?);
    }
}
