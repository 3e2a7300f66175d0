//! Doors of several shards of one process.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::{StunMessage, TransId};

use super::*;

const PASSWORD: &str = "0123456789abcdef01234567";

/// A door with one session.
struct Shard {
    door: Demux,
    key: Key,
    ufrag: String,
}

fn shards<const N: usize>() -> [Shard; N] {
    std::array::from_fn(|shard| {
        let mut door = Demux::new(1, shard as u8, [3; 16], 10);
        let mut arena = Arena::default();
        let owner = Owner {
            room: arena.insert(()),
            seat: arena.insert(()),
        };
        let (key, ufrag) = door.open(owner, PASSWORD.into());
        Shard { door, key, ufrag }
    })
}

fn tuple(port: u16) -> Tuple {
    Tuple {
        local: "10.0.0.1:8443".parse().unwrap(),
        remote: SocketAddr::new("192.0.2.7".parse().unwrap(), port),
    }
}

fn request(ufrag: &str) -> Vec<u8> {
    let username = format!("{ufrag}:them");
    let message = StunMessage::binding_request(&username, TransId::new(), true, 1, 2, false);
    let mut buffer = vec![0; 512];
    let len = message
        .to_bytes(Some(PASSWORD.as_bytes()), &mut buffer, stun::hmac)
        .unwrap();
    buffer.truncate(len);
    buffer
}

fn theirs(shard: u8, proven: bool) -> Result<Whose, Refusal> {
    Ok(Whose::Theirs(HandOver { shard, proven }))
}

/// What `home` has to say reaches `arrival`.
fn tell(home: &mut Shard, arrival: &mut Shard, now: Instant) {
    while let Some(news) = home.door.poll_news() {
        assert_eq!(news.shard, arrival.door.shard);
        let said = TupleNews {
            shard: home.door.shard,
            ..news
        };
        arrival.door.handle_news(said, now);
    }
}

/// A request for the session of `home` arrives at `arrival`, which learns of it.
fn check(arrival: &mut Shard, home: &mut Shard, tuple: Tuple, now: Instant) {
    let data = request(&home.ufrag);
    let routed = arrival.door.whose(tuple, &data, None, now);
    let Ok(Whose::Theirs(to)) = routed else {
        panic!("{routed:?}")
    };
    assert_eq!(to.shard, home.door.shard);
    let via = Some(arrival.door.shard);
    let routed = home.door.whose(tuple, &data, via, now);
    assert!(
        matches!(routed, Ok(Whose::Ours(_, Packet::Check))),
        "{routed:?}"
    );
    tell(home, arrival, now);
}

#[test]
fn a_signed_request_shows_the_way_and_nothing_else_does() {
    let [mut a, mut b] = shards();
    let (now, dtls) = (Instant::now(), [22; 40]);
    let stranger = Err(Refusal::Stranger);
    assert_eq!(a.door.whose(tuple(1), &dtls, None, now), stranger);
    let wrong = request(&b.ufrag.replace(|c: char| c.is_lowercase(), "A"));
    let refused = Err(Refusal::StunUfrag);
    assert_eq!(a.door.whose(tuple(1), &wrong, None, now), refused);
    // Handed over, which alone is no reason to learn.
    let good = request(&b.ufrag);
    assert_eq!(a.door.whose(tuple(1), &good, None, now), theirs(1, false));
    assert_eq!(a.door.whose(tuple(1), &dtls, None, now), stranger);
    // Nor is anything handed on twice.
    let again = b.door.whose(tuple(1), &request(&a.ufrag), Some(0), now);
    assert_eq!(again, Err(Refusal::OtherShard(0)));
    check(&mut a, &mut b, tuple(1), now);
    assert_eq!(a.door.whose(tuple(1), &dtls, None, now), theirs(1, true));
    assert!(b.door.whose(tuple(1), &dtls, Some(0), now).is_ok());
    assert_eq!(b.door.whose(tuple(2), &dtls, Some(0), now), stranger);
    assert_eq!(a.door.whose(tuple(2), &dtls, None, now), stranger);
}

#[test]
fn what_is_known_lasts_as_long_as_the_client_shows_itself() {
    let [mut a, mut b] = shards();
    let (start, dtls) = (Instant::now(), [22; 40]);
    let at = |seconds| start + Duration::from_secs(seconds);
    check(&mut a, &mut b, tuple(1), start);
    check(&mut a, &mut b, tuple(1), at(6));
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(15)), theirs(1, true));
    let stranger = Err(Refusal::Stranger);
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(16)), stranger);
    check(&mut a, &mut b, tuple(1), at(20));
    let key = b.key;
    b.door.close(key);
    tell(&mut b, &mut a, at(20));
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(20)), stranger);
}

#[test]
fn nobody_takes_the_tuple_of_one_who_lives_on_any_shard() {
    let [mut a, mut b, mut c] = shards();
    let (start, dtls) = (Instant::now(), [22; 40]);
    let at = |seconds| start + Duration::from_secs(seconds);
    let taken = Err(Refusal::TupleTaken);
    // Her session is on b and arrives at a; his is on c, or on a itself.
    check(&mut a, &mut b, tuple(1), start);
    for his in [&c.ufrag, &a.ufrag] {
        let his = request(his);
        assert_eq!(a.door.whose(tuple(1), &his, None, at(9)), taken);
    }
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(9)), theirs(1, true));
    // Should c have been told otherwise, a believes who was there first.
    a.door.handle_news(news(2, tuple(1), true), at(9));
    a.door.handle_news(news(2, tuple(1), false), at(9));
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(9)), theirs(1, true));
    // She is silent: it may be another's.
    check(&mut a, &mut c, tuple(1), at(10));
    assert_eq!(a.door.whose(tuple(1), &dtls, None, at(10)), theirs(2, true));
    // One who lives where she arrives keeps her tuple, too.
    let own = request(&a.ufrag);
    assert!(a.door.whose(tuple(2), &own, None, start).is_ok());
    let his = request(&b.ufrag);
    assert_eq!(a.door.whose(tuple(2), &his, None, at(9)), taken);
    a.door.handle_news(news(1, tuple(2), true), at(9));
    assert!(matches!(
        a.door.whose(tuple(2), &dtls, None, at(9)),
        Ok(Whose::Ours(..))
    ));
    // Until she is silent.
    check(&mut a, &mut b, tuple(2), at(10));
    assert_eq!(a.door.whose(tuple(2), &dtls, None, at(10)), theirs(1, true));
}

#[test]
fn requests_for_other_shards_are_counted_by_source_until_proven() {
    let [mut a, mut b] = shards();
    let now = Instant::now();
    check(&mut a, &mut b, tuple(1), now);
    let flood = request(&b.ufrag);
    let passed = (100..200).filter(|port| {
        let routed = a.door.whose(tuple(*port), &flood, None, now);
        assert!(
            routed.is_ok() || routed == Err(Refusal::StunRate),
            "{routed:?}"
        );
        routed.is_ok()
    });
    assert!(passed.count() < 10);
    // She shares the address, and is not shut out.
    let hers = request(&b.ufrag);
    assert_eq!(a.door.whose(tuple(1), &hers, None, now), theirs(1, true));
}

#[test]
fn who_proves_it_without_end_makes_no_news() {
    let [mut a, mut b] = shards();
    let start = Instant::now();
    check(&mut a, &mut b, tuple(1), start);
    let mut told = 0;
    for n in 0..1_000 {
        let now = start + Duration::from_millis(n);
        let routed = b.door.whose(tuple(1), &request(&b.ufrag), Some(0), now);
        assert!(
            matches!(routed, Ok(Whose::Ours(_, Packet::Check))),
            "{routed:?}"
        );
        told += std::iter::from_fn(|| b.door.poll_news()).count();
    }
    assert_eq!(told, 3);
    // Its end is told at once, and so is who comes next.
    let key = b.key;
    b.door.close(key);
    assert!(b.door.poll_news().is_some_and(|news| !news.is_theirs));
}

#[test]
fn a_shard_is_told_of_tuples_that_make_room_for_others() {
    let [mut a, mut b] = shards();
    let start = Instant::now();
    for port in 0..20 {
        let now = start + Duration::from_secs(u64::from(port));
        check(&mut a, &mut b, tuple(port), now);
    }
    let now = start + Duration::from_secs(20);
    let dtls = [22; 40];
    let known = (0..20).filter(|port| a.door.whose(tuple(*port), &dtls, None, now).is_ok());
    assert_eq!(known.count(), TUPLES_PER_LINK_MAX);
    assert_eq!(b.door.arrivals.len(), TUPLES_PER_LINK_MAX);
}

#[test]
fn where_a_client_arrived_once_it_is_known_for_as_long_as_it_lives() {
    let [mut a, mut b] = shards();
    let (start, rtp) = (Instant::now(), [0x80; 40]);
    let at = |seconds| start + Duration::from_secs(seconds);
    check(&mut a, &mut b, tuple(1), start);
    // The kernel was told of the client: its checks arrive where it lives.
    for seconds in (2..60).step_by(2) {
        let data = request(&b.ufrag);
        let whose = b.door.whose(tuple(1), &data, None, at(seconds));
        assert!(matches!(whose, Ok(Whose::Ours(..))));
        tell(&mut b, &mut a, at(seconds));
    }
    // And forgot it: others have its place.
    let over = HandOver {
        shard: 1,
        proven: true,
    };
    assert_eq!(
        a.door.whose(tuple(1), &rtp, None, at(60)),
        Ok(Whose::Theirs(over))
    );
    let data = request(&a.ufrag);
    assert_eq!(
        a.door.whose(tuple(1), &data, None, at(60)),
        Err(Refusal::TupleTaken)
    );
}
