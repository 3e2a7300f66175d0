//! The database: one connection, used by one job at a time off the async threads.
//!
//! A job's effects (events, hooks, closed sessions) are sent after its commit and before the next job
//! starts, so that clients see changes in the order in which they were made.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use super::clock::Clock;
use super::config::OpenError;
use super::error::{ApiError, ApiResult};
use super::event::{Effect, Event};
use super::files_dir::FilesDir;
use super::hub::{Audience, Hub};
use super::lanes::Lanes;
use super::{limits, schema};
use crate::hooks::PlatformEvent;

/// The database in the data folder.
const FILE: &str = "local.sqlite";

/// What a job works with.
pub(crate) struct Tx<'a> {
    pub(crate) conn: &'a Connection,
    /// Time of the job, Unix ms.
    pub(crate) now: i64,
    effects: RefCell<Vec<Effect>>,
}

impl Tx<'_> {
    /// Tells clients after the commit.
    pub(crate) fn event(&self, name: &str, data: serde_json::Value, to: super::event::Target) {
        self.effects.borrow_mut().push(Effect::Event(Event {
            name: name.to_owned(),
            data,
            to,
        }));
    }

    /// Tells the plugin after the commit.
    pub(crate) fn hook(&self, event: PlatformEvent) {
        self.effects.borrow_mut().push(Effect::Hook(event));
    }

    /// Anything else after the commit.
    pub(crate) fn effect(&self, effect: Effect) {
        self.effects.borrow_mut().push(effect);
    }
}

struct Inner {
    conn: Mutex<Connection>,
    clock: Arc<dyn Clock>,
    hub: Arc<Hub>,
    lanes: Arc<Lanes>,
    /// Of large files' bytes; `None` = there are none.
    files: Option<FilesDir>,
}

/// Settings and tables.
fn prepared(mut conn: Connection) -> Result<Connection, OpenError> {
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.set_prepared_statement_cache_capacity(128);
    schema::migrate(&mut conn)?;
    Ok(conn)
}

/// Handle of the database.
#[derive(Clone)]
pub(crate) struct Db {
    inner: Arc<Inner>,
    turn: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Db {
    pub(crate) fn open(
        dir: Option<&Path>,
        clock: Arc<dyn Clock>,
        hub: Arc<Hub>,
        lanes: Arc<Lanes>,
        files: Option<FilesDir>,
    ) -> Result<Self, OpenError> {
        let conn = match dir {
            Some(dir) => {
                create_private_dir(dir)?;
                let file = dir.join(FILE);
                Connection::open(&file)
                    .map_err(OpenError::from)
                    .and_then(prepared)
                    .map_err(|source| OpenError::File {
                        file,
                        source: Box::new(source),
                    })?
            }
            None => prepared(Connection::open_in_memory()?)?,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                conn: Mutex::new(conn),
                clock,
                hub,
                lanes,
                files,
            }),
            turn: Arc::new(Semaphore::new(1)),
            queue: Arc::new(Semaphore::new(limits::DB_QUEUE)),
        })
    }

    /// Runs a job in a transaction of its own; an error rolls everything back.
    pub(crate) async fn run<T, F>(&self, job: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> ApiResult<T> + Send + 'static,
    {
        let _place = self.queue.try_acquire().map_err(|_| ApiError::busy())?;
        // The permit goes into the job: a caller that goes away must not let a second job start.
        let turn = self
            .turn
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| ApiError::busy())?;
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            inner.run(job)
        })
        .await
        .unwrap_or_else(|error| Err(ApiError::internal(&error)))
    }

    /// The same, blocking; for start-up.
    pub(crate) fn run_blocking<T>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> ApiResult<T>,
    ) -> ApiResult<T> {
        self.inner.run(job)
    }
}

impl Inner {
    fn run<T>(&self, job: impl FnOnce(&Tx<'_>) -> ApiResult<T>) -> ApiResult<T> {
        // A job that panicked was rolled back when its transaction was dropped.
        let mut conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tx = Tx {
            conn: &transaction,
            now: self.clock.now_ms(),
            effects: RefCell::default(),
        };
        let done = job(&tx)?;
        let effects = tx.effects.into_inner();
        transaction.commit()?;
        for effect in effects {
            self.apply(&conn, effect);
        }
        Ok(done)
    }

    fn apply(&self, conn: &Connection, effect: Effect) {
        match effect {
            Effect::Event(event) => match audience(conn, &event) {
                Ok(audience) => self.hub.deliver(&event, &audience),
                Err(error) => tracing::error!(%error, event = event.name, "event not delivered"),
            },
            Effect::Hook(event) => self.lanes.push(event),
            Effect::FileGone(id) => {
                if let Some(files) = &self.files {
                    files.remove(&id);
                }
            }
            Effect::SessionRevoked {
                session_id,
                user_id,
            } => {
                self.hub.close_session(&session_id);
                let login_session_id = session_id;
                self.lanes.push(PlatformEvent::LoginRevoked {
                    login_session_id,
                    user_id,
                });
            }
        }
    }
}

fn audience(conn: &Connection, event: &Event) -> rusqlite::Result<Audience> {
    let members = |sql: &str, id: &str| -> rusqlite::Result<HashSet<String>> {
        conn.prepare_cached(sql)?
            .query_map([id], |row| row.get(0))?
            .collect()
    };
    let to = &event.to;
    Ok(if !to.connection_id.is_empty() {
        Audience::Connection(to.connection_id.clone())
    } else if !to.user_id.is_empty() {
        Audience::Users([to.user_id.clone()].into())
    } else if !to.channel_id.is_empty() {
        let sql = "SELECT user_id FROM channel_members WHERE channel_id = ?1";
        Audience::Users(members(sql, &to.channel_id)?)
    } else if !to.team_id.is_empty() {
        let sql = "SELECT user_id FROM team_members WHERE team_id = ?1 AND delete_at = 0";
        Audience::Users(members(sql, &to.team_id)?)
    } else {
        Audience::All
    })
}

/// Passwords' hashes and messages are in there: nobody else on the machine may read them.
pub(super) fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}
