//! A recording's file as a reader: pieces of the sidecar's stream, none of them kept.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use parley_proto::v1::ReadRecordingFileResponse;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_stream::Stream as _;
use tonic::Streaming;

/// See the module. Counts what was taken of it.
pub(super) struct Source<'a> {
    stream: Streaming<ReadRecordingFileResponse>,
    piece: Bytes,
    taken: &'a AtomicU64,
}

impl<'a> Source<'a> {
    pub(super) fn new(stream: Streaming<ReadRecordingFileResponse>, taken: &'a AtomicU64) -> Self {
        Self {
            stream,
            piece: Bytes::new(),
            taken,
        }
    }
}

impl AsyncRead for Source<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.piece.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(message)) => self.piece = message.data.into(),
                Some(Err(status)) => {
                    let reason = format!("the sidecar's stream: {:?}", status.code());
                    return Poll::Ready(Err(io::Error::other(reason)));
                }
                None => return Poll::Ready(Ok(())),
            }
        }
        let now = self.piece.len().min(buffer.remaining());
        buffer.put_slice(&self.piece[..now]);
        self.piece.advance(now);
        self.taken.fetch_add(now as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}
