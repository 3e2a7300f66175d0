use std::net::UdpSocket;

use super::super::{Offload, SendQueue};
use super::*;

fn pair() -> (UdpSocket, UdpSocket, ReceiveBatch) {
    let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let (sender, receiver) = (socket(), socket());
    receiver.set_nonblocking(true).unwrap();
    (sender, receiver, ReceiveBatch::new())
}

/// All that is there.
fn read(socket: &UdpSocket, receiver: &mut ReceiveBatch, from: &UdpSocket) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    loop {
        match receiver.receive(socket) {
            Ok(more) => {
                for (address, datagram) in receiver.datagrams() {
                    assert_eq!(address, from.local_addr().unwrap());
                    datagrams.push(datagram.to_vec());
                }
                if !more {
                    return datagrams;
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                assert_eq!(receiver.datagrams().count(), 0);
                return datagrams;
            }
        }
    }
}

#[test]
fn datagrams_come_whole_and_in_order_in_few_calls() {
    let (sender, socket, mut receiver) = pair();
    let to = socket.local_addr().unwrap();
    let sent: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; usize::from(n)]).collect();
    for datagram in &sent {
        sender.send_to(datagram, to).unwrap();
    }
    assert_eq!(read(&socket, &mut receiver, &sender), sent);
    // The last one was not full.
    assert_eq!(receiver.counts.calls, 4);
    assert!(read(&socket, &mut receiver, &sender).is_empty());
}

#[test]
fn a_run_comes_as_single_datagrams() {
    let (sender, socket, mut receiver) = pair();
    let to = socket.local_addr().unwrap();
    let mut queue = SendQueue::new(1, Offload { gso: true });
    for n in 0..3_u8 {
        queue.push(0, to, &[n; 90]);
    }
    queue.flush([&sender]);
    let received = read(&socket, &mut receiver, &sender);
    assert_eq!(received, [[0; 90], [1; 90], [2; 90]]);
}

#[test]
fn one_that_is_too_long_is_counted_and_the_others_come() {
    let (sender, socket, mut receiver) = pair();
    let to = socket.local_addr().unwrap();
    for length in [5, DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX + 1, 6] {
        sender.send_to(&vec![1; length], to).unwrap();
    }
    let lengths: Vec<usize> = read(&socket, &mut receiver, &sender)
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(lengths, [5, DATAGRAM_BYTES_MAX, 6]);
    assert_eq!(receiver.counts.too_long, 1);
}

#[test]
fn both_families_say_who_sent() {
    let sender = UdpSocket::bind("[::1]:0").unwrap();
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let mut receiver = ReceiveBatch::new();
    sender
        .send_to(b"six", socket.local_addr().unwrap())
        .unwrap();
    receiver.receive(&socket).unwrap();
    let received: Vec<_> = receiver.datagrams().collect();
    assert_eq!(received, [(sender.local_addr().unwrap(), &b"six"[..])]);
}
