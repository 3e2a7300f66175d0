use super::*;
use proptest::prelude::*;
use str0m::ice::{StunMessage, TransId};

const PASSWORD: &str = "0123456789abcdef01234567";

fn door() -> (Demux, Key, String) {
    let mut demux = Demux::new(1, 0, [3; 16], 10);
    let mut arena = Arena::default();
    let owner = Owner {
        room: arena.insert(()),
        seat: arena.insert(()),
    };
    let (key, ufrag) = demux.open(owner, PASSWORD.into());
    (demux, key, ufrag)
}

fn tuple(port: u16) -> Tuple {
    Tuple {
        local: "10.0.0.1:8443".parse().unwrap(),
        remote: SocketAddr::new("192.0.2.7".parse().unwrap(), port),
    }
}

fn request(ufrag: &str, password: &str) -> Vec<u8> {
    let username = format!("{ufrag}:them");
    let message = StunMessage::binding_request(&username, TransId::new(), true, 1, 2, false);
    let mut buffer = vec![0; 512];
    let len = message
        .to_bytes(Some(password.as_bytes()), &mut buffer, stun::hmac)
        .unwrap();
    buffer.truncate(len);
    buffer
}

#[test]
fn only_a_signed_request_opens_the_door() {
    let (mut demux, key, ufrag) = door();
    let now = Instant::now();
    let dtls = [22u8; 40];
    assert_eq!(demux.route(tuple(1), &dtls, now), Err(Refusal::Stranger));
    assert_eq!(
        demux.route(tuple(1), &request(&ufrag, "wrong"), now),
        Err(Refusal::StunIntegrity)
    );
    assert_eq!(
        demux.route(tuple(1), &request("AAAABBBBCCCCDDDDEEEE", PASSWORD), now),
        Err(Refusal::StunUfrag)
    );
    assert!(
        demux
            .route(tuple(1), &request(&ufrag, PASSWORD), now)
            .is_ok()
    );
    assert!(demux.route(tuple(1), &dtls, now).is_ok());
    assert_eq!(demux.route(tuple(2), &dtls, now), Err(Refusal::Stranger));
    demux.close(key);
    assert_eq!(demux.route(tuple(1), &dtls, now), Err(Refusal::Stranger));
    assert_eq!(
        demux.route(tuple(1), &request(&ufrag, PASSWORD), now),
        Err(Refusal::StunUfrag)
    );
}

#[test]
fn a_failing_source_is_no_longer_checked_but_the_admitted_is() {
    let (mut demux, _, ufrag) = door();
    let now = Instant::now();
    assert!(
        demux
            .route(tuple(1), &request(&ufrag, PASSWORD), now)
            .is_ok()
    );
    for _ in 0..40 {
        let _ = demux.route(tuple(9), &request(&ufrag, "wrong"), now);
    }
    assert_eq!(
        demux.route(tuple(9), &request(&ufrag, "wrong"), now),
        Err(Refusal::StunRate)
    );
    assert!(
        demux
            .route(tuple(1), &request(&ufrag, PASSWORD), now)
            .is_ok()
    );
}

/// A signature is the dearest thing by far that the door does, and strangers are many.
#[test]
fn a_flood_is_refused_without_signatures_or_with_few() {
    const FLOOD: u16 = 2_000;
    let (mut demux, key, ufrag) = door();
    let (_, gone) = demux.open(demux.links.get(key).unwrap().owner, PASSWORD.into());
    let gone_key = demux.key_of(demux.ufrags.0.decode(&gone).unwrap());
    demux.close(gone_key.unwrap());
    let mut flipped = ufrag.clone().into_bytes();
    flipped[3] ^= 1;
    let flipped = std::str::from_utf8(&flipped).unwrap();
    let wrong = request(&ufrag, "wrong");
    let now = Instant::now();
    let mut signatures = |flood: &[u8], sources: u16| {
        let before = stun::SIGNED.get();
        for n in 0..FLOOD {
            let n = n % sources;
            let remote = SocketAddr::from(([198, 51, (n % 16) as u8, (n >> 4) as u8], 9));
            let tuple = Tuple { remote, ..tuple(1) };
            assert!(demux.route(tuple, flood, now).is_err());
        }
        stun::SIGNED.get() - before
    };
    assert_eq!(signatures(&request(&gone, PASSWORD), 500), 0, "gone");
    assert_eq!(signatures(&request(flipped, PASSWORD), 500), 0, "guessed");
    // As many per second and source as the door was made for.
    assert_eq!(signatures(&wrong, 1), 10, "signed with another password");
    assert_eq!(signatures(&wrong, 100), 99 * 10, "from a hundred sources");
}

#[test]
fn a_request_counts_once() {
    let (mut demux, _, ufrag) = door();
    let now = Instant::now();
    let first = request(&ufrag, PASSWORD);
    assert_eq!(demux.route(tuple(1), &first, now).unwrap().1, Packet::Check);
    assert_eq!(
        demux.route(tuple(2), &first, now),
        Err(Refusal::StunReplayed)
    );
    assert_eq!(
        demux.route(tuple(2), &[22; 40], now),
        Err(Refusal::Stranger)
    );
    // A retransmission is answered.
    assert_eq!(demux.route(tuple(1), &first, now).unwrap().1, Packet::Stun);
    let second = request(&ufrag, PASSWORD);
    assert_eq!(
        demux.route(tuple(2), &second, now).unwrap().1,
        Packet::Check
    );
}

#[test]
fn a_retransmission_keeps_no_tuple() {
    let (mut demux, _, hers) = door();
    let mut arena = Arena::default();
    let _ = arena.insert(());
    let other = Owner {
        room: arena.insert(()),
        seat: arena.insert(()),
    };
    let (_, his) = demux.open(other, PASSWORD.into());
    let start = Instant::now();
    let first = request(&hers, PASSWORD);
    let _ = demux.route(tuple(1), &first, start).unwrap();
    let later = start + TUPLE_KEPT;
    let _ = demux.route(tuple(1), &first, later).unwrap();
    let (owner, _) = demux
        .route(tuple(1), &request(&his, PASSWORD), later)
        .unwrap();
    assert_eq!(owner, other);
}

#[test]
fn tuples_of_a_session_are_bounded() {
    let (mut demux, _, ufrag) = door();
    let start = Instant::now();
    for port in 1..100 {
        let now = start + std::time::Duration::from_secs(port.into());
        assert!(
            demux
                .route(tuple(port), &request(&ufrag, PASSWORD), now)
                .is_ok()
        );
    }
    assert_eq!(demux.tuples.len(), TUPLES_PER_LINK_MAX);
}

#[test]
fn the_tuple_in_use_outlives_newer_ones() {
    let (mut demux, _, ufrag) = door();
    let start = Instant::now();
    for port in 2..100 {
        let now = start + Duration::from_secs(port.into());
        for port in [1, port] {
            assert!(
                demux
                    .route(tuple(port), &request(&ufrag, PASSWORD), now)
                    .is_ok()
            );
        }
        assert!(demux.route(tuple(1), &[22; 40], now).is_ok());
    }
}

#[test]
fn a_tuple_stays_with_its_client_while_that_lives() {
    let (mut demux, _, hers) = door();
    let mut arena = Arena::default();
    let _ = arena.insert(());
    let other = Owner {
        room: arena.insert(()),
        seat: arena.insert(()),
    };
    let (_, his) = demux.open(other, "another password, of his own".into());
    let his_request = request(&his, "another password, of his own");
    let start = Instant::now();
    let (owner, _) = demux
        .route(tuple(1), &request(&hers, PASSWORD), start)
        .unwrap();
    let at = |ms| start + Duration::from_millis(ms);
    // He says that he is where she is.
    assert_eq!(
        demux.route(tuple(1), &his_request, at(9_000)),
        Err(Refusal::TupleTaken)
    );
    assert_eq!(
        demux.route(tuple(1), &[22; 40], at(9_000)).unwrap().0,
        owner
    );
    // Each check of hers keeps it; without any it is free.
    assert!(
        demux
            .route(tuple(1), &request(&hers, PASSWORD), at(9_000))
            .is_ok()
    );
    assert_eq!(
        demux.route(tuple(1), &his_request, at(18_000)),
        Err(Refusal::TupleTaken)
    );
    assert_eq!(
        demux.route(tuple(1), &his_request, at(19_000)).unwrap().0,
        other
    );
}

proptest! {
    #[test]
    fn any_datagram_is_survived(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (mut demux, _, _) = door();
        prop_assert!(demux.route(tuple(1), &data, Instant::now()).is_err());
    }

    #[test]
    fn any_change_of_a_request_is_refused(at in 0usize..100, to: u8) {
        let (mut demux, _, ufrag) = door();
        let mut data = request(&ufrag, PASSWORD);
        let at = at % data.len();
        prop_assume!(data[at] != to);
        data[at] = to;
        // The fingerprint and what follows the integrity attribute are not covered by it.
        prop_assume!(at < data.len() - 8);
        prop_assert!(demux.route(tuple(1), &data, Instant::now()).is_err());
    }
}
