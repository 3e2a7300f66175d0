use std::net::UdpSocket;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const WITH_GSO: Offload = Offload { gso: true };
const SCALAR: Offload = Offload { gso: false };

/// One sending socket, and receivers.
struct Net {
    sender: UdpSocket,
    receivers: Vec<UdpSocket>,
}

impl Net {
    fn new(receivers: usize) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            socket
        };
        Self {
            sender: socket(),
            receivers: (0..receivers).map(|_| socket()).collect(),
        }
    }

    fn to(&self, receiver: usize) -> SocketAddr {
        self.receivers[receiver].local_addr().unwrap()
    }

    fn flush(&self, queue: &mut SendQueue) {
        queue.flush([&self.sender]);
    }

    /// The next `count` datagrams.
    fn received(&self, receiver: usize, count: usize) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 65_535];
        let mut next = || {
            let (length, from) = self.receivers[receiver].recv_from(&mut buffer).unwrap();
            assert_eq!(from, self.sender.local_addr().unwrap());
            buffer[..length].to_vec()
        };
        (0..count).map(|_| next()).collect()
    }
}

fn offloads() -> Vec<Offload> {
    assert!(
        Offload::probe().gso,
        "this kernel has no GSO: nothing is tested"
    );
    vec![WITH_GSO, SCALAR]
}

#[test]
fn batches_arrive_whole_and_in_order() {
    for offload in offloads() {
        let net = Net::new(1);
        let mut queue = SendQueue::new(1, offload);
        for n in 0..150_u8 {
            queue.push(0, net.to(0), &vec![n; usize::from(n) + 1]);
        }
        net.flush(&mut queue);
        for (n, datagram) in (0..150_u8).zip(net.received(0, 150)) {
            assert_eq!(datagram, vec![n; usize::from(n) + 1]);
        }
        let counts = queue.counts;
        assert_eq!((counts.blocked, counts.failed, counts.runs), (0, 0, 0));
        // Each longer than the one before: no runs.
        assert_eq!(counts.calls, 150_u64.div_ceil(BATCH as u64));
    }
}

#[test]
fn a_frame_leaves_in_one_message_with_its_odd_tail() {
    let net = Net::new(1);
    let mut queue = SendQueue::new(1, WITH_GSO);
    for n in 0..10_u8 {
        queue.push(0, net.to(0), &[n; 1200]);
    }
    queue.push(0, net.to(0), &[10; 7]);
    // After a shorter one a new run begins.
    queue.push(0, net.to(0), &[11; 7]);
    net.flush(&mut queue);
    assert_eq!((queue.counts.calls, queue.counts.runs), (1, 1));
    for (n, datagram) in (0..12_u8).zip(net.received(0, 12)) {
        assert_eq!(datagram, vec![n; if n < 10 { 1200 } else { 7 }]);
    }
}

#[test]
fn what_goes_to_several_in_turn_is_gathered_for_each() {
    let net = Net::new(3);
    let mut queue = SendQueue::new(1, WITH_GSO);
    for n in 0..4_u8 {
        for receiver in 0..3 {
            queue.push(0, net.to(receiver), &[n; 100]);
        }
    }
    net.flush(&mut queue);
    assert_eq!((queue.counts.calls, queue.counts.runs), (1, 3));
    for receiver in 0..3 {
        for (n, datagram) in (0..4_u8).zip(net.received(receiver, 4)) {
            assert_eq!(datagram, [n; 100]);
        }
    }
}

#[test]
fn a_run_ends_before_it_is_too_long_for_a_message() {
    for (count, length) in [(200, 20), (60, 1200)] {
        let net = Net::new(1);
        let mut queue = SendQueue::new(1, WITH_GSO);
        for n in 0..count {
            queue.push(0, net.to(0), &vec![n; length]);
        }
        net.flush(&mut queue);
        assert_eq!(queue.counts.runs_refused, 0);
        assert!((2..=4).contains(&queue.counts.runs), "{:?}", queue.counts);
        for (n, datagram) in (0..count).zip(net.received(0, usize::from(count))) {
            assert_eq!(datagram, vec![n; length]);
        }
    }
}

#[test]
fn a_datagram_that_cannot_leave_is_counted_and_the_others_go() {
    for offload in offloads() {
        let net = Net::new(1);
        let mut queue = SendQueue::new(1, offload);
        queue.push(0, net.to(0), b"one");
        queue.push(0, net.to(0), &vec![0; 70_000]);
        queue.push(0, net.to(0), b"two");
        queue.push(0, net.to(0), b"one more");
        net.flush(&mut queue);
        assert_eq!(queue.counts.failed, 1);
        assert_eq!(net.received(0, 3), [&b"one"[..], b"two", b"one more"]);
    }
}

/// Sockets that compute no checksum cannot send runs: EIO or EINVAL, by kernel.
#[test]
fn a_refused_run_leaves_one_by_one_and_there_is_no_other() {
    let net = Net::new(2);
    net.refuse_runs();
    let mut queue = SendQueue::new(1, WITH_GSO);
    for round in 1..=3 {
        for receiver in 0..2 {
            for n in 0..5_u8 {
                queue.push(0, net.to(receiver), &[n; 50]);
            }
        }
        net.flush(&mut queue);
        for receiver in 0..2 {
            for (n, datagram) in (0..5_u8).zip(net.received(receiver, 5)) {
                assert_eq!(datagram, [n; 50]);
            }
        }
        // Both were planned before the first was refused.
        assert_eq!(
            (queue.counts.runs, queue.counts.runs_refused),
            (0, 2),
            "{round}"
        );
        assert_eq!(queue.counts.failed, 0);
    }
}

#[test]
fn one_narrow_path_takes_runs_from_nobody_else() {
    let is_unable = |code, segment| super::is_unable(&io::Error::from_raw_os_error(code), segment);
    assert!(!is_unable(libc::EMSGSIZE, 1200) && !is_unable(libc::EINVAL, 1200));
    assert!(is_unable(libc::EINVAL, 100) && is_unable(libc::EIO, 1200));
}

#[test]
fn each_socket_has_its_own_datagrams() {
    let net = Net::new(1);
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut queue = SendQueue::new(2, WITH_GSO);
    for n in 0..6_u8 {
        queue.push(usize::from(n % 2), net.to(0), &[n]);
    }
    queue.flush([&net.sender, &other]);
    let mut buffer = [0; 8];
    let mut heard = [Vec::new(), Vec::new()];
    for _ in 0..6 {
        let (_, from) = net.receivers[0].recv_from(&mut buffer).unwrap();
        heard[usize::from(from == other.local_addr().unwrap())].push(buffer[0]);
    }
    assert_eq!(heard, [[0, 2, 4], [1, 3, 5]]);
}

#[test]
fn nothing_is_allocated_once_it_was_as_full() {
    let net = Net::new(3);
    let mut queue = SendQueue::new(1, WITH_GSO);
    let mut sizes = Vec::new();
    for _ in 0..3 {
        for n in 0..90_usize {
            queue.push(0, net.to(n % 3), &[0; 300]);
        }
        net.flush(&mut queue);
        (0..3).for_each(|receiver| drop(net.received(receiver, 30)));
        sizes.push((
            queue.sockets[0].bytes.capacity(),
            queue.sockets[0].datagrams.capacity(),
            queue.pieces.capacity(),
            queue.messages.capacity(),
        ));
    }
    assert_eq!(sizes[1], sizes[2]);
    assert!(queue.sockets[0].table.iter().all(|place| *place == 0));
}

impl Net {
    fn refuse_runs(&self) {
        super::super::sys::leave_out_checksums(self.sender.as_fd()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the lengths and however destinations alternate: each gets its own, in order.
    #[test]
    fn each_destination_gets_all_in_order(
        datagrams in prop::collection::vec((0_usize..4, prop_oneof![Just(100_usize), Just(1200), 0..1500_usize]), 1..80),
        gso in any::<bool>(),
    ) {
        let net = Net::new(4);
        let mut queue = SendQueue::new(1, Offload { gso });
        let mut sent = vec![Vec::new(); 4];
        for (n, (receiver, length)) in datagrams.into_iter().enumerate() {
            let bytes: Vec<u8> = n.to_be_bytes().into_iter().rev().cycle().take(length).collect();
            if queue.push(0, net.to(receiver), &bytes) {
                net.flush(&mut queue);
            }
            sent[receiver].push(bytes);
        }
        net.flush(&mut queue);
        prop_assert_eq!((queue.counts.failed, queue.counts.blocked), (0, 0));
        for (receiver, sent) in sent.iter().enumerate() {
            prop_assert_eq!(&net.received(receiver, sent.len()), sent);
        }
    }

    /// A table that is too small for all keeps the order, too.
    #[test]
    fn destinations_without_a_place_keep_their_order(
        pushes in prop::collection::vec(0_u16..3000, 1..3000),
    ) {
        let mut queue = SocketQueue::new(true);
        for (n, port) in pushes.iter().enumerate() {
            queue.push(([10, 0, 0, 1], *port).into(), &(n as u32).to_be_bytes());
        }
        let (mut pieces, mut messages) = (Vec::new(), Vec::new());
        queue.plan(&mut pieces, &mut messages);
        prop_assert_eq!(pieces.len(), pushes.len());
        let mut last = std::collections::HashMap::new();
        for message in messages {
            for piece in &pieces[message.pieces.clone()] {
                let before = last.insert(message.destination, piece.start);
                prop_assert!(before.is_none_or(|before| before < piece.start));
                let port = pushes[piece.start / 4];
                prop_assert_eq!(message.destination.port(), port);
            }
        }
    }
}
