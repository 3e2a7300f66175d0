//! The certificate for hosts on other machines, read anew on SIGHUP: certificates live shorter than calls do.

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::process::{Failure, system};
use crate::config::TlsFiles;

/// The certificate, and what replaces it. Must run inside the runtime.
pub(super) fn watch(files: TlsFiles) -> Result<watch::Receiver<Arc<ServerConfig>>, Failure> {
    let (publish, certificate) = watch::channel(files.load()?);
    let mut hangups = signal(SignalKind::hangup()).map_err(system("signals"))?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            match files.load() {
                Ok(new) => {
                    tracing::info!("the certificate was read anew");
                    if publish.send(new).is_err() {
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, "the former certificate stays in use"),
            }
        }
    });
    Ok(certificate)
}
