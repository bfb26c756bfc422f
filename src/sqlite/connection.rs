//! One connection to a file: how it is opened, and transactions that write.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqlSafeStr as _, SqlStr,
};

use super::file::prepare;
use super::shared::{Shared, Topic};
use super::watch::SameFile;
use super::{Durability, Kind, OpenOptions, SqliteError};

/// Memory for pages of the file per connection, taken as they are needed: 4 MiB.
const CACHE_KIB: &str = "-4096";
/// Pages of 4 KiB in the log before they are moved into the file: 16 MiB. To move them waits for the disk, twice; a page
/// that was written often is moved once.
const CHECKPOINT_PAGES: &str = "4000";
/// The log is cut back to this when it starts over. It grows beyond a checkpoint's worth while somebody always reads, and
/// to cut and grow it again each time costs more than to write over it.
const LOG_LIMIT_BYTES: &str = "67108864";
/// Prepared statements kept per connection: more than there are in any room.
const STATEMENTS: usize = 128;
/// Rows on their way from the driver's thread: more than one statement of ours answers with, so that it never waits.
const ROWS: usize = 1024;
/// How long to pause before asking for the write-ahead log again, while somebody holds the file.
const RETRY: Duration = Duration::from_millis(20);
/// First and longest pause before asking for the write lock again, while another process has it. SQLite itself would sleep
/// up to 100 ms at a time, and come too late each time.
const PAUSES: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(1)];

type Result<T> = std::result::Result<T, SqliteError>;

/// An open file. It is the driver's connection, to which it adds what depends on the file.
#[derive(Debug)]
pub struct Connection {
    driver: SqliteConnection,
    file: SameFile,
    lock_timeout: Duration,
    /// What starts a transaction. The pauses while it waits are ours, so SQLite makes none.
    begin: SqlStr,
    /// What has all other statements wait for a lock.
    patience: SqlStr,
    /// Whether a transaction may be open.
    is_writing: bool,
    shared: Arc<Shared>,
}

impl Connection {
    /// Opens the file at `path`, and creates it (mode 0600) if it is missing; for the default file also its directory
    /// (0700).
    ///
    /// # Errors
    /// `AccessRefused`, `Config` (not a database, no directory), `Locked`, `Full` or `Lost`.
    pub async fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let path = prepare(path)?;
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .busy_timeout(options.lock_timeout)
            .statement_cache_capacity(STATEMENTS)
            .row_buffer_size(ROWS)
            .synchronous(match options.durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Disk => SqliteSynchronous::Full,
            })
            // Celery's tables have foreign keys that SQLAlchemy does not have SQLite check either.
            .foreign_keys(false)
            .pragma("cache_size", CACHE_KIB)
            .pragma("journal_size_limit", LOG_LIMIT_BYTES)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .disable_statement_logging();
        let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
        let timed_out = || {
            SqliteError::new(
                Kind::Locked,
                format!(
                    "`{}` could not be opened within {:?}: another process holds it",
                    path.display(),
                    options.connect_timeout
                ),
            )
        };
        let deadline = Instant::now() + options.connect_timeout;
        let mut driver = tokio::time::timeout(options.connect_timeout, connect.connect())
            .await
            .map_err(|_| timed_out())?
            .map_err(sorted)?;
        // The mode is kept in the file, so this changes something once in its life. It needs the file for itself for a
        // moment, and does not wait for that as other statements do.
        while let Err(e) = driver.execute("PRAGMA journal_mode = WAL").await {
            let error = sorted(e);
            let is_locked = error.kind == Kind::Locked;
            if !is_locked || Instant::now() >= deadline {
                let _ = driver.close().await;
                return Err(if is_locked { timed_out() } else { error });
            }
            tokio::time::sleep(RETRY).await;
        }
        let patience = format!("PRAGMA busy_timeout = {}", options.lock_timeout.as_millis());
        let begin = format!("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; {patience}");
        Ok(Self {
            driver,
            begin: AssertSqlSafe(begin).into_sql_str(),
            patience: AssertSqlSafe(patience).into_sql_str(),
            is_writing: false,
            lock_timeout: options.lock_timeout,
            shared: Shared::of(&path),
            file: SameFile::at(path)?,
        })
    }

    /// The file: its absolute path without links, and whether it is still there.
    #[must_use]
    pub fn file(&self) -> &SameFile {
        &self.file
    }

    /// A driver's error, with the file's name.
    #[must_use]
    pub fn sorted(&self, error: &sqlx::Error) -> SqliteError {
        SqliteError::from_driver(self.file.path(), error)
    }

    /// Runs `deeds` in a transaction that holds the write lock, and commits it; undoes it where they fail. It waits for the
    /// lock as long as the options say, and lets the thread sleep while another process has it, so it belongs on a
    /// [`super::Thread`] of its own.
    ///
    /// # Errors
    /// `Locked` if the lock does not come free in time; what the deeds or SQLite say, and then nothing has happened.
    ///
    /// # Cancel safety
    /// Not safe: what was begun stays so until the next transaction.
    pub async fn write<T, F>(&mut self, deeds: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> sqlx::Result<T>,
    {
        let deadline = Instant::now() + self.lock_timeout;
        let turn = Arc::clone(&self.shared.turns).lock_owned();
        let Ok(_turn) = tokio::time::timeout_at(deadline.into(), turn).await else {
            let file = self.file.path().display();
            let message = format!("`{file}` is locked by another thread of this process");
            return Err(SqliteError::new(Kind::Locked, message));
        };
        self.lock(deadline).await?;
        let mut result = deeds(&mut self.driver).await;
        if result.is_ok()
            && let Err(error) = self.run("COMMIT").await
        {
            result = Err(error);
        }
        match result {
            Ok(done) => {
                self.is_writing = false;
                Ok(done)
            }
            Err(error) => {
                self.undo().await;
                Err(self.sorted(&error))
            }
        }
    }

    /// Takes the write lock, which ends with the transaction.
    async fn lock(&mut self, deadline: Instant) -> Result<()> {
        if self.is_writing {
            self.undo().await;
        }
        let [mut pause, longest] = PAUSES;
        loop {
            self.is_writing = true;
            let begin = sqlx::query(self.begin.clone()).execute(&mut self.driver);
            let Err(error) = begin.await else {
                return Ok(());
            };
            let error = self.sorted(&error);
            if error.kind != Kind::Locked || Instant::now() >= deadline {
                let _ = self.driver.execute(self.patience.clone()).await;
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(longest);
        }
    }

    /// Undoes what was begun. SQLite has done so by itself after some failures, and says so.
    async fn undo(&mut self) {
        let _ = self.run("ROLLBACK").await;
        self.is_writing = false;
    }

    async fn run(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let done = sqlx::query(sql).execute(&mut self.driver).await;
        done.map(|_| ())
    }

    /// Wakes the watches of this process at once. To be called after each commit that others may wait for.
    pub fn announce(&self, topic: Topic) {
        self.shared.announce(topic);
    }

    /// Closes the file, which moves the log into it if nobody else has it open.
    pub async fn close(self) {
        // What was committed is in the log, whatever happens here.
        let _ = self.driver.close().await;
    }
}

impl Deref for Connection {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.driver
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.driver
    }
}
