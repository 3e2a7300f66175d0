//! Uploaded files: bytes in the database, seen by who can read the channel.

use rusqlite::params;
use serde_json::json;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::ids::new_id;
use super::super::limits;
use super::super::model::FileInfo;

fn missing() -> ApiError {
    ApiError::not_found("app.file_info.get.app_error", "file")
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
    let unused = "DELETE FROM files WHERE post_id = '' AND create_at < ?1";
    tx.exec(unused, [tx.now - limits::FILE_UNUSED_MS])?;
    let used = tx.number("SELECT sum(size) FROM files WHERE user_id = ?1", [user_id])?;
    if used.saturating_add(size) > limits::FILES_PER_USER_BYTES_MAX {
        return Err(ApiError::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "api.file.upload_file.storage.app_error",
            "Your files take too much room already.",
        ));
    }
    // The last part of the path only, and nothing that breaks a header.
    let name: String = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control() && *c != '"')
        .take(255)
        .collect();
    let name = if name.is_empty() {
        "file".to_owned()
    } else {
        name
    };
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e).to_lowercase();
    let id = new_id();
    tx.exec(
        "INSERT INTO files (id, user_id, channel_id, create_at, name, extension, mime_type, size, \
         data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id, user_id, channel_id, tx.now, name, extension, mime_type, size, data
        ],
    )?;
    info(tx, &id)
}

pub(crate) fn info(tx: &Tx<'_>, id: &str) -> ApiResult<FileInfo> {
    let sql = format!("SELECT {} FROM files WHERE id = ?1", FileInfo::COLUMNS);
    tx.one(&sql, [id], FileInfo::from_row)?.ok_or_else(missing)
}

pub(crate) fn data(tx: &Tx<'_>, id: &str) -> ApiResult<Vec<u8>> {
    let sql = "SELECT data FROM files WHERE id = ?1";
    tx.one(sql, [id], |row| row.get(0))?.ok_or_else(missing)
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
               (SELECT id FROM posts WHERE delete_at <> 0 AND file_ids <> '[]')";
    tx.exec(sql, [])?;
    tx.exec(
        "UPDATE posts SET file_ids = '[]' WHERE delete_at <> 0 AND file_ids <> '[]'",
        [],
    )?;
    Ok(())
}
