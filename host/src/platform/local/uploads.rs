//! Files in pieces: the bytes go to the folder, and the database knows how many of them are on the disk for
//! certain. What a crash left beyond that is cut off and sent again.

use std::io::{Read as _, SeekFrom};
use std::path::PathBuf;
use std::sync::PoisonError;

use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::api::files::INLINE;
use super::error::{ApiError, ApiResult};
use super::files_dir::FilesDir;
use super::store::{bot, channels, files, uploads};
use super::{Local, limits};
use crate::platform::files::{FileFacts, Files, NewUpload, Progress, Source, UploadFuture};
use crate::platform::{PlatformError, PlatformFuture};

/// Bytes that are held while they go from the source to the disk.
const PIECE_BYTES: usize = 64 * 1024;

/// One at a time is at an upload; the others are sent away.
struct Turn<'a>(&'a Local, String);

impl<'a> Turn<'a> {
    fn take(local: &'a Local, id: &str) -> Result<Self, PlatformError> {
        let mut uploading = local
            .uploading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !uploading.insert(id.to_owned()) {
            return Err(PlatformError::Unavailable("somebody is at it".into()));
        }
        Ok(Self(local, id.to_owned()))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let uploading = self.0.uploading.lock();
        let mut uploading = uploading.unwrap_or_else(PoisonError::into_inner);
        uploading.remove(&self.1);
    }
}

fn disk(error: &std::io::Error) -> PlatformError {
    tracing::warn!(%error, "an upload cannot be written");
    PlatformError::Unavailable("the disk".into())
}

/// Off the async threads.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, PlatformError> {
    match tokio::task::spawn_blocking(job).await {
        Ok(outcome) => outcome.map_err(|error| disk(&error)),
        Err(_) => Err(PlatformError::Unavailable("the disk".into())),
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

impl Local {
    /// Where a large file's bytes are.
    pub(super) fn file_path(&self, id: &str) -> Option<PathBuf> {
        self.files.as_ref().map(|files| files.path(id))
    }

    /// Makes room of what nobody asks for. Blocks; for the start.
    pub(super) fn sweep_files(&self) -> ApiResult<()> {
        let Some(folder) = &self.files else {
            return Ok(());
        };
        let known = self.db.run_blocking(|tx| {
            uploads::clean(tx)?;
            uploads::on_disk(tx)
        })?;
        folder
            .sweep(&known)
            .map_err(|error| ApiError::internal(&error))
    }

    fn folder(&self) -> Result<&FilesDir, PlatformError> {
        let folder = self.files.as_ref().filter(|_| self.file_bytes_max > 0);
        folder.ok_or_else(|| PlatformError::Unavailable("no files are taken".into()))
    }

    async fn begin(&self, new: NewUpload) -> Result<String, PlatformError> {
        self.folder()?;
        if new.bytes == 0 || new.bytes > self.file_bytes_max {
            return Err(PlatformError::Invalid("bytes: out of bounds".into()));
        }
        let begun = self.db.run(move |tx| {
            let channel = channels::get(tx, &new.channel_id)?;
            if channel.delete_at != 0 {
                return Err(ApiError::body("channel_id"));
            }
            let kind = match INLINE.contains(&&*new.content_type) {
                true => &new.content_type,
                false => "application/octet-stream",
            };
            let owner = bot::ensure(tx)?.id;
            uploads::insert(tx, &owner, &channel.id, &new.name, kind, signed(new.bytes))
        });
        Ok(begun.await?)
    }

    async fn state(&self, id: &str) -> Result<Progress, PlatformError> {
        let id = id.to_owned();
        let state = self.db.run(move |tx| {
            if let Some(upload) = uploads::get(tx, &id)? {
                return Ok(Progress {
                    offset: unsigned(upload.synced),
                    file_id: None,
                });
            }
            let info = files::info(tx, &id)?;
            Ok(Progress {
                offset: unsigned(info.size),
                file_id: Some(info.id),
            })
        });
        Ok(state.await?)
    }

    async fn take(
        &self,
        id: &str,
        offset: u64,
        source: &mut Source<'_>,
    ) -> Result<Progress, PlatformError> {
        let folder = self.folder()?.clone();
        let _turn = Turn::take(self, id)?;
        let asked = id.to_owned();
        let upload = self.db.run(move |tx| uploads::get(tx, &asked)).await?;
        let upload = upload.ok_or(PlatformError::NotFound)?;
        if unsigned(upload.synced) != offset {
            return Err(PlatformError::Invalid("offset".into()));
        }
        let size = unsigned(upload.size);
        let opened = opened(&folder, id, offset).await;
        // Shorter than what was synced: there is nothing to go on with.
        let mut file = opened
            .map_err(|error| disk(&error))?
            .ok_or(PlatformError::NotFound)?;
        let (mut at, mut synced) = (offset, offset);
        let mut piece = vec![0; PIECE_BYTES];
        let broken = loop {
            let room = usize::try_from(size - at).map_or(PIECE_BYTES, |room| room.min(PIECE_BYTES));
            if room == 0 {
                break None;
            }
            let taken = match source.read(&mut piece[..room]).await {
                Ok(0) => break None,
                Ok(taken) => taken,
                Err(error) => break Some(error),
            };
            file.write_all(&piece[..taken])
                .await
                .map_err(|error| disk(&error))?;
            at += taken as u64;
            if at - synced >= limits::UPLOAD_SYNC_BYTES {
                self.keep_piece(&mut file, id, at).await?;
                synced = at;
            }
        };
        if at > synced {
            self.keep_piece(&mut file, id, at).await?;
        }
        if let Some(error) = broken {
            tracing::debug!(%error, "an upload's source broke");
            return Err(PlatformError::Unavailable("the source of the bytes".into()));
        }
        if at < size {
            return Ok(Progress {
                offset: at,
                file_id: None,
            });
        }
        file.sync_all().await.map_err(|error| disk(&error))?;
        blocking(move || folder.sync()).await?;
        let id = id.to_owned();
        let finished = self.db.run(move |tx| {
            uploads::finish(tx, &id)?;
            Ok(id)
        });
        Ok(Progress {
            offset: at,
            file_id: Some(finished.await?),
        })
    }

    /// On the disk first, then known to be there.
    async fn keep_piece(&self, file: &mut File, id: &str, at: u64) -> Result<(), PlatformError> {
        let kept = async {
            file.flush().await?;
            file.sync_data().await
        };
        kept.await.map_err(|error: std::io::Error| disk(&error))?;
        let id = id.to_owned();
        let known = self.db.run(move |tx| uploads::advance(tx, &id, signed(at)));
        Ok(known.await?)
    }

    async fn facts(&self, id: &str) -> Result<FileFacts, PlatformError> {
        let asked = id.to_owned();
        let content = self.db.run(move |tx| files::content(tx, &asked)).await?;
        match content {
            files::Content::Bytes(bytes) => Ok(FileFacts {
                bytes: bytes.len() as u64,
                sha256: Some(Sha256::digest(&bytes).into()),
            }),
            files::Content::OnDisk => {
                let path = self.file_path(id).ok_or(PlatformError::NotFound)?;
                match blocking(move || read_back(&path)).await? {
                    Some(facts) => Ok(facts),
                    None => Err(PlatformError::NotFound),
                }
            }
        }
    }
}

/// The file, exactly `offset` bytes long, ready to be continued; `None`: it has less.
async fn opened(folder: &FilesDir, id: &str, offset: u64) -> std::io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let mut file = options.open(folder.path(id)).await?;
    if file.metadata().await?.len() < offset {
        return Ok(None);
    }
    file.set_len(offset).await?;
    file.seek(SeekFrom::Start(offset)).await?;
    Ok(Some(file))
}

/// `None`: it is not there.
fn read_back(path: &std::path::Path) -> std::io::Result<Option<FileFacts>> {
    let mut file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece)? {
            0 => break,
            taken => {
                digest.update(&piece[..taken]);
                bytes += taken as u64;
            }
        }
    }
    Ok(Some(FileFacts {
        bytes,
        sha256: Some(digest.finalize().into()),
    }))
}

impl Files for Local {
    fn file_bytes_max(&self) -> u64 {
        match self.folder() {
            Ok(_) => self.file_bytes_max,
            Err(_) => 0,
        }
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
        Box::pin(self.facts(file_id))
    }
}
