//! Uploaded files: small ones' bytes in the database, large ones' beside it; seen by who can read the channel.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Effect;
use super::super::ids::new_id;
use super::super::limits;
use super::super::model::FileInfo;

pub(crate) fn missing() -> ApiError {
    ApiError::not_found("app.file_info.get.app_error", "file")
}

/// A file without its bytes and its id.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    /// Plain.
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) size: i64,
}

/// The last part of the path only, and nothing that breaks a header.
pub(crate) fn plain_name(name: &str) -> String {
    let name: String = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && *c != '"')
        .take(255)
        .collect();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name
    }
}

pub(crate) fn insert(
    tx: &Tx<'_>,
    user_id: &str,
    channel_id: &str,
    name: &str,
    mime_type: &str,
    data: &[u8],
) -> ApiResult<FileInfo> {
    let size = i64::try_from(data.len()).unwrap_or(i64::MAX);
    delete_unused(tx)?;
    let used = tx.number("SELECT sum(size) FROM files WHERE user_id = ?1", [user_id])?;
    if used.saturating_add(size) > limits::FILES_PER_USER_BYTES_MAX {
        return Err(ApiError::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "api.file.upload_file.storage.app_error",
            "Your files take too much room already.",
        ));
    }
    let new = NewFile {
        user_id: user_id.to_owned(),
        channel_id: channel_id.to_owned(),
        name: plain_name(name),
        mime_type: mime_type.to_owned(),
        size,
    };
    store(tx, &new_id(), &new, data, false)
}

/// `on_disk`: the bytes lie beside the database, and `data` is empty.
pub(super) fn store(
    tx: &Tx<'_>,
    id: &str,
    new: &NewFile,
    data: &[u8],
    on_disk: bool,
) -> ApiResult<FileInfo> {
    let extension = new.name.rsplit_once('.').map_or("", |(_, e)| e);
    tx.exec(
        "INSERT INTO files (id, user_id, channel_id, create_at, name, extension, mime_type, size, \
         data, on_disk) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            id,
            new.user_id,
            new.channel_id,
            tx.now,
            new.name,
            extension.to_lowercase(),
            new.mime_type,
            new.size,
            data,
            on_disk
        ],
    )?;
    info(tx, id)
}

/// Files that no post took within a day go.
pub(super) fn delete_unused(tx: &Tx<'_>) -> ApiResult<()> {
    let old = tx.now - limits::FILE_UNUSED_MS;
    let sql = "DELETE FROM files WHERE post_id = '' AND create_at < ?1 RETURNING id, on_disk";
    gone(
        tx,
        tx.all(sql, [old], |row| Ok((row.get(0)?, row.get(1)?)))?,
    );
    Ok(())
}

/// Their bytes go with the commit.
fn gone(tx: &Tx<'_>, files: Vec<(String, bool)>) {
    for (id, _) in files.into_iter().filter(|(_, on_disk)| *on_disk) {
        tx.effect(Effect::FileGone(id));
    }
}

/// Where a file's bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    /// Beside the database, under the file's id.
    OnDisk,
    /// All of them.
    Bytes(Vec<u8>),
}

pub(crate) fn info(tx: &Tx<'_>, id: &str) -> ApiResult<FileInfo> {
    let sql = format!("SELECT {} FROM files WHERE id = ?1", FileInfo::COLUMNS);
    tx.one(&sql, [id], FileInfo::from_row)?.ok_or_else(missing)
}

pub(crate) fn content(tx: &Tx<'_>, id: &str) -> ApiResult<Content> {
    let sql = "SELECT on_disk, data FROM files WHERE id = ?1";
    tx.one(sql, [id], |row| {
        Ok(match row.get(0)? {
            true => Content::OnDisk,
            false => Content::Bytes(row.get(1)?),
        })
    })?
    .ok_or_else(missing)
}

pub(crate) fn infos(tx: &Tx<'_>, ids: &[String]) -> ApiResult<Vec<FileInfo>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {} FROM files WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY create_at, id",
        FileInfo::COLUMNS
    );
    tx.all(&sql, [json!(ids).to_string()], FileInfo::from_row)
}

/// Ties an upload to its post: only the uploader's own, of the same channel, not used yet.
pub(crate) fn bind(
    tx: &Tx<'_>,
    id: &str,
    post_id: &str,
    user_id: &str,
    channel_id: &str,
) -> ApiResult<()> {
    let sql = "UPDATE files SET post_id = ?2 \
               WHERE id = ?1 AND post_id = '' AND user_id = ?3 AND channel_id = ?4";
    match tx.exec(sql, [id, post_id, user_id, channel_id])? {
        0 => Err(ApiError::body("file_ids")),
        _ => Ok(()),
    }
}

/// Bytes go with their post.
pub(crate) fn delete_of_deleted_posts(tx: &Tx<'_>) -> ApiResult<()> {
    let sql = "DELETE FROM files WHERE post_id IN \
               (SELECT id FROM posts WHERE delete_at <> 0 AND file_ids <> '[]') RETURNING id, on_disk";
    gone(tx, tx.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?);
    tx.exec(
        "UPDATE posts SET file_ids = '[]' WHERE delete_at <> 0 AND file_ids <> '[]'",
        [],
    )?;
    Ok(())
}
