//! Sockets and TLS of the local platform.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::task::JoinSet;

use super::config::Tls;
use super::failure::Failure;

/// How long open requests may go on when the process is told to end.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(3);
/// From the first byte of a request to the end of its headers, and between two requests.
const HEADER_TIME_MAX: Duration = Duration::from_secs(15);
/// Bytes of a request's headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 100;
/// A silent HTTP/2 connection is asked whether it lives after this time, and has as long to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Bound sockets.
pub(super) struct Listeners {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Listeners {
    /// Binds all addresses. Port 0 is chosen once and used for all that ask for it. ::1 may be missing on a
    /// machine without IPv6 as long as something else is bound.
    pub(super) fn bind(field: &str, asked: &[SocketAddr]) -> Result<Self, Failure> {
        let mut bound = Self {
            sockets: Vec::new(),
            addresses: Vec::new(),
        };
        let mut chosen = 0;
        for &(mut address) in asked {
            if address.port() == 0 {
                address.set_port(chosen);
            }
            let socket = match TcpListener::bind(address) {
                Ok(socket) => socket,
                Err(error) if is_without_ipv6(address, &error) && !bound.sockets.is_empty() => {
                    tracing::warn!("no IPv6 on this machine: {address} is left out");
                    continue;
                }
                Err(error) => return Err(Failure::system(format!("{field} {address}"), error)),
            };
            let actual = socket
                .set_nonblocking(true)
                .and_then(|()| socket.local_addr())
                .map_err(|error| Failure::system(format!("{field} {address}"), error))?;
            chosen = actual.port();
            bound.sockets.push(socket);
            bound.addresses.push(actual);
        }
        Ok(bound)
    }

    /// Where people can connect to.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `stop` is done, then lets open requests finish.
    pub(super) async fn serve(
        self,
        router: Router,
        tls: Option<RustlsConfig>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let handle = Handle::new();
        let mut servers = JoinSet::new();
        for socket in self.sockets {
            let service = router
                .clone()
                .into_make_service_with_connect_info::<SocketAddr>();
            let handle = handle.clone();
            let tls = tls.clone();
            servers.spawn(async move {
                // Events are small and follow each other: they must not wait for what the client says to the first.
                let acceptor = NoDelayAcceptor::new();
                match tls {
                    Some(tls) => {
                        let acceptor = RustlsAcceptor::new(tls).acceptor(acceptor);
                        let server = axum_server::from_tcp(socket)?.acceptor(acceptor);
                        let mut server = server.handle(handle);
                        limit(server.http_builder());
                        server.serve(service).await
                    }
                    None => {
                        let server = axum_server::from_tcp(socket)?.acceptor(acceptor);
                        let mut server = server.handle(handle);
                        limit(server.http_builder());
                        server.serve(service).await
                    }
                }
            });
        }
        let ended_early = tokio::select! {
            () = stop => None,
            ended = servers.join_next() => ended,
        };
        handle.graceful_shutdown(Some(DRAIN_TIME_MAX));
        while servers.join_next().await.is_some() {}
        match ended_early {
            Some(Ok(Err(error))) => Err(Failure::system("server", error)),
            Some(Err(error)) => Err(Failure::internal("server", error)),
            Some(Ok(Ok(()))) | None => Ok(()),
        }
    }
}

/// Bounds what a connection may hold without asking for anything.
fn limit(builder: &mut Builder<TokioExecutor>) {
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
}

fn is_without_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    address.ip() == Ipv6Addr::LOCALHOST
        && matches!(
            error.kind(),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
        )
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Loads or makes what TLS needs.
pub(super) async fn tls(
    tls: &Tls,
    names: Vec<String>,
    data_dir: &Path,
) -> Result<Option<RustlsConfig>, Failure> {
    let (cert, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert, key } => (cert.clone(), key.clone()),
        Tls::SelfSigned => {
            self_signed(names, data_dir).map_err(|error| Failure::system("--self-signed", error))?
        }
    };
    // A second installation is refused and harmless: it is the same provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let field = format!("--tls-cert {}", cert.display());
    RustlsConfig::from_pem_file(cert, key)
        .await
        .map(Some)
        .map_err(|error| Failure::config(field, error))
}

/// The certificate in the data folder, made at the first time: browsers remember an exception for it.
fn self_signed(
    names: Vec<String>,
    data_dir: &Path,
) -> io::Result<(std::path::PathBuf, std::path::PathBuf)> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let (cert, key) = (
        data_dir.join("self-signed.crt"),
        data_dir.join("self-signed.key"),
    );
    if cert.is_file() && key.is_file() {
        return Ok((cert, key));
    }
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let mut key_file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&key)?;
    key_file.write_all(made.signing_key.serialize_pem().as_bytes())?;
    std::fs::write(&cert, made.cert.pem())?;
    Ok((cert, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loopback_addresses_get_the_same_free_port() {
        let asked = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().unwrap());
        let bound = Listeners::bind("--listen", &asked).unwrap();
        let ports: Vec<_> = bound.addresses().iter().map(SocketAddr::port).collect();
        assert!(
            ports.iter().all(|&port| port == ports[0] && port != 0),
            "{ports:?}"
        );
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let Err(failure) = Listeners::bind("--listen", &[address]) else {
            panic!("bound twice")
        };
        assert!(
            failure.to_string().contains(&address.to_string()),
            "{failure}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_never_finishes_its_headers_is_cut_off() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let bound = Listeners::bind("--listen", &["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = bound.addresses()[0];
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve(Router::new(), None, async {
            let _ = stopped.await;
        }));
        let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let read = slow.read_to_end(&mut answer);
        let cut = tokio::time::timeout(HEADER_TIME_MAX + Duration::from_secs(10), read).await;
        assert!(cut.is_ok(), "the connection is still open");
        stop.send(()).unwrap();
        assert!(serving.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let names = vec!["localhost".to_owned()];
        let made = tls(&Tls::SelfSigned, names.clone(), folder.path()).await;
        assert!(made.is_ok_and(|config| config.is_some()));
        let first = std::fs::read(folder.path().join("self-signed.crt")).unwrap();
        assert!(tls(&Tls::SelfSigned, names, folder.path()).await.is_ok());
        assert_eq!(
            std::fs::read(folder.path().join("self-signed.crt")).unwrap(),
            first
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_follows_shortly_does_not_wait_for_the_clients_word() {
        use std::time::Instant;

        use futures::stream::{self, StreamExt as _};
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let two = || async {
            let pieces = stream::iter([0, 2]).then(async |ms| {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok::<_, std::convert::Infallible>("piece")
            });
            axum::body::Body::from_stream(pieces)
        };
        let router = Router::new().route("/", axum::routing::get(two));
        let bound = Listeners::bind("--listen", &["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = bound.addresses()[0];
        let serving = tokio::spawn(bound.serve(router, None, std::future::pending()));
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut gaps = Vec::new();
        for _ in 0..15 {
            client
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            let (mut answer, mut first) = (Vec::new(), None);
            while !answer.ends_with(b"\r\n0\r\n\r\n") {
                assert!(client.read_buf(&mut answer).await.unwrap() > 0);
                first.get_or_insert_with(Instant::now);
            }
            gaps.push(first.unwrap().elapsed());
        }
        serving.abort();
        gaps.sort();
        // Clients acknowledge after 40 ms.
        assert!(gaps[gaps.len() / 2] < Duration::from_millis(25), "{gaps:?}");
    }
}
