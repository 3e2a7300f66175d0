//! Uploads in pieces: what the database knows of them. Their bytes are files under the same id.

use std::collections::HashSet;

use rusqlite::params;

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Effect;
use super::super::ids::new_id;
use super::super::limits;
use super::files;

/// An upload that is not whole yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) size: i64,
    /// On the disk for certain.
    pub(crate) synced: i64,
}

/// Begins one; its id, which becomes the file's.
pub(crate) fn insert(
    tx: &Tx<'_>,
    user_id: &str,
    channel_id: &str,
    name: &str,
    mime_type: &str,
    size: i64,
) -> ApiResult<String> {
    clean(tx)?;
    if tx.number("SELECT count(*) FROM uploads", [])? >= limits::UPLOADS_MAX {
        return Err(ApiError::full("uploads"));
    }
    let id = new_id();
    tx.exec(
        "INSERT INTO uploads (id, user_id, channel_id, create_at, name, mime_type, size) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id,
            user_id,
            channel_id,
            tx.now,
            files::plain_name(name),
            mime_type,
            size
        ],
    )?;
    Ok(id)
}

/// `None`: there is none, or no longer.
pub(crate) fn get(tx: &Tx<'_>, id: &str) -> ApiResult<Option<Upload>> {
    let sql = "SELECT size, synced FROM uploads WHERE id = ?1";
    tx.one(sql, [id], |row| {
        Ok(Upload {
            size: row.get(0)?,
            synced: row.get(1)?,
        })
    })
}

/// So much of it is on the disk for certain.
pub(crate) fn advance(tx: &Tx<'_>, id: &str, synced: i64) -> ApiResult<()> {
    let sql = "UPDATE uploads SET synced = ?2 WHERE id = ?1";
    tx.exec(sql, params![id, synced]).map(|_| ())
}

/// The upload is whole, and a file from now on.
pub(crate) fn finish(tx: &Tx<'_>, id: &str) -> ApiResult<()> {
    let sql = "SELECT user_id, channel_id, name, mime_type, size FROM uploads WHERE id = ?1";
    let found = tx.one(sql, [id], |row| {
        Ok(files::NewFile {
            user_id: row.get(0)?,
            channel_id: row.get(1)?,
            name: row.get(2)?,
            mime_type: row.get(3)?,
            size: row.get(4)?,
        })
    })?;
    let upload = found.ok_or_else(files::missing)?;
    files::store(tx, id, &upload, &[], true)?;
    tx.exec("DELETE FROM uploads WHERE id = ?1", [id])?;
    Ok(())
}

/// Uploads that nobody goes on with, and files that no post took, go after a day.
pub(crate) fn clean(tx: &Tx<'_>) -> ApiResult<()> {
    let old = tx.now - limits::FILE_UNUSED_MS;
    let gone = tx.all(
        "DELETE FROM uploads WHERE create_at < ?1 RETURNING id",
        [old],
        |row| row.get::<_, String>(0),
    )?;
    for id in gone {
        tx.effect(Effect::FileGone(id));
    }
    files::delete_unused(tx)
}

/// All ids whose bytes lie beside the database.
pub(crate) fn on_disk(tx: &Tx<'_>) -> ApiResult<HashSet<String>> {
    let sql = "SELECT id FROM uploads UNION SELECT id FROM files WHERE on_disk = 1";
    let ids = tx.all(sql, [], |row| row.get::<_, String>(0))?;
    Ok(ids.into_iter().collect())
}
