//! The TCP listener for hosts on other machines: TLS, and what a stranger may cost.
//!
//! Who has not shown the token yet is a stranger. Strangers are few at a time, fewer from one source, they
//! come no faster than a host would, and they have a short time to become hosts. So they can keep other
//! strangers out, and no longer than they go on; those who are hosts already do not notice.

use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::Stream;
use parley_media::bucket::SourceBuckets;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::grpc::{Attachments, Connection};

/// Hosts at a time.
const HOSTS_MAX: usize = 64;
/// Strangers at a time.
const STRANGERS_MAX: usize = 64;
/// Strangers at a time from one source.
const STRANGERS_PER_SOURCE_MAX: usize = 8;
/// New connections from one source: per second, and at once.
const NEW_PER_SECOND: u64 = 5;
const NEW_AT_ONCE: u64 = 20;
/// Sources whose pace is remembered.
const SOURCES_MAX: usize = 4096;
/// From the connection to the end of the TLS handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// From the connection to the `GetInfo` that makes a stranger a host.
const INTRODUCTION_TIME_MAX: Duration = Duration::from_secs(10);
/// Calls without the token that one connection may try.
const REFUSALS_MAX: u32 = 8;
/// After an error of the listener (no free descriptor) before it is tried again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The present certificate; `None` = no TLS.
pub(super) type Tls = Option<watch::Receiver<Arc<ServerConfig>>>;

/// Called for each connection that is not, or no longer, taken.
pub(super) type Refused = Arc<dyn Fn() + Send + Sync>;

/// Connections whose TLS handshake is done.
pub(super) fn accept(
    listener: TcpListener,
    tls: Tls,
    attachments: Attachments,
    refused: Refused,
) -> impl Stream<Item = io::Result<Peer>> {
    let (ready, peers) = mpsc::channel(1);
    let door = Door {
        tls,
        attachments,
        hosts: Arc::new(Semaphore::new(HOSTS_MAX)),
        strangers: Strangers::default(),
        refused,
        ready,
    };
    tokio::spawn(door.stand(listener));
    ReceiverStream::new(peers)
}

struct Door {
    tls: Tls,
    attachments: Attachments,
    hosts: Arc<Semaphore>,
    strangers: Strangers,
    refused: Refused,
    ready: mpsc::Sender<io::Result<Peer>>,
}

impl Door {
    /// Until nobody takes connections any more.
    async fn stand(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.ready.closed() => return,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            match self.strangers.enter(from) {
                Ok(place) => self.welcome(stream, place),
                Err(limit) => {
                    (self.refused)();
                    tracing::debug!(%from, limit, "limit reached: a stranger was dropped");
                }
            }
        }
    }

    /// Makes the handshake, beside those of others.
    fn welcome(&self, stream: TcpStream, place: Place) {
        let came = Instant::now();
        let (ready, hosts) = (self.ready.clone(), Arc::clone(&self.hosts));
        let refused = Arc::clone(&self.refused);
        let connection = Connection::new(&self.attachments);
        let tls = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let io = match tls {
                None => Io::Plain(stream),
                Some(tls) => {
                    let handshake = TlsAcceptor::from(tls).accept(stream);
                    match timeout_at(came + HANDSHAKE_TIME_MAX, handshake).await {
                        Ok(Ok(stream)) => Io::Tls(Box::new(stream)),
                        Ok(Err(error)) => {
                            refused();
                            return tracing::debug!(%error, "TLS handshake");
                        }
                        Err(_) => {
                            refused();
                            return tracing::debug!("TLS handshake took too long");
                        }
                    }
                }
            };
            let peer = Peer {
                io,
                connection,
                standing: Standing::Stranger {
                    until: Box::pin(sleep_until(came + INTRODUCTION_TIME_MAX)),
                    _place: place,
                    hosts,
                    refused,
                },
            };
            // An error: the process is ending.
            let _ = ready.send(Ok(peer)).await;
        });
    }
}

/// Who may come in, counted.
#[derive(Clone)]
struct Strangers(Arc<Mutex<Book>>);

struct Book {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
    pace: SourceBuckets<IpAddr>,
}

/// A stranger's place; free again when dropped.
struct Place {
    strangers: Strangers,
    source: IpAddr,
}

impl Default for Strangers {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Book {
            all: 0,
            by_source: HashMap::new(),
            pace: SourceBuckets::new(NEW_PER_SECOND, NEW_AT_ONCE, SOURCES_MAX),
        })))
    }
}

impl Strangers {
    /// A place, or the limit that is reached.
    fn enter(&self, from: SocketAddr) -> Result<Place, &'static str> {
        let source = source(from.ip());
        let mut book = self.book();
        if !book.pace.take(source, std::time::Instant::now(), 1) {
            return Err("pace");
        }
        if book.all >= STRANGERS_MAX {
            return Err("strangers");
        }
        let here = book.by_source.entry(source).or_default();
        if *here >= STRANGERS_PER_SOURCE_MAX {
            return Err("strangers of one source");
        }
        *here += 1;
        book.all += 1;
        Ok(Place {
            strangers: self.clone(),
            source,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut book = self.strangers.book();
        book.all -= 1;
        if let Some(here) = book.by_source.get_mut(&self.source) {
            *here -= 1;
            if *here == 0 {
                book.by_source.remove(&self.source);
            }
        }
    }
}

/// One address of IPv4; of IPv6 a network that one customer has.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 => v4,
    }
}

/// A connected peer.
pub(super) struct Peer {
    io: Io,
    connection: Connection,
    standing: Standing,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

enum Standing {
    Stranger {
        until: Pin<Box<Sleep>>,
        _place: Place,
        hosts: Arc<Semaphore>,
        refused: Refused,
    },
    Host {
        _place: OwnedSemaphorePermit,
    },
    Refused(&'static str),
}

impl Peer {
    /// An error ends the connection.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.standing(context) {
            None => {}
            Some(Standing::Refused(why)) => {
                if let Standing::Stranger { refused, .. } = &self.standing {
                    refused();
                }
                self.standing = Standing::Refused(why);
            }
            Some(host) => self.standing = host,
        }
        match self.standing {
            Standing::Refused(why) => Err(io::Error::other(why)),
            Standing::Stranger { .. } | Standing::Host { .. } => Ok(()),
        }
    }

    /// What becomes of a stranger now, if anything does.
    fn standing(&mut self, context: &mut Context<'_>) -> Option<Standing> {
        let Standing::Stranger { until, hosts, .. } = &mut self.standing else {
            return None;
        };
        if self.connection.is_introduced() {
            return Some(match Arc::clone(hosts).try_acquire_owned() {
                Ok(place) => Standing::Host { _place: place },
                Err(_) => {
                    tracing::warn!("limit reached: {HOSTS_MAX} hosts");
                    Standing::Refused("too many hosts")
                }
            });
        }
        if self.connection.refused() > REFUSALS_MAX {
            return Some(Standing::Refused("too many calls without the token"));
        }
        let late = until.as_mut().poll(context).is_ready();
        late.then_some(Standing::Refused("no token in time"))
    }

    fn io(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut dyn Duplex>> {
        self.check(context)?;
        Ok(match &mut self.io {
            Io::Plain(stream) => Pin::new(stream),
            Io::Tls(stream) => Pin::new(stream),
        })
    }
}

/// What either kind of connection can do.
trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for S {}

impl Connected for Peer {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io(context)?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::StreamExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn from(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn one_source_keeps_eight_places_and_others_the_rest() {
        let strangers = Strangers::default();
        let mut places: Vec<_> = (0..8)
            .map(|_| strangers.enter(from("192.0.2.1")).ok().unwrap())
            .collect();
        assert_eq!(
            strangers.enter(from("192.0.2.1")).err(),
            Some("strangers of one source")
        );
        // The same address, written as one of IPv6.
        assert!(strangers.enter(from("::ffff:192.0.2.1")).is_err());
        let other = strangers.enter(from("192.0.2.2"));
        assert!(other.is_ok());
        places.pop();
        assert!(
            strangers.enter(from("192.0.2.1")).is_ok(),
            "a place is free"
        );
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let strangers = Strangers::default();
        let places: Vec<_> = (0..8)
            .map(|n| strangers.enter(from(&format!("2001:db8::{n}"))))
            .collect();
        assert!(places.iter().all(Result::is_ok));
        assert!(strangers.enter(from("2001:db8::ffff")).is_err());
        assert!(strangers.enter(from("2001:db8:0:1::")).is_ok());
    }

    #[test]
    fn strangers_are_few_in_all() {
        let strangers = Strangers::default();
        let places: Vec<_> = (0..=64)
            .map(|n| strangers.enter(from(&format!("198.51.100.{n}"))))
            .collect();
        assert_eq!(places.iter().filter(|place| place.is_ok()).count(), 64);
        drop(places);
        assert_eq!(strangers.book().all, 0);
        assert!(strangers.book().by_source.is_empty());
    }

    async fn served(
        tls: Tls,
    ) -> (
        impl Stream<Item = io::Result<Peer>>,
        TcpStream,
        Arc<AtomicU32>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&refused);
        let count = Arc::new(move || _ = count.fetch_add(1, Ordering::Relaxed));
        let peers = accept(listener, tls, Attachments::default(), count);
        (peers, TcpStream::connect(address).await.unwrap(), refused)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_who_says_nothing_is_cut_off_after_ten_seconds() {
        let (peers, _client, refused) = served(None).await;
        let mut peers = std::pin::pin!(peers);
        let mut peer = peers.next().await.unwrap().unwrap();
        let start = Instant::now();
        for _ in 0..2 {
            let cut = peer.read_u8().await.unwrap_err();
            assert_eq!(cut.to_string(), "no token in time");
            assert_eq!(refused.load(Ordering::Relaxed), 1);
        }
        assert!(start.elapsed() <= Duration::from_secs(11));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_has_five_seconds() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let (_publish, tls) = watch::channel(Arc::new(tls));
        let (_peers, mut client, refused) = served(Some(tls)).await;
        let start = Instant::now();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(start.elapsed() <= Duration::from_secs(6));
        assert_eq!(refused.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn one_source_comes_no_faster_than_a_host_would() {
        let strangers = Strangers::default();
        let entered = (0..100)
            .filter(|_| strangers.enter(from("192.0.2.1")).is_ok())
            .count();
        assert!((20..30).contains(&entered), "{entered}");
    }
}
