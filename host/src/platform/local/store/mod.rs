//! What the database is asked, by subject. Functions take the job's transaction; access is checked by
//! the callers (`access.rs`), consistency here.

pub(crate) mod bot;
pub(crate) mod channels;
pub(crate) mod files;
pub(crate) mod kv;
pub(crate) mod members;
pub(crate) mod people;
pub(crate) mod posts;
pub(crate) mod sessions;
pub(crate) mod teams;
pub(crate) mod threads;
pub(crate) mod uploads;
pub(crate) mod users;

use rusqlite::{OptionalExtension, Params, Row};

use super::db::Tx;
use super::error::ApiResult;

impl Tx<'_> {
    /// The first row, if any.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> ApiResult<Option<T>> {
        Ok(self
            .conn
            .prepare_cached(sql)?
            .query_row(params, map)
            .optional()?)
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> ApiResult<Vec<T>> {
        Ok(self
            .conn
            .prepare_cached(sql)?
            .query_map(params, map)?
            .collect::<Result<_, _>>()?)
    }

    /// Runs a change; the number of rows it touched.
    pub(crate) fn exec(&self, sql: &str, params: impl Params) -> ApiResult<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// A count, sum or maximum.
    pub(crate) fn number(&self, sql: &str, params: impl Params) -> ApiResult<i64> {
        Ok(self
            .one(sql, params, |row| row.get::<_, Option<i64>>(0))?
            .flatten()
            .unwrap_or(0))
    }
}
