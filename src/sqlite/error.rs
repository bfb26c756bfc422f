//! What can go wrong with an SQLite file, sorted by what the caller can do.

use std::path::Path;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bad URL or option, or the file is not a database: nothing to try again.
    Config,
    /// The file or its directory may not be read or written by this user.
    AccessRefused,
    /// Another process, or another thread of this one, held the write lock for too long: try again.
    Locked,
    /// No space is left: try again when there is.
    Full,
    /// The file is gone or cannot be read: this connection is of no more use.
    Lost,
    /// SQLite refuses the statement, or the file is damaged.
    Failed,
}

/// A failure, in words that name the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqliteError {
    /// What kind it is.
    pub kind: Kind,
    /// What happened.
    pub message: String,
}

// Primary result codes (sqlite.org/rescode.html).
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const AUTH: i32 = 23;
const NOTADB: i32 = 26;
/// Extended code: the file was moved or removed while it was open.
const READONLY_DBMOVED: i32 = 1032;

impl SqliteError {
    /// A failure of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Sorts a driver's error about the file at `path`.
    #[must_use]
    pub fn from_driver(path: &Path, error: &sqlx::Error) -> Self {
        let file = path.display();
        let sqlx::Error::Database(database) = error else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                    Self::new(Kind::Failed, format!("reading `{file}`: {error}"))
                }
                _ => Self::new(
                    Kind::Lost,
                    format!("the connection to `{file}` is lost: {error}"),
                ),
            };
        };
        let code: i32 = database
            .code()
            .and_then(|code| code.parse().ok())
            .unwrap_or(1);
        let words = database.message();
        if code == READONLY_DBMOVED {
            return Self::new(Kind::Lost, format!("`{file}` was moved or removed"));
        }
        match code & 0xff {
            BUSY | LOCKED => Self::new(
                Kind::Locked,
                format!("`{file}` is locked by another process ({words})"),
            ),
            READONLY | PERM | AUTH => Self::new(
                Kind::AccessRefused,
                format!(
                    "`{file}` cannot be written ({words}); this user needs write permission for the file and its directory"
                ),
            ),
            FULL => Self::new(
                Kind::Full,
                format!("no space is left for `{file}` ({words})"),
            ),
            IOERR => Self::new(
                Kind::Lost,
                format!("`{file}` cannot be read or written ({words}, code {code})"),
            ),
            CORRUPT => Self::new(
                Kind::Failed,
                format!("`{file}` is damaged ({words}); `PRAGMA integrity_check` tells where"),
            ),
            CANTOPEN => Self::new(
                Kind::AccessRefused,
                format!(
                    "`{file}` cannot be opened ({words}); its directory must exist and be writable"
                ),
            ),
            NOTADB => Self::new(
                Kind::Config,
                format!("`{file}` is not an SQLite database; name another file"),
            ),
            _ => Self::new(Kind::Failed, format!("`{file}`: {words} (code {code})")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::Executor as _;

    use super::*;
    use crate::sqlite::{Connection, Durability, OpenOptions};

    #[tokio::test]
    async fn a_full_disk_and_a_lock_say_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.db");
        let options = OpenOptions {
            connect_timeout: Duration::from_secs(4),
            lock_timeout: Duration::from_millis(50),
            durability: Durability::Process,
        };
        let mut one = Connection::open(&path, &options).await.unwrap();
        let mut two = Connection::open(&path, &options).await.unwrap();
        one.execute("CREATE TABLE t (x)").await.unwrap();
        // SQLite's own limit gives the same answer as a disk without space.
        one.execute("PRAGMA max_page_count = 3").await.unwrap();
        let full = one
            .execute("INSERT INTO t VALUES (zeroblob(100000))")
            .await
            .unwrap_err();
        let full = one.sorted(&full);
        assert_eq!(full.kind, Kind::Full, "{full}");
        assert!(full.message.contains("no space"), "{full}");
        assert!(full.message.contains("f.db"), "{full}");

        one.execute("BEGIN IMMEDIATE").await.unwrap();
        let locked = two.execute("BEGIN IMMEDIATE").await.unwrap_err();
        let locked = two.sorted(&locked);
        assert_eq!(locked.kind, Kind::Locked, "{locked}");
        let wrong = two.execute("SELECT nothing").await.unwrap_err();
        assert_eq!(two.sorted(&wrong).kind, Kind::Failed);
    }
}
