//! SQLite URLs.
//!
//! Mirrors `sqlalchemy.engine.url`: `sqlite:///f.db` is relative, `sqlite:////abs/f.db` absolute.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Kind, SqliteError};

/// The file that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    path: PathBuf,
    lock_timeout: Option<Duration>,
}

impl Location {
    /// Reads `sqlite:///F`, with kombu's prefixes `sqla+` and `sqlalchemy+`, Celery's `db+`, or a driver (`sqlite+pysqlite`).
    /// A query may set `timeout` (seconds to wait for a lock); other parameters are pysqlite's own and are passed over.
    ///
    /// # Errors
    /// `Config` for anything else, and for databases in memory, which no second process could see.
    pub fn parse(url: &str) -> Result<Self, SqliteError> {
        let bad = |why: &str| SqliteError::new(Kind::Config, format!("`{url}`: {why}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("not a URL"))?;
        let dialect = ["sqla+", "sqlalchemy+", "db+"]
            .iter()
            .find_map(|prefix| scheme.strip_prefix(prefix))
            .unwrap_or(scheme);
        if dialect != "sqlite" && !dialect.starts_with("sqlite+") {
            return Err(bad("not an SQLite URL"));
        }
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let Some(file) = target.strip_prefix('/') else {
            return Err(bad(if target.is_empty() {
                "a database in memory cannot be shared; name a file: `sqlite:///tasks.db`"
            } else {
                "write `sqlite:///file` for a relative path, `sqlite:////file` for an absolute one"
            }));
        };
        if file.is_empty() || file == ":memory:" {
            return Err(bad(
                "a database in memory cannot be shared; name a file: `sqlite:///tasks.db`",
            ));
        }
        if file.starts_with("file:") {
            return Err(bad(
                "SQLite's `file:` URIs are not supported; name the file itself",
            ));
        }
        let mut lock_timeout = None;
        for pair in query.split('&') {
            if let Some(seconds) = pair.strip_prefix("timeout=") {
                let seconds = seconds
                    .parse::<f64>()
                    .ok()
                    .and_then(|s| Duration::try_from_secs_f64(s).ok())
                    .ok_or_else(|| bad("`timeout` must be a number of seconds"))?;
                lock_timeout = Some(seconds);
            }
        }
        Ok(Self {
            path: PathBuf::from(file),
            lock_timeout,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long to wait for a lock, if the URL says.
    #[must_use]
    pub fn lock_timeout(&self) -> Option<Duration> {
        self.lock_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_sqlalchemy_reads_them() {
        for (url, path) in [
            ("sqlite:///f.db", "f.db"),
            ("sqlite:////var/lib/f.db", "/var/lib/f.db"),
            ("sqla+sqlite:///dir/f.db", "dir/f.db"),
            ("sqlalchemy+sqlite:////f.db", "/f.db"),
            ("db+sqlite:///a%20b.db", "a%20b.db"),
            ("sqlite+pysqlite:////f.db?check_same_thread=false", "/f.db"),
        ] {
            assert_eq!(
                Location::parse(url).unwrap().path(),
                Path::new(path),
                "{url}"
            );
        }
        let location = Location::parse("sqlite:///f.db?timeout=2.5").unwrap();
        assert_eq!(location.lock_timeout(), Some(Duration::from_millis(2500)));
    }

    #[test]
    fn what_names_no_file_is_refused() {
        for url in [
            "sqlite://",
            "sqlite:///",
            "sqlite:///:memory:",
            "sqlite://host/f.db",
            "sqlite:///file:f.db?uri=true",
            "sqlite:///f.db?timeout=soon",
            "redis://localhost",
            "f.db",
        ] {
            assert_eq!(
                Location::parse(url).unwrap_err().kind,
                Kind::Config,
                "{url}"
            );
        }
    }
}
