//! The way to a remote sidecar: name, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parley_settings::SidecarAddress;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For the TCP connection to one of the name's addresses.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// The protocol that is spoken over TLS.
const ALPN: &[u8] = b"h2";

/// A connection without a word said.
pub(super) enum Dialled {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The name leads nowhere, or nobody answers.
    #[error("{0}")]
    Unreachable(#[source] io::Error),
    /// Who answers is not vouched for.
    #[error("{0}")]
    Certificate(String),
}

/// Connects; the whole may take longer than one address' time.
pub(super) async fn dial(
    address: &SidecarAddress,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Dialled, DialError> {
    let stream = connect(address).await.map_err(DialError::Unreachable)?;
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return Ok(Dialled::Plain(stream));
    };
    let name = ServerName::try_from(address.host.clone())
        .map_err(|error| DialError::Certificate(error.to_string()))?;
    match TlsConnector::from(tls).connect(name, stream).await {
        Ok(stream) => Ok(Dialled::Tls(Box::new(stream))),
        Err(error) => Err(of_handshake(error)),
    }
}

async fn connect(address: &SidecarAddress) -> io::Result<TcpStream> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await?;
    // Whatever the name `localhost` leads to: without TLS nothing leaves this machine.
    let allowed = |found: &SocketAddr| address.tls || found.ip().is_loopback();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no usable address");
    for one in found.filter(allowed) {
        match tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(one)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = error,
            Err(_) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed)
}

/// What a failed handshake means.
fn of_handshake(error: io::Error) -> DialError {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(
            cause @ (rustls::Error::InvalidCertificate(_)
            | rustls::Error::NoCertificatesPresented
            | rustls::Error::UnsupportedNameType
            | rustls::Error::AlertReceived(AlertDescription::UnrecognisedName)),
        ) => DialError::Certificate(cause.to_string()),
        _ => DialError::Unreachable(error),
    }
}

/// Trusts the authorities in `ca` (PEM), or the system's if there are none. The error is for the admin.
pub(super) fn client_config(ca: &str) -> Result<ClientConfig, String> {
    let roots = if ca.trim().is_empty() {
        system_roots()?
    } else {
        roots_of(ca)?
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn roots_of(ca: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A few odd ones among a system's hundreds are usual.
    let (good, _) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        return Err("this system trusts no certificate authority; give one".to_owned());
    }
    Ok(roots)
}
