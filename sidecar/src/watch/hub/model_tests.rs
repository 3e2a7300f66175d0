//! Random histories against a simple account of who got what: nothing misses, nothing comes out of order.

use std::collections::BTreeMap;

use parley_core::api::{EventKind, Labels, RoomRef};
use proptest::prelude::*;

use super::*;

const ROOMS: u8 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// Another event in a room.
    Event(u8),
    /// A host attaches, by name.
    Hello(u8),
    /// The n-th attached stream ends.
    Gone(usize),
    /// The n-th attached stream acks the last thing it got of a room.
    Ack(usize, u8),
    /// The n-th attached stream acks something it need not own or know.
    WildAck(usize, u8, u64),
    /// Time passes; streams with these bits answer pings.
    Pass(u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..ROOMS).prop_map(Step::Event),
        1 => (0..4_u8).prop_map(Step::Hello),
        1 => (0..4_usize).prop_map(Step::Gone),
        5 => (0..4_usize, 0..ROOMS).prop_map(|(host, room)| Step::Ack(host, room)),
        1 => (0..4_usize, 0..ROOMS, 0..50_u64).prop_map(|(h, r, seq)| Step::WildAck(h, r, seq)),
        3 => (1..3000_u64, any::<u8>()).prop_map(|(ms, alive)| Step::Pass(ms, alive)),
    ]
}

/// What the account knows of a room.
#[derive(Debug, Default)]
struct Account {
    made: u64,
    acked: u64,
    /// Who got the room's last message, and which it was.
    last: Option<(HostKey, u64)>,
}

struct World {
    hub: Hub,
    now: Instant,
    hosts: Vec<HostKey>,
    rooms: BTreeMap<u8, Account>,
    /// What each stream got last of each room.
    got: BTreeMap<(HostKey, u8), u64>,
}

impl World {
    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Event(room) => {
                let account = self.rooms.entry(room).or_default();
                account.made += 1;
                let event = RoomEvent {
                    room: RoomRef {
                        room: id(room),
                        generation: 1,
                    },
                    room_labels: Labels::new(),
                    seq: account.made,
                    at_ms: 0,
                    kind: EventKind::TimerFired {
                        name: String::new(),
                        payload: Vec::new(),
                    },
                };
                self.hub.handle_event(event, self.now);
            }
            Step::Hello(name) => {
                let key = self.hub.handle_hello(&format!("h{name}"), self.now);
                self.hosts.extend(key);
            }
            Step::Gone(n) => {
                if let Some(key) = self.host(n) {
                    self.hosts.retain(|host| *host != key);
                    self.hub.handle_gone(key, self.now);
                }
            }
            Step::Ack(n, room) => {
                if let Some((key, seq)) = self
                    .host(n)
                    .and_then(|key| Some((key, *self.got.get(&(key, room))?)))
                {
                    self.ack(key, room, seq)?;
                }
            }
            Step::WildAck(n, room, seq) => {
                if let Some(key) = self.host(n) {
                    self.ack(key, room, seq)?;
                }
            }
            Step::Pass(ms, alive) => {
                let end = self.now + Duration::from_millis(ms);
                while let Some(at) = self.hub.poll_timeout().filter(|at| *at <= end) {
                    self.now = at.max(self.now);
                    self.hub.handle_timeout(self.now);
                    self.drain(alive)?;
                }
                self.now = end;
            }
        }
        self.drain(0)
    }

    fn host(&self, n: usize) -> Option<HostKey> {
        let count = self.hosts.len();
        (count > 0).then(|| self.hosts[n % count])
    }

    fn ack(&mut self, key: HostKey, room: u8, seq: u64) -> Result<(), TestCaseError> {
        let before = self.hub.unacked();
        self.hub.handle_ack(key, &id(room), 1, seq, self.now);
        let done = (before - self.hub.unacked()) as u64;
        let account = self.rooms.entry(room).or_default();
        if done > 0 {
            let owner = account.last.map(|(owner, _)| owner);
            prop_assert_eq!(owner, Some(key), "an ack of somebody else counted");
            account.acked += done;
            prop_assert!(account.acked <= seq, "more was done than acked");
        }
        Ok(())
    }

    fn drain(&mut self, alive: u8) -> Result<(), TestCaseError> {
        while let Some(output) = self.hub.poll_output() {
            match output {
                HubOutput::Send(key, ToHost::Event(event)) => {
                    prop_assert!(self.hosts.contains(&key), "sent to nobody");
                    let room = event.room.room.0.as_bytes()[0] - b'a';
                    let account = self.rooms.entry(room).or_default();
                    let expected = match account.last {
                        Some((owner, seq)) if owner == key => seq + 1,
                        _ => account.acked + 1,
                    };
                    // Given away and back before the other got anything: from the first unacked again.
                    let again = account.acked + 1;
                    prop_assert!(event.seq == expected || event.seq == again);
                    account.last = Some((key, event.seq));
                    self.got.insert((key, room), event.seq);
                }
                HubOutput::Send(key, ToHost::Ping(nonce)) => {
                    let place = self.hosts.iter().position(|host| *host == key);
                    if place.is_some_and(|n| alive & (1 << (n % 8)) != 0) {
                        self.hub.handle_pong(key, nonce);
                    }
                }
                HubOutput::Send(_, _) => {}
                HubOutput::Close(key, _) => self.hosts.retain(|host| *host != key),
                HubOutput::NeedSnapshot(..) => prop_assert!(false, "nothing was lost"),
            }
        }
        Ok(())
    }
}

fn id(room: u8) -> RoomId {
    RoomId(char::from(b'a' + room).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_arrives_in_order_whatever_happens_to_hosts(
        steps in prop::collection::vec(step(), 0..120)
    ) {
        let mut world = World {
            hub: Hub::new(),
            now: Instant::now(),
            hosts: Vec::new(),
            rooms: BTreeMap::new(),
            got: BTreeMap::new(),
        };
        for step in &steps {
            world.run(step)?;
        }
        // In the end one good host is left: it gets what misses, and nothing stays.
        while !world.hosts.is_empty() {
            world.run(&Step::Gone(0))?;
        }
        world.run(&Step::Hello(9))?;
        for room in 0..ROOMS {
            world.run(&Step::Ack(0, room))?;
        }
        prop_assert_eq!(world.hub.unacked(), 0);
        for (room, account) in &world.rooms {
            prop_assert_eq!(account.acked, account.made, "room {}", room);
        }
    }
}
