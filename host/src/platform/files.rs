//! Files that are too large for one call: put into the platform piece by piece, and looked at afterwards.
//!
//! They belong to the plugin's bot until a post of the bot's takes them ([`super::Post::file_ids`]). An upload
//! that ends in the middle goes on from [`Progress::offset`], where the platform can promise that what it has
//! is what was sent; where it cannot, the upload is unknown and a new one has to be made.

use std::future::Future;
use std::pin::Pin;

use tokio::io::AsyncRead;

use super::{PlatformError, PlatformFuture};

/// A file to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Whose members may read it.
    pub channel_id: String,
    /// Without a path.
    pub name: String,
    /// E.g. "video/webm".
    pub content_type: String,
    /// Its exact length; 1 to [`Files::file_bytes_max`].
    pub bytes: u64,
}

/// How far an upload has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that the platform has.
    pub offset: u64,
    /// The file, once the platform has all of it.
    pub file_id: Option<String>,
}

/// What the platform says of a file that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Its length.
    pub bytes: u64,
    /// Of the bytes as they are on its disk; `None` = the platform cannot tell.
    pub sha256: Option<[u8; 32]>,
}

/// Where a file's bytes come from. An error of it ends an upload as [`PlatformError::Unavailable`].
pub type Source<'a> = dyn AsyncRead + Send + Unpin + 'a;

/// An upload in progress; dropped, it stops where it is.
pub type UploadFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Progress, PlatformError>> + Send + 'a>>;

/// A platform that keeps files. Safe to call concurrently; one upload has one caller at a time.
pub trait Files: Send + Sync + 'static {
    /// The largest file that it takes now, bytes; 0 = it takes none.
    fn file_bytes_max(&self) -> u64;
    /// Begins an upload by the bot; its id. Errors: `NotFound` (the channel), `Invalid` (a field, or an
    /// archived channel), `Unavailable`.
    fn create_upload(&self, new: NewUpload) -> PlatformFuture<'_, String>;
    /// How far an upload has come, or what became of it. `NotFound`: begin a new one.
    fn upload_state<'a>(&'a self, upload_id: &'a str) -> PlatformFuture<'a, Progress>;
    /// Takes the bytes from `offset`, which is [`Progress::offset`], until the file is whole or `source` ends.
    /// It is read in pieces: no more than one of at most 256 KiB is held.
    fn upload<'a>(
        &'a self,
        upload_id: &'a str,
        offset: u64,
        source: &'a mut Source<'a>,
    ) -> UploadFuture<'a>;
    /// Looks at a file. `NotFound`: it is not there, or no longer.
    fn file_facts<'a>(&'a self, file_id: &'a str) -> PlatformFuture<'a, FileFacts>;
}
