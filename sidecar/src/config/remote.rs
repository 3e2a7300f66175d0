//! What hosts on other machines need: an address, a certificate, a token.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ConfigError;
use super::checked::wrong;
use crate::secret::Secret;

/// The only protocol spoken over TLS.
const ALPN: &[u8] = b"h2";

/// Where hosts on other machines connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcListen {
    /// Loopback if there is no TLS.
    pub address: SocketAddr,
    /// A pair that fits, when it was read last.
    pub tls: Option<TlsFiles>,
}

/// Certificate chain and key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads both. An error names the field.
    pub fn load(&self) -> Result<Arc<ServerConfig>, ConfigError> {
        let in_file =
            |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .or_else(|error| wrong("grpc_tls_cert", in_file(&self.cert, &error)))?;
        if chain.is_empty() {
            return wrong("grpc_tls_cert", in_file(&self.cert, &"no certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .or_else(|error| wrong("grpc_tls_key", in_file(&self.key, &error)))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        match config {
            Ok(mut config) => {
                config.alpn_protocols = vec![ALPN.to_vec()];
                Ok(Arc::new(config))
            }
            Err(error) => wrong("grpc_tls_key", in_file(&self.key, &error)),
        }
    }
}

/// Checks where to listen, and reads what that needs.
pub(super) fn grpc_listen(
    text: Option<&str>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    embedded: bool,
) -> Result<Option<GrpcListen>, ConfigError> {
    let tls = match (cert, key) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (Some(_), None) => return wrong("grpc_tls_key", "must be set with grpc_tls_cert"),
        (None, Some(_)) => return wrong("grpc_tls_cert", "must be set with grpc_tls_key"),
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return match tls {
            None => Ok(None),
            Some(_) => wrong("grpc_listen", "must be set with grpc_tls_cert"),
        };
    };
    if embedded {
        return wrong(
            "grpc_listen",
            "not with --embedded: such a sidecar is its own host's, and ends with it",
        );
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        return wrong("grpc_listen", format!("`{text}` is no address and port"));
    };
    match &tls {
        Some(files) => {
            files.load()?;
        }
        None if !address.ip().is_loopback() => {
            return wrong(
                "grpc_listen",
                format!(
                    "{address} is reached from other machines: the token would travel in the clear. Set \
                     grpc_tls_cert and grpc_tls_key, or listen on a loopback address"
                ),
            );
        }
        None => {}
    }
    Ok(Some(GrpcListen { address, tls }))
}

/// Checks that the file holds a token.
pub(super) fn token_file(
    path: Option<PathBuf>,
    embedded: bool,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    if embedded {
        return wrong(
            "token_file",
            "not with --embedded: the host makes the token",
        );
    }
    read_token(&path)?;
    Ok(Some(path))
}

/// Reads the token. An error names the field, and nothing of the file's content.
pub fn read_token(path: &Path) -> Result<Secret, ConfigError> {
    let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text =
        std::fs::read_to_string(path).or_else(|error| wrong("token_file", in_file(&error)))?;
    Secret::parse(text.trim_end()).or_else(|error| wrong("token_file", in_file(&error)))
}

/// Whether anybody on this machine may read the file.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}
