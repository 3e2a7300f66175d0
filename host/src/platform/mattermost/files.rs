//! Large files in a Mattermost server's store: upload sessions, whose bytes the server reads from a stream.
//!
//! A session and its file have the same id, which we choose: the server forgets a session once its file is
//! whole, and we may have died before we heard of that.
//!
//! The server writes a piece to its store first and then notes how much it has. If it dies between the two,
//! its store has more than it says, and the next piece would be appended behind that. So an upload goes on
//! only in the process that saw each of its pieces end; another process begins a new one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use parley_goplugin::Broker;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::Mattermost;
use super::positional::Positional;
use super::wire::{FileInfo, UploadDataArgs, UploadSession};
use crate::platform::files::{FileFacts, Files, NewUpload, Progress, Source, UploadFuture};
use crate::platform::{PlatformError, PlatformFuture};

/// Bytes of one `UploadData`. The server notes its progress after each; all but the last must have 5 MiB at
/// least, which is the least that S3 appends to.
const PIECE_BYTES: u64 = 64 << 20;
/// Bytes that are held on their way to the server.
const BUFFER_BYTES: usize = 64 * 1024;
/// Uploads of which is known how far they are.
const UPLOADS_MAX: usize = 1024;
/// What the server reads of a stream in one turn, at most; more is taken as this much.
const REQUEST_MAX: u64 = 1 << 40;

/// How far the uploads of this process are, by id.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<HashMap<String, u64>>);

impl Uploads {
    /// Its last piece ended, and it is this far.
    fn put(&self, id: &str, offset: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= UPLOADS_MAX && !known.contains_key(id) {
            // Whoever goes on with one of these begins anew.
            known.clear();
        }
        known.insert(id.to_owned(), offset);
    }

    fn take(&self, id: &str) -> Option<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(id)
    }

    fn get(&self, id: &str) -> Option<u64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).copied()
    }
}

/// As the server's own ids: 26 characters of its alphabet.
fn new_id() -> Result<String, PlatformError> {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut bytes = [0; 26];
    getrandom::fill(&mut bytes)
        .map_err(|error| PlatformError::Unavailable(format!("randomness: {error}")))?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect())
}

fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

impl Mattermost {
    async fn begin(&self, new: NewUpload) -> Result<String, PlatformError> {
        if new.bytes == 0 || new.bytes > self.file_bytes_max() {
            return Err(PlatformError::Invalid("bytes: out of bounds".into()));
        }
        let id = new_id()?;
        let session = UploadSession {
            id: id.clone(),
            kind: "attachment".into(),
            user_id: self.bot_id(),
            channel_id: new.channel_id,
            filename: new.name,
            file_size: i64::try_from(new.bytes).unwrap_or(i64::MAX),
            req_file_id: id,
            ..UploadSession::default()
        };
        let args = Positional((Some(session),));
        let made: UploadSession = self.api()?.find("CreateUploadSession", args).await?;
        self.uploads.put(&made.id, 0);
        Ok(made.id)
    }

    async fn session(&self, id: &str) -> Result<UploadSession, PlatformError> {
        let args = Positional((id.to_owned(),));
        self.api()?.find("GetUploadSession", args).await
    }

    async fn state(&self, id: &str) -> Result<Progress, PlatformError> {
        match self.session(id).await {
            Ok(session) => {
                let offset = unsigned(session.file_offset);
                // The first piece replaces whatever is there.
                if offset != 0 && self.uploads.get(id) != Some(offset) {
                    return Err(PlatformError::NotFound);
                }
                Ok(Progress {
                    offset,
                    file_id: None,
                })
            }
            Err(PlatformError::NotFound) => {
                let facts = self.looked_at(id).await?;
                Ok(Progress {
                    offset: facts.bytes,
                    file_id: Some(id.to_owned()),
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn take(
        &self,
        id: &str,
        mut offset: u64,
        source: &mut Source<'_>,
    ) -> Result<Progress, PlatformError> {
        let mut source = BufReader::with_capacity(BUFFER_BYTES, source);
        loop {
            let session = self.session(id).await?;
            if unsigned(session.file_offset) != offset {
                return Err(PlatformError::Invalid("offset".into()));
            }
            if offset != 0 && self.uploads.get(id) != Some(offset) {
                return Err(PlatformError::NotFound);
            }
            // Unknown until the piece has ended.
            self.uploads.take(id);
            let left = unsigned(session.file_size).saturating_sub(offset);
            let piece = left.min(PIECE_BYTES);
            let sent = self.piece(session, &mut source, piece).await;
            let Sent { info, broken } = match sent {
                Ok(sent) => sent,
                Err(error) => {
                    self.learn(id).await;
                    return Err(error);
                }
            };
            if let Some(info) = info {
                return Ok(Progress {
                    offset: offset + left,
                    file_id: Some(info.id),
                });
            }
            let now = self.learn(id).await.ok_or(PlatformError::NotFound)?;
            if broken {
                return Err(PlatformError::Unavailable("the source of the bytes".into()));
            }
            let moved = now.saturating_sub(offset);
            offset = now;
            if moved < piece {
                return Ok(Progress {
                    offset,
                    file_id: None,
                });
            }
        }
    }

    /// The server answered: what it says of an upload holds.
    async fn learn(&self, id: &str) -> Option<u64> {
        let session = self.session(id).await.ok()?;
        let offset = unsigned(session.file_offset);
        self.uploads.put(id, offset);
        Some(offset)
    }

    async fn piece(
        &self,
        session: UploadSession,
        source: &mut (impl AsyncRead + Send + Unpin),
        bytes: u64,
    ) -> Result<Sent, PlatformError> {
        let (api, broker) = (self.api()?, self.broker()?);
        let number = broker.number();
        let args = UploadDataArgs {
            session: Some(session),
            plugin_stream_id: number,
        };
        let call = api.ask::<Option<FileInfo>>("UploadData", args);
        let broken = AtomicBool::new(false);
        let stream = async {
            serve(&broker, number, source, bytes, &broken).await;
            // The server answers when it has read what it wanted, and closes the stream before that.
            std::future::pending().await
        };
        let info = tokio::select! {
            answer = call => answer?,
            never = stream => never,
        };
        Ok(Sent {
            info,
            broken: broken.into_inner(),
        })
    }

    async fn looked_at(&self, id: &str) -> Result<FileFacts, PlatformError> {
        let args = Positional((id.to_owned(),));
        let info: FileInfo = self.api()?.find("GetFileInfo", args).await?;
        if info.delete_at != 0 {
            return Err(PlatformError::NotFound);
        }
        Ok(FileFacts {
            bytes: unsigned(info.size),
            sha256: None,
        })
    }
}

/// What became of a piece.
struct Sent {
    /// The file, if it was the last piece.
    info: Option<FileInfo>,
    /// Our own source failed.
    broken: bool,
}

/// Gives the server what it asks for: it writes how many bytes it has room for, as a zig-zag varint, and gets
/// up to as many; the stream's end is the piece's. `broken`: the source failed.
async fn serve(
    broker: &Broker,
    number: u32,
    source: &mut (impl AsyncRead + Send + Unpin),
    bytes: u64,
    broken: &AtomicBool,
) {
    let mut stream = match broker.accept(number).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "the server does not read an upload");
            return;
        }
    };
    let mut left = bytes;
    let mut buffer = vec![0; BUFFER_BYTES];
    'requests: while left > 0 {
        let Ok(mut asked) = varint(&mut stream).await else {
            break;
        };
        while asked > 0 && left > 0 {
            let room = asked.min(left);
            let room = usize::try_from(room).map_or(BUFFER_BYTES, |room| room.min(BUFFER_BYTES));
            let taken = match source.read(&mut buffer[..room]).await {
                Ok(0) => break 'requests,
                Ok(taken) => taken,
                Err(error) => {
                    tracing::debug!(%error, "an upload's source broke");
                    broken.store(true, Ordering::Relaxed);
                    break 'requests;
                }
            };
            if stream.write_all(&buffer[..taken]).await.is_err() {
                break 'requests;
            }
            asked -= taken as u64;
            left -= taken as u64;
        }
    }
    let _ = stream.shutdown().await;
    // What it asks for beyond the end: a stream that is dropped with something unread is reset.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// Go's `binary.ReadVarint`, of no less than nothing.
async fn varint(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = stream.read_u8().await?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            if value & 1 == 1 {
                break;
            }
            return Ok((value >> 1).min(REQUEST_MAX));
        }
    }
    Err(std::io::ErrorKind::InvalidData.into())
}

impl Files for Mattermost {
    fn file_bytes_max(&self) -> u64 {
        if self.api().is_err() {
            return 0;
        }
        self.config(|config| match config.file.enable_file_attachments {
            true => unsigned(config.file.max_file_size),
            false => 0,
        })
    }

    fn create_upload(&self, new: NewUpload) -> PlatformFuture<'_, String> {
        Box::pin(self.begin(new))
    }

    fn upload_state<'a>(&'a self, upload_id: &'a str) -> PlatformFuture<'a, Progress> {
        Box::pin(self.state(upload_id))
    }

    fn upload<'a>(
        &'a self,
        upload_id: &'a str,
        offset: u64,
        source: &'a mut Source<'a>,
    ) -> UploadFuture<'a> {
        Box::pin(self.take(upload_id, offset, source))
    }

    fn file_facts<'a>(&'a self, file_id: &'a str) -> PlatformFuture<'a, FileFacts> {
        Box::pin(self.looked_at(file_id))
    }
}
