//! What sending one datagram costs over loopback: one by one, many per call, runs.
//!
//! `cargo run --release -p parley-sidecar --example send_costs` prints nanoseconds of this process's
//! CPU time per datagram. The receiving sockets are read now and then, outside the measured time.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    unused_imports
)]

#[path = "../src/shard/net/mod.rs"]
mod net;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use net::{Offload, SendQueue};
use rustix::time::{ClockId, clock_gettime};

/// Datagrams per figure.
const DATAGRAMS: usize = 200_000;
/// To each destination in one flush: a frame, or a tick's voices.
const PER_FLUSH: usize = 8;

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4 << 20).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Nanoseconds per datagram of what `send` does to all `destinations`.
fn cost(receivers: &[UdpSocket], mut send: impl FnMut(&[SocketAddr])) -> f64 {
    let destinations: Vec<SocketAddr> = receivers.iter().map(|r| r.local_addr().unwrap()).collect();
    let per_round = destinations.len() * PER_FLUSH;
    let rounds = DATAGRAMS / per_round;
    let mut spent = Duration::ZERO;
    let mut buffer = [0; 2048];
    for _ in 0..rounds {
        let before = cpu_time();
        send(&destinations);
        spent += cpu_time() - before;
        for receiver in receivers {
            while receiver.recv(&mut buffer).is_ok() {}
        }
    }
    spent.as_nanos() as f64 / (rounds * per_round) as f64
}

fn queued(length: usize, gso: bool, adjacent: bool) -> impl FnMut(&[SocketAddr]) {
    let sender = socket();
    let mut queue = SendQueue::new(1, Offload { gso });
    let payload = vec![7; length];
    move |destinations| {
        if adjacent {
            for to in destinations {
                for _ in 0..PER_FLUSH {
                    queue.push(0, *to, &payload);
                }
            }
        } else {
            for _ in 0..PER_FLUSH {
                for to in destinations {
                    queue.push(0, *to, &payload);
                }
            }
        }
        queue.flush([&sender]);
        assert_eq!(queue.counts.blocked + queue.counts.failed, 0);
    }
}

fn main() {
    println!(
        "bytes  to  send_to  sendmmsg  +GSO of {PER_FLUSH}  +GSO, destinations in turn  (ns per datagram)"
    );
    for length in [100, 1200] {
        for destinations in [1, 50] {
            let receivers: Vec<UdpSocket> = (0..destinations).map(|_| socket()).collect();
            let sender = socket();
            let payload = vec![7; length];
            let one_by_one = cost(&receivers, |destinations| {
                for to in destinations {
                    for _ in 0..PER_FLUSH {
                        sender.send_to(&payload, to).unwrap();
                    }
                }
            });
            let many = cost(&receivers, queued(length, false, true));
            let runs = cost(&receivers, queued(length, true, true));
            let gathered = cost(&receivers, queued(length, true, false));
            println!(
                "{length:>5} {destinations:>3} {one_by_one:>8.0} {many:>9.0} {runs:>10.0} {gathered:>10.0}"
            );
        }
    }
}
