//! The database's tables and how older files get them.

use rusqlite::Connection;

use super::config::OpenError;

/// One script per version; `user_version` counts those that ran. Only ever append.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001_first.sql"),
    include_str!("schema/002_uploads.sql"),
];

/// Brings the database up to date.
pub(crate) fn migrate(conn: &mut Connection) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (version, script) in (1i64..).zip(MIGRATIONS) {
        if version > found {
            let transaction = conn.transaction()?;
            transaction.execute_batch(script)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_once_and_refuses_newer_files() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        migrate(&mut conn).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            migrate(&mut conn),
            Err(OpenError::Newer { found: 99, .. })
        ));
    }
}
