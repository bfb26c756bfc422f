//! The file itself: where it is, its directory and permissions, and an error that says what to do.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use super::{Kind, SqliteError};

/// The default file, below the state directory of this user. Its directory is made when it is missing; that of a file
/// that somebody named is not, since it is more likely misspelt.
pub const DEFAULT_FILE: &str = "rcelery/rcelery.db";

/// How much a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A kill of any process at any point. A power cut may take the last commits, but never leaves half of one.
    #[default]
    Process,
    /// A power cut as well: each commit waits for the disk.
    Disk,
}

/// How to open.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// Bounds opening.
    pub connect_timeout: Duration,
    /// How long a statement waits for another process's lock.
    pub lock_timeout: Duration,
    /// How much a commit outlives.
    pub durability: Durability,
}

/// Whether a table name may stand in a statement as it is.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= 64
}

/// Sees to the directory and the file, and returns the file's absolute path.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, SqliteError> {
    let refused = |what: &Path, why: &dyn std::fmt::Display| {
        SqliteError::new(
            Kind::AccessRefused,
            format!(
                "`{}` {why}; this user needs write permission for the file and its directory",
                what.display()
            ),
        )
    };
    let path = std::path::absolute(path)
        .map_err(|e| SqliteError::new(Kind::Config, format!("`{}`: {e}", path.display())))?;
    let Some(directory) = path.parent() else {
        return Err(SqliteError::new(
            Kind::Config,
            format!("`{}` is a directory, not a file", path.display()),
        ));
    };
    if !directory.exists() {
        if !path.ends_with(DEFAULT_FILE) {
            return Err(SqliteError::new(
                Kind::Config,
                format!(
                    "there is no directory `{}` for the file `{}`: make it, or correct the URL",
                    directory.display(),
                    path.file_name().unwrap_or_default().display()
                ),
            ));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|e| refused(directory, &format!("cannot be created ({e})")))?;
    }
    if path.is_dir() {
        return Err(SqliteError::new(
            Kind::Config,
            format!("`{}` is a directory, not a file", path.display()),
        ));
    }
    // Arguments and results may be confidential; widen with chmod where other users share the file.
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    match created {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            access(&path, AccessFlags::R_OK | AccessFlags::W_OK)
                .map_err(|e| refused(&path, &format!("cannot be written ({})", e.desc())))?;
        }
        Err(e) => return Err(refused(&path, &format!("cannot be created ({e})"))),
    }
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|e| {
        refused(
            directory,
            &format!(
                "cannot be written ({}), and SQLite keeps its log there",
                e.desc()
            ),
        )
    })?;
    // One name per file, whatever links lead to it: watches and announcements meet by it.
    std::fs::canonicalize(&path).map_err(|e| refused(&path, &format!("cannot be reached ({e})")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::sqlite::Connection;

    const OPTIONS: OpenOptions = OpenOptions {
        connect_timeout: Duration::from_secs(2),
        lock_timeout: Duration::from_millis(200),
        durability: Durability::Process,
    };

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn directory_and_file_are_created_for_this_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state").join(DEFAULT_FILE);
        let mut connection = Connection::open(&path, &OPTIONS).await.unwrap();
        let real = connection.file().path().to_owned();
        let (wal,): (String,) = sqlx::query_as("PRAGMA journal_mode")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(wal, "wal");
        assert_eq!(mode(&real), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[tokio::test]
    async fn the_directory_of_a_file_that_was_named_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let error = Connection::open(&dir.path().join("misspelt/f.db"), &OPTIONS)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.message.contains("misspelt"), "{error}");
        assert!(!dir.path().join("misspelt").exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "shopping list ".repeat(100)).unwrap();
        let error = Connection::open(&path, &OPTIONS).await.unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.message.contains("notes.txt"), "{error}");
        let error = Connection::open(dir.path(), &OPTIONS).await.unwrap_err();
        assert_eq!(error.kind, Kind::Config, "{error}");
    }

    #[test]
    fn only_plain_names_are_identifiers() {
        for name in ["kombu_queue", "_q", "Q2"] {
            assert!(is_identifier(name), "{name}");
        }
        for name in ["", "2q", "a-b", "a b", "q;drop", "q\"", "é"] {
            assert!(!is_identifier(name), "{name}");
        }
    }
}
