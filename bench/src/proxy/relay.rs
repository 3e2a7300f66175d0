//! The sockets: one that all clients send to, and for each client one towards the server, as a NAT has them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::{Course, Fates, Link};

const CLIENTS: Token = Token(usize::MAX);
/// Longest datagram.
const DATAGRAM_MAX: usize = 2_048;
/// Clients at most; further ones are not served.
const CLIENTS_MAX: usize = 2_000;
/// Datagrams under way at most.
const FLIGHTS_MAX: usize = 500_000;
/// Looks whether it is to stop so often.
const NAP_MAX: Duration = Duration::from_millis(50);

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    begin: Sender<Instant>,
    thread: Option<JoinHandle<io::Result<Fates>>>,
}

impl Proxy {
    /// Listens on a port of `listen`, and passes on to `server`. The course begins now.
    ///
    /// # Errors
    /// The port cannot be opened, or no thread started.
    pub fn start(
        listen: SocketAddr,
        server: SocketAddr,
        course: Course,
        seed: u64,
    ) -> io::Result<Self> {
        let mut front = UdpSocket::bind(listen)?;
        let address = front.local_addr()?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut front, CLIENTS, Interest::READABLE)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (begin, begins) = mpsc::channel();
        let relay = Relay {
            poll,
            begins,
            front,
            server,
            course,
            seed,
            begun: Instant::now(),
            clients: Vec::new(),
            by_address: BTreeMap::new(),
            flights: BinaryHeap::new(),
            flown: 0,
        };
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || relay.run(&told))?;
        Ok(Self {
            address,
            stop,
            begin,
            thread: Some(thread),
        })
    }

    /// Where clients send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The course begins anew at this time.
    pub fn begin(&self, at: Instant) {
        // Whether the thread is gone, `stop` tells.
        let _told = self.begin.send(at);
    }

    /// Ends it; what became of the datagrams to clients.
    ///
    /// # Errors
    /// A socket failed meanwhile.
    pub fn stop(mut self) -> io::Result<Fates> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(fates)) => fates,
            _ => Err(io::Error::other("the proxy's thread panicked")),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A client's socket towards the server, and its way in each direction.
struct Client {
    address: SocketAddr,
    back: UdpSocket,
    up: Link,
    down: Link,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Instant,
    order: u64,
    client: usize,
    is_up: bool,
    bytes: Vec<u8>,
}

struct Relay {
    poll: Poll,
    front: UdpSocket,
    server: SocketAddr,
    course: Course,
    seed: u64,
    begun: Instant,
    begins: Receiver<Instant>,
    clients: Vec<Client>,
    by_address: BTreeMap<SocketAddr, usize>,
    flights: BinaryHeap<Reverse<Flight>>,
    flown: u64,
}

impl Relay {
    fn run(mut self, stop: &AtomicBool) -> io::Result<Fates> {
        let mut events = Events::with_capacity(256);
        while !stop.load(Ordering::Relaxed) {
            let next = self.flights.peek().map(|Reverse(flight)| flight.at);
            let nap = next.map_or(NAP_MAX, |at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, Some(nap.min(NAP_MAX))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            if let Ok(begun) = self.begins.try_recv() {
                self.begun = begun;
            }
            for event in &events {
                match event.token() {
                    CLIENTS => self.read_clients()?,
                    Token(client) => self.read_server(client)?,
                }
            }
            self.deliver();
        }
        let mut sum = Fates::default();
        for fates in self.clients.iter().map(|client| client.down.fates()) {
            sum.sent += fates.sent;
            sum.lost += fates.lost;
            sum.overflowed += fates.overflowed;
        }
        Ok(sum)
    }

    fn read_clients(&mut self) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_MAX];
        while let Some((length, from)) = received(self.front.recv_from(&mut buffer))? {
            if let Some(client) = self.client(from)? {
                self.offer(client, true, &buffer[..length]);
            }
        }
        Ok(())
    }

    fn read_server(&mut self, client: usize) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_MAX];
        while let Some((length, from)) = received(self.clients[client].back.recv_from(&mut buffer))?
        {
            if from == self.server {
                self.offer(client, false, &buffer[..length]);
            }
        }
        Ok(())
    }

    /// The client's number; a new address is a new client.
    fn client(&mut self, address: SocketAddr) -> io::Result<Option<usize>> {
        if let Some(known) = self.by_address.get(&address) {
            return Ok(Some(*known));
        }
        let number = self.clients.len();
        if number >= CLIENTS_MAX {
            return Ok(None);
        }
        let mut any = self.front.local_addr()?;
        any.set_port(0);
        let mut back = UdpSocket::bind(any)?;
        let registry = self.poll.registry();
        registry.register(&mut back, Token(number), Interest::READABLE)?;
        let seed = self.seed.wrapping_add(2 * number as u64);
        self.clients.push(Client {
            address,
            back,
            up: Link::new(seed),
            down: Link::new(seed.wrapping_add(1)),
        });
        self.by_address.insert(address, number);
        Ok(Some(number))
    }

    fn offer(&mut self, client: usize, is_up: bool, bytes: &[u8]) {
        let now = Instant::now();
        let since = now.saturating_duration_since(self.begun);
        let mut conditions = self.course.at(since);
        let way = &mut self.clients[client];
        let link = if is_up {
            conditions.rate = None;
            &mut way.up
        } else {
            &mut way.down
        };
        let Some(at) = link.offer(&conditions, bytes.len(), now) else {
            return;
        };
        if self.flights.len() >= FLIGHTS_MAX {
            return;
        }
        self.flown += 1;
        self.flights.push(Reverse(Flight {
            at,
            order: self.flown,
            client,
            is_up,
            bytes: bytes.to_vec(),
        }));
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while self
            .flights
            .peek()
            .is_some_and(|Reverse(next)| next.at <= now)
        {
            let Some(Reverse(flight)) = self.flights.pop() else {
                return;
            };
            let client = &self.clients[flight.client];
            // A full buffer loses a datagram, as networks do.
            let _sent = if flight.is_up {
                client.back.send_to(&flight.bytes, self.server)
            } else {
                self.front.send_to(&flight.bytes, client.address)
            };
        }
    }
}

/// `None`: nothing more is there. A closed port of the other side is no fault of ours.
fn received(result: io::Result<(usize, SocketAddr)>) -> io::Result<Option<(usize, SocketAddr)>> {
    match result {
        Ok(received) => Ok(Some(received)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_go_there_and_back_under_the_servers_eyes_from_one_address_per_client() {
        let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let bind = || std::net::UdpSocket::bind(local).expect("a socket");
        let (server, clients) = (bind(), [bind(), bind()]);
        let address = server.local_addr().expect("bound");
        let course: Course = "delay=5".parse().expect("a course");
        let proxy = Proxy::start(local, address, course, 1).expect("a proxy");
        let mut buffer = [0; 64];
        let mut seen = Vec::new();
        for (n, client) in clients.iter().enumerate() {
            client.send_to(&[n as u8], proxy.address()).expect("sent");
            let (length, from) = server.recv_from(&mut buffer).expect("came");
            assert_eq!(buffer[..length], [n as u8]);
            seen.push(from);
            server.send_to(&[n as u8, 9], from).expect("answered");
            let (length, from) = client.recv_from(&mut buffer).expect("came back");
            assert_eq!(
                (&buffer[..length], from),
                (&[n as u8, 9][..], proxy.address())
            );
        }
        assert_ne!(seen[0], seen[1]);
        let fates = proxy.stop().expect("stopped");
        assert_eq!((fates.sent, fates.lost), (2, 0));
    }

    #[test]
    fn a_course_begins_anew_when_told() {
        let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let bind = || std::net::UdpSocket::bind(local).expect("a socket");
        let (server, client) = (bind(), bind());
        let address = server.local_addr().expect("bound");
        let course: Course = "loss=100, 60: loss=0".parse().expect("a course");
        let proxy = Proxy::start(local, address, course, 1).expect("a proxy");
        let now = Instant::now();
        proxy.begin(now.checked_sub(Duration::from_secs(100)).unwrap_or(now));
        client.send_to(&[7], proxy.address()).expect("sent");
        let patience = Duration::from_secs(10);
        server.set_read_timeout(Some(patience)).expect("a socket");
        let (length, _) = server.recv_from(&mut [0; 8]).expect("nothing is lost");
        assert_eq!(length, 1);
    }
}
