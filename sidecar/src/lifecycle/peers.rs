//! The Unix socket: who may connect, and how many.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::Connected;

use crate::grpc::{Attachments, Connection};

/// Connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 64;
/// After an error of the listener (no free descriptor) before it is tried again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Binds the socket for this user only. The directory is private, so nobody connects before the mode is
/// set.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// A connected host.
#[derive(Debug)]
pub(super) struct Peer {
    stream: UnixStream,
    connection: Connection,
    _place: OwnedSemaphorePermit,
}

/// Connections of this user; others are dropped before a byte is read.
pub(super) fn accept(
    listener: UnixListener,
    attachments: Attachments,
) -> impl Stream<Item = io::Result<Peer>> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    futures::stream::unfold(listener, move |listener| {
        let (places, attachments) = (Arc::clone(&places), attachments.clone());
        async move {
            loop {
                let stream = match listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "accept failed");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                        continue;
                    }
                };
                if !is_own_user(&stream) {
                    tracing::warn!("a peer of another user was dropped");
                    continue;
                }
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    tracing::warn!("limit reached: {CONNECTIONS_MAX} connections");
                    continue;
                };
                let peer = Peer {
                    stream,
                    connection: Connection::new(&attachments),
                    _place: place,
                };
                return Some((Ok(peer), listener));
            }
        }
    })
}

fn is_own_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}

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
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
