//! Noticing that somebody, in this process or another, has committed.
//!
//! SQLite tells nobody. But each commit writes to the write-ahead log (or the file itself, in the other journal modes), and
//! Linux tells of writes (`inotify.rs`). Elsewhere a `stat` every few milliseconds shows them for microseconds of CPU.
//! Neither takes a lock or leaves a transaction open. Commits of this process are announced when they are made.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::shared::{Shared, Topic};
use super::{Kind, SqliteError};

/// How often to look. A commit is seen after half of this on average.
const LOOK: Duration = Duration::from_millis(12);
/// How often to look where the kernel tells of writes. It tells nothing of what other machines or containers of another
/// kernel write.
const LOOK_WHEN_TOLD: Duration = Duration::from_millis(50);
/// When to report once more after a change. The log is written some time before the commit counts (Python waits for the
/// disk in between), and timestamps of files move in steps of up to 10 ms, so that two commits may look like one.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
];
/// Report a change this often in any case, for file systems whose timestamps cannot be trusted.
const AT_LEAST: Duration = Duration::from_secs(1);

/// The log is looked at each time, the file itself at each tenth: it changes with the log, unless the journal has another
/// mode, and to notice that it was removed is not urgent.
const LOOKS_PER_FILE: u32 = 10;

/// What `stat` shows of the file and its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    wal: (u64, i64, i64),
    file: (u64, i64, i64),
}

/// A watch over one file.
#[derive(Debug)]
pub struct Watch {
    file: SameFile,
    wal: PathBuf,
    seen: Stamp,
    looks: u32,
    /// When a change was last seen, and how often it has been reported again.
    changed: Option<(Instant, usize)>,
    reported: Instant,
    /// When to look next.
    next: Instant,
    /// Commits of this process.
    commits: watch::Receiver<u64>,
    /// Writes that the kernel tells of.
    writes: watch::Receiver<u64>,
    /// Whether it does; not known before somebody waits.
    told: Option<bool>,
    /// Keeps the channels alive.
    shared: Arc<Shared>,
}

impl Watch {
    /// Watches the file at `path`, which must exist. Of commits of this process it reports those of the topic only.
    ///
    /// # Errors
    /// `Lost` if there is no such file.
    pub fn new(path: &Path, topic: Topic) -> Result<Self, SqliteError> {
        let shared = Shared::of(path);
        let mut watch = Self {
            file: SameFile::at(path.to_owned())?,
            wal: log_of(path),
            seen: Stamp::default(),
            looks: 0,
            changed: None,
            reported: Instant::now(),
            next: Instant::now() + LOOK,
            commits: shared.commits(topic).subscribe(),
            writes: shared.writes(),
            told: None,
            shared,
        };
        watch.seen = watch.look()?;
        Ok(watch)
    }

    /// Waits until the file may have changed since the last return. Now and then it returns without a change.
    ///
    /// # Errors
    /// `Lost` if the file has been removed or replaced.
    ///
    /// # Cancel safety
    /// Safe: a change that was not reported is reported by the next call.
    pub async fn changed(&mut self) -> Result<(), SqliteError> {
        if self.told.is_none() {
            self.told = Some(self.shared.listen(self.file.path()));
        }
        loop {
            tokio::select! {
                // An error cannot come of either: `shared` keeps the senders.
                _ = self.commits.changed() => {
                    self.reported = Instant::now();
                    return Ok(());
                }
                _ = self.writes.changed() => {
                    let now = Instant::now();
                    self.changed = Some((now, 0));
                    self.reported = now;
                    self.next = self.next_look();
                    return Ok(());
                }
                () = tokio::time::sleep_until(self.next.into()) => {
                    let changed = self.is_changed();
                    self.next = self.next_look();
                    if changed? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Looks once, now.
    fn is_changed(&mut self) -> Result<bool, SqliteError> {
        let now = Instant::now();
        self.looks = (self.looks + 1) % LOOKS_PER_FILE;
        let stamp = if self.looks == 0 {
            self.look()?
        } else {
            Stamp {
                wal: self.look_at_wal(),
                ..self.seen
            }
        };
        if stamp != self.seen {
            self.seen = stamp;
            self.changed = Some((now, 0));
            self.reported = now;
            return Ok(true);
        }
        if let Some((since, again)) = self.changed
            && since + AGAIN[again] <= now
        {
            self.changed = (again + 1 < AGAIN.len()).then_some((since, again + 1));
            self.reported = now;
            return Ok(true);
        }
        if now.duration_since(self.reported) >= AT_LEAST {
            self.reported = now;
            return Ok(true);
        }
        Ok(false)
    }

    fn next_look(&self) -> Instant {
        let look = if self.told == Some(true) {
            LOOK_WHEN_TOLD
        } else {
            LOOK
        };
        let next = Instant::now() + look;
        match self.changed {
            Some((since, again)) => next.min(since + AGAIN[again]),
            None => next,
        }
    }

    fn look(&self) -> Result<Stamp, SqliteError> {
        Ok(Stamp {
            wal: self.look_at_wal(),
            file: stamp(&self.file.look()?),
        })
    }

    fn look_at_wal(&self) -> (u64, i64, i64) {
        std::fs::metadata(&self.wal)
            .map(|m| stamp(&m))
            .unwrap_or_default()
    }
}

/// A file that is open, told from another that may come to stand at its path.
#[derive(Debug, Clone)]
pub struct SameFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SameFile {
    /// The file that is at `path` now, an absolute one without links.
    ///
    /// # Errors
    /// `Lost` if there is none.
    pub fn at(path: PathBuf) -> Result<Self, SqliteError> {
        let metadata = std::fs::metadata(&path).map_err(|e| lost(&path, &e))?;
        Ok(Self {
            path,
            identity: (metadata.dev(), metadata.ino()),
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the same file is still there: SQLite itself would go on writing to a removed one.
    ///
    /// # Errors
    /// `Lost` if the file has been removed or replaced.
    pub fn check(&self) -> Result<(), SqliteError> {
        self.look().map(|_| ())
    }

    fn look(&self) -> Result<Metadata, SqliteError> {
        let file = std::fs::metadata(&self.path).map_err(|e| lost(&self.path, &e))?;
        if (file.dev(), file.ino()) != self.identity {
            return Err(SqliteError::new(
                Kind::Lost,
                format!("`{}` was replaced by another file", self.path.display()),
            ));
        }
        Ok(file)
    }
}

fn stamp(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

fn lost(path: &Path, error: &std::io::Error) -> SqliteError {
    let reason = if error.kind() == std::io::ErrorKind::NotFound {
        "it was removed".to_owned()
    } else {
        error.to_string()
    };
    SqliteError::new(
        Kind::Lost,
        format!("`{}` cannot be reached: {reason}", path.display()),
    )
}

/// The write-ahead log of a file.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log = OsString::from(path);
    log.push("-wal");
    PathBuf::from(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn soon(watch: &mut Watch) -> Result<(), SqliteError> {
        tokio::time::timeout(Duration::from_secs(5), watch.changed())
            .await
            .expect("a change is noticed within 5 s")
    }

    #[tokio::test]
    async fn a_write_to_the_log_and_an_announcement_wake() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        std::fs::write(&path, "x").unwrap();
        let mut watch = Watch::new(&path, Topic::Messages).unwrap();
        // The announcement alone, before any tick could look.
        watch.shared.announce(Topic::Results);
        watch.shared.announce(Topic::Messages);
        soon(&mut watch).await.unwrap();
        std::fs::write(dir.path().join("f.db-wal"), "log").unwrap();
        soon(&mut watch).await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_write_is_told_by_the_kernel_and_reported_again_until_it_must_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        std::fs::write(&path, "x").unwrap();
        let log = dir.path().join("f.db-wal");
        std::fs::write(&log, "log").unwrap();
        let mut watch = Watch::new(&path, Topic::Messages).unwrap();
        assert!(watch.shared.listen(&path));
        std::fs::write(&log, "log").unwrap();
        let told = tokio::time::timeout(Duration::from_secs(5), watch.writes.changed());
        told.await.expect("it is told").unwrap();
        watch.writes.mark_changed();
        let mut reports = 0;
        while reports == 0 || watch.changed.is_some() {
            soon(&mut watch).await.unwrap();
            reports += 1;
        }
        assert!(reports > AGAIN.len(), "{reports}");
    }

    #[tokio::test]
    async fn a_removed_or_replaced_file_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        std::fs::write(&path, "x").unwrap();
        let mut watch = Watch::new(&path, Topic::Messages).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(soon(&mut watch).await.unwrap_err().kind, Kind::Lost);
    }
}
