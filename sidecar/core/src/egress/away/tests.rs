//! Both sides together, with whatever a lane may do between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lanes::Lanes;
use super::{Guests, record};
use crate::crypto::SendKey;
use crate::demux::Owner;
use crate::egress::{Compact, CompactEgress, Egress, EgressError, Packet, Path};
use crate::ids::Key;
use crate::outbox::{Outbox, Outgoing, Payload};
use crate::shared::Counters;

mod nonces;

const SSRC: u32 = 7;

fn owner(seat: u32) -> Owner {
    let key = |slot| Key { slot, epoch: 0 };
    Owner {
        room: key(1),
        seat: key(seat),
    }
}

fn path(port: u16) -> Path {
    Path {
        source: "127.0.0.1:8443".parse().unwrap(),
        destination: SocketAddr::from(([127, 0, 0, 1], port)),
    }
}

fn secret(number: u16) -> SendKey {
    let mut key = [0; 16];
    key[..2].copy_from_slice(&number.to_be_bytes());
    SendKey::Aes128Gcm { key, salt: [2; 12] }
}

/// Home shard 0 and another one, and what both have sent: destination port, SSRC, sequence number.
struct Shards {
    lanes: Lanes,
    home_out: Outbox,
    guests: Guests,
    away_out: Outbox,
    counters: Counters,
    packets: u64,
}

impl Shards {
    fn new() -> Self {
        let mut lanes = Lanes::new(0);
        lanes.set_shards(2);
        lanes.spill_above = 1;
        Self {
            lanes,
            home_out: Outbox::default(),
            guests: Guests::default(),
            away_out: Outbox::default(),
            counters: Counters::default(),
            packets: 0,
        }
    }

    /// A session after its handshake; of a large room it is away.
    fn session(&mut self, number: u16, large: bool) -> Compact {
        let mut compact = Compact::default();
        compact.set_keys(Some(secret(number)), None);
        compact.declare_audio(SSRC.into());
        // Home counts more than any test places away.
        self.lanes.others = vec![1_000_000, 0];
        let sessions = if large { 2 } else { 1 };
        compact.place(owner(u32::from(number)), sessions, &mut self.lanes);
        assert_eq!(compact.is_away(), large);
        compact.follow(path(number), &mut self.lanes);
        compact
    }

    fn write(&mut self, compact: &mut Compact, index: u64) -> Result<(), EgressError> {
        self.packets += 1;
        let payload: Arc<[u8]> = self.packets.to_be_bytes().to_vec().into();
        self.lanes.next_packet();
        self.write_payload(compact, index, &payload)
    }

    fn write_payload(
        &mut self,
        compact: &mut Compact,
        index: u64,
        payload: &Arc<[u8]>,
    ) -> Result<(), EgressError> {
        let packet = Packet {
            index,
            timestamp: index as u32 * 960,
            marker: false,
            pt: 111.into(),
            csrc: 1,
            level: None,
            nackable: false,
            vp8: None,
            payload,
            captured: Instant::now(),
        };
        let mut egress = CompactEgress {
            compact,
            outbox: &mut self.home_out,
            lanes: &mut self.lanes,
        };
        egress.write(SSRC.into(), &packet)
    }

    fn batches(&mut self) -> Vec<Vec<u8>> {
        let mut batches = Vec::new();
        while self.lanes.poll() {
            let (shard, batch) = self.lanes.lent().unwrap();
            assert_eq!(shard, 1);
            batches.push(batch.to_vec());
        }
        batches
    }

    fn take(&mut self, batch: &[u8]) {
        let (out, counters) = (&mut self.away_out, &mut self.counters);
        self.guests.handle(0, batch, out, counters);
    }

    fn take_all(&mut self) {
        for batch in self.batches() {
            self.take(&batch);
        }
    }

    fn dropped(&self, cause: &str) -> u64 {
        self.counters.drops.get(cause).copied().unwrap_or_default()
    }

    fn sent(&mut self) -> Vec<(u16, Vec<u8>)> {
        let home = datagrams(&mut self.home_out);
        [home, datagrams(&mut self.away_out)].concat()
    }
}

fn datagrams(outbox: &mut Outbox) -> Vec<(u16, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(next) = outbox.pop() {
        let Outgoing::Datagram {
            destination,
            payload: Payload::Own(range),
            ..
        } = next
        else {
            panic!("another output");
        };
        all.push((destination.port(), outbox.own(range).to_vec()));
    }
    all
}

#[test]
fn what_is_sent_from_away_is_what_home_would_send() {
    let mut shards = Shards::new();
    let mut home = shards.session(5, false);
    let mut away = shards.session(5, true);
    home.level_id = Some(3);
    away.level_id = Some(3);
    let payloads: [Arc<[u8]>; 3] = [vec![1; 80].into(), vec![].into(), vec![2; 1_000].into()];
    for (index, payload) in (70_000..).zip(&payloads) {
        shards.lanes.next_packet();
        assert_eq!(shards.write_payload(&mut home, index, payload), Ok(()));
        assert_eq!(shards.write_payload(&mut away, index, payload), Ok(()));
    }
    let sent = datagrams(&mut shards.home_out);
    assert_eq!(sent.len(), 3);
    shards.take_all();
    assert_eq!(datagrams(&mut shards.away_out), sent);
    assert_eq!(shards.counters.packets_forwarded, 3);
    assert_eq!(shards.lanes.ordered, 3);
}

#[test]
fn a_payload_is_handed_over_once_for_all_its_listeners() {
    let mut shards = Shards::new();
    let mut sessions: Vec<_> = (1..=50).map(|n| shards.session(n, true)).collect();
    shards.take_all();
    let payload: Arc<[u8]> = vec![9; 500].into();
    shards.lanes.next_packet();
    for session in &mut sessions {
        assert_eq!(shards.write_payload(session, 1, &payload), Ok(()));
    }
    let bytes: usize = shards.batches().iter().map(Vec::len).sum();
    let expected = record::PAYLOAD_OVERHEAD + payload.len() + 50 * record::ORDER_BYTES;
    assert_eq!(bytes, expected);
}

/// The allocator likes to give the same place to the next packet.
#[test]
fn another_packet_in_the_same_place_is_another_payload() {
    let mut shards = Shards::new();
    let mut session = shards.session(1, true);
    shards.take_all();
    let mut payload: Arc<[u8]> = vec![1; 50].into();
    shards.lanes.next_packet();
    assert_eq!(shards.write_payload(&mut session, 1, &payload), Ok(()));
    Arc::get_mut(&mut payload).unwrap().fill(2);
    shards.lanes.next_packet();
    assert_eq!(shards.write_payload(&mut session, 2, &payload), Ok(()));
    let batch = shards.batches().concat();
    let payloads: Vec<u8> = record::Records::new(&batch)
        .filter_map(|record| match record {
            Ok(record::Record::Payload(bytes)) => Some(bytes[0]),
            _ => None,
        })
        .collect();
    assert_eq!(payloads, [1, 2]);
}

#[test]
fn large_fan_outs_leave_in_several_batches_each_complete() {
    let mut shards = Shards::new();
    let mut sessions: Vec<_> = (1..=2_000).map(|n| shards.session(n, true)).collect();
    shards.take_all();
    let payload: Arc<[u8]> = vec![9; 100].into();
    shards.lanes.next_packet();
    for session in &mut sessions {
        assert_eq!(shards.write_payload(session, 1, &payload), Ok(()));
    }
    let batches = shards.batches();
    assert!(batches.len() > 2);
    for batch in &batches {
        assert!(batch.len() < 20_000);
        shards.take(batch);
    }
    let sent = shards.sent();
    assert_eq!(sent.len(), 2_000);
    assert!(sent.iter().all(|(_, bytes)| bytes.len() == 16 + 100 + 16));
}

#[test]
fn late_orders_find_nobody_and_never_a_successor() {
    let mut shards = Shards::new();
    let mut first = shards.session(1, true);
    shards.take_all();
    assert_eq!(shards.write(&mut first, 1), Ok(()));
    let late = shards.batches().concat();
    first.close(&mut shards.lanes);
    let mut second = shards.session(2, true);
    shards.take_all();
    assert_eq!(shards.guests.present(), 1);
    shards.take(&late);
    assert_eq!(shards.dropped("egress_unknown_route"), 1);
    assert!(shards.sent().is_empty());
    assert_eq!(shards.write(&mut second, 1), Ok(()));
    shards.take_all();
    let ports: Vec<u16> = shards.sent().iter().map(|(port, _)| *port).collect();
    assert_eq!(ports, [2]);
}

#[test]
fn whoever_is_closed_sends_nothing_more() {
    let mut shards = Shards::new();
    let mut session = shards.session(1, true);
    session.close(&mut shards.lanes);
    assert_eq!(shards.write(&mut session, 1), Err(EgressError::NoStream));
    session.close(&mut shards.lanes);
    shards.take_all();
    assert_eq!(shards.guests.present(), 0);
    assert!(shards.counters.drops.is_empty());
    assert_eq!(shards.lanes.placed().collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_room_that_went_down_leaves_no_guest() {
    let mut shards = Shards::new();
    let _lost: Vec<_> = (1..=5).map(|n| shards.session(n, n > 1)).collect();
    shards.take_all();
    assert_eq!(shards.guests.present(), 4);
    shards.lanes.close_room(owner(0).room);
    shards.take_all();
    assert_eq!(shards.guests.present(), 0);
    assert_eq!(shards.lanes.placed().collect::<Vec<_>>(), [0, 0]);
}

/// A batch that is larger than the lane would be refused for ever, and all that comes after it.
#[test]
fn however_much_must_arrive_it_leaves_in_pieces() {
    let mut shards = Shards::new();
    let now = Instant::now();
    let mut session = shards.session(1, true);
    let refuse = |shards: &mut Shards| {
        assert!(shards.lanes.poll());
        assert_eq!(shards.lanes.refuse(now), 0);
    };
    refuse(&mut shards);
    for port in 0..20_000 {
        session.follow(path(port), &mut shards.lanes);
    }
    let late = now + Duration::from_secs(1);
    shards.lanes.wake(late);
    refuse(&mut shards);
    shards.lanes.wake(late);
    let batches = shards.batches();
    assert!(batches.len() > 10);
    for batch in batches {
        assert!(batch.len() < 20_000, "{}", batch.len());
        shards.take(&batch);
    }
    assert_eq!(shards.write(&mut session, 1), Ok(()));
    shards.take_all();
    assert_eq!(shards.sent()[0].0, 19_999);
}

#[test]
fn a_full_lane_loses_packets_and_nothing_else() {
    let mut shards = Shards::new();
    let now = Instant::now();
    let mut first = shards.session(1, true);
    let mut gone = shards.session(2, true);
    assert_eq!(shards.write(&mut first, 1), Ok(()));
    assert_eq!(shards.write(&mut gone, 1), Ok(()));
    first.follow(path(99), &mut shards.lanes);
    gone.close(&mut shards.lanes);
    assert!(shards.lanes.poll());
    assert_eq!(shards.lanes.refuse(now), 2);
    // Nothing is given out for a while, and voices are not kept until they are old.
    assert!(!shards.lanes.poll());
    assert_eq!(shards.write(&mut first, 2), Err(EgressError::LaneFull));
    let until = shards.lanes.wake_at().unwrap();
    shards.lanes.wake(until - Duration::from_micros(1));
    assert!(!shards.lanes.poll());
    shards.lanes.wake(until);
    assert_eq!(shards.lanes.wake_at(), None);
    assert_eq!(shards.write(&mut first, 3), Ok(()));
    shards.take_all();
    assert_eq!(shards.guests.present(), 1);
    let sent = shards.sent();
    let numbers: Vec<_> = sent.iter().map(|(port, d)| (*port, d[3])).collect();
    assert_eq!(numbers, [(99, 3)]);
    assert!(shards.counters.drops.is_empty());
}

#[test]
fn what_is_kept_has_an_end_and_beyond_it_each_word_counts() {
    let mut shards = Shards::new();
    let mut session = shards.session(1, true);
    assert!(shards.lanes.poll());
    shards.lanes.refuse(Instant::now());
    let mut said = 0_u64;
    while shards.lanes.control_lost < 10 {
        session.follow(path(said as u16), &mut shards.lanes);
        said += 1;
        assert!(said < 1_000_000);
    }
    shards.lanes.wake(shards.lanes.wake_at().unwrap());
    let batches = shards.batches();
    let words = batches
        .iter()
        .map(|batch| record::Records::new(batch).count() as u64);
    // The first two: it opened, and where it is.
    assert_eq!(words.sum::<u64>(), 2 + said - 10);
}

#[test]
fn keys_are_not_printed() {
    let mut shards = Shards::new();
    let mut key = [0; 16];
    key.fill(0xa7);
    let mut session = Compact::default();
    let secret = SendKey::Aes128Gcm {
        key,
        salt: key[..12].try_into().unwrap(),
    };
    session.set_keys(Some(secret), None);
    session.declare_audio(SSRC.into());
    shards.lanes.others = vec![1_000_000, 0];
    session.place(owner(1), 2, &mut shards.lanes);
    assert!(session.is_away());
    let printed = |shards: &Shards| format!("{:?} {:?}", shards.lanes, shards.guests);
    let open = printed(&shards);
    assert!(shards.lanes.poll());
    let lent = shards
        .lanes
        .lent()
        .map(|(_, batch)| batch.to_vec())
        .unwrap();
    assert!(lent.windows(16).any(|bytes| bytes == key));
    let batch = crate::api::Orders(&lent);
    let records = record::Records::new(&lent);
    let all = format!("{open} {} {batch:?} {records:?}", printed(&shards));
    assert!(!all.contains("167") && !all.contains("a7"), "{all}");
}

#[test]
fn nobody_is_sent_away_by_a_lane_that_is_full() {
    let mut shards = Shards::new();
    let _first = shards.session(1, true);
    assert!(shards.lanes.poll());
    shards.lanes.refuse(Instant::now());
    let mut second = Compact::default();
    second.set_keys(Some(secret(2)), None);
    second.place(owner(2), 100, &mut shards.lanes);
    assert!(!second.is_away());
}

#[test]
fn a_session_that_has_sent_never_moves() {
    let mut shards = Shards::new();
    let mut session = Compact::default();
    session.set_keys(Some(secret(1)), None);
    session.declare_audio(SSRC.into());
    session.follow(path(1), &mut shards.lanes);
    assert_eq!(shards.write(&mut session, 1), Ok(()));
    session.place(owner(1), 100, &mut shards.lanes);
    assert!(!session.is_away());
    assert_eq!(shards.write(&mut session, 2), Ok(()));
    assert!(shards.batches().is_empty());
    // Neither does one that is away get its key anew.
    let mut away = shards.session(2, true);
    away.set_keys(Some(secret(2)), None);
    assert!(away.is_away());
}

#[test]
fn nonsense_is_counted() {
    let mut shards = Shards::new();
    shards.take(&[0xff, 1, 2]);
    shards.take(&[5]);
    assert_eq!(shards.dropped("orders_malformed"), 2);
    let far = Key {
        slot: u32::MAX,
        epoch: 0,
    };
    let mut batch = Vec::new();
    record::Record::Open(far, secret(1), None).write(&mut batch);
    record::Record::Close(far).write(&mut batch);
    shards.take(&batch);
    assert_eq!(shards.dropped("guest_refused"), 1);
    assert_eq!(shards.dropped("egress_unknown_route"), 1);
}
