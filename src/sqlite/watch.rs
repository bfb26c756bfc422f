//! Noticing that somebody, in this process or another, has committed.
//!
//! SQLite tells nobody. But each commit touches the write-ahead log (or the file itself, in the other journal modes), so a
//! `stat` every few milliseconds shows it for microseconds of CPU, with no lock and no open transaction.
//! Commits of this process are announced without waiting for the next look.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Kind, SqliteError};

/// How often to look. A commit is seen after half of this on average.
const LOOK: Duration = Duration::from_millis(12);
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
    path: PathBuf,
    wal: PathBuf,
    identity: (u64, u64),
    seen: Stamp,
    looks: u32,
    /// When a change was last seen, and how often it has been reported again.
    changed: Option<(Instant, usize)>,
    reported: Instant,
    /// When to look next.
    next: Instant,
    own: watch::Receiver<u64>,
    /// Keeps the channel of this file alive.
    _announcer: Arc<watch::Sender<u64>>,
}

impl Watch {
    /// Watches the file at `path`, which must exist.
    ///
    /// # Errors
    /// `Lost` if there is no such file.
    pub fn new(path: &Path) -> Result<Self, SqliteError> {
        let metadata = std::fs::metadata(path).map_err(|e| lost(path, &e))?;
        let mut wal = OsString::from(path);
        wal.push("-wal");
        let announcer = announcer(path);
        let mut watch = Self {
            path: path.to_owned(),
            wal: PathBuf::from(wal),
            identity: (metadata.dev(), metadata.ino()),
            seen: Stamp::default(),
            looks: 0,
            changed: None,
            reported: Instant::now(),
            next: Instant::now() + LOOK,
            own: announcer.subscribe(),
            _announcer: announcer,
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
        loop {
            tokio::select! {
                // An error cannot come: `_announcer` keeps the sender.
                _ = self.own.changed() => {
                    self.reported = Instant::now();
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

    /// Whether the file is still the one that was opened. SQLite itself would go on writing to a removed file.
    ///
    /// # Errors
    /// `Lost` if the file has been removed or replaced.
    pub fn check(&self) -> Result<(), SqliteError> {
        self.look().map(|_| ())
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
        let next = Instant::now() + LOOK;
        match self.changed {
            Some((since, again)) => next.min(since + AGAIN[again]),
            None => next,
        }
    }

    fn look(&self) -> Result<Stamp, SqliteError> {
        let file = std::fs::metadata(&self.path).map_err(|e| lost(&self.path, &e))?;
        if (file.dev(), file.ino()) != self.identity {
            return Err(SqliteError::new(
                Kind::Lost,
                format!("`{}` was replaced by another file", self.path.display()),
            ));
        }
        Ok(Stamp {
            wal: self.look_at_wal(),
            file: stamp(&file),
        })
    }

    fn look_at_wal(&self) -> (u64, i64, i64) {
        std::fs::metadata(&self.wal)
            .map(|m| stamp(&m))
            .unwrap_or_default()
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

/// Wakes the watches of this process at once. To be called after each commit that others may wait for.
pub fn announce(path: &Path) {
    let known = lock(channels()).get(path).and_then(Weak::upgrade);
    if let Some(announcer) = known {
        announcer.send_modify(|commits| *commits = commits.wrapping_add(1));
    }
}

type Channels = Mutex<HashMap<PathBuf, Weak<watch::Sender<u64>>>>;

fn channels() -> &'static Channels {
    static CHANNELS: OnceLock<Channels> = OnceLock::new();
    CHANNELS.get_or_init(Channels::default)
}

fn lock(
    channels: &Channels,
) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Weak<watch::Sender<u64>>>> {
    // The map is whole between statements, so a panic elsewhere cannot have broken it.
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

fn announcer(path: &Path) -> Arc<watch::Sender<u64>> {
    let mut channels = lock(channels());
    if let Some(known) = channels.get(path).and_then(Weak::upgrade) {
        return known;
    }
    channels.retain(|_, announcer| announcer.strong_count() > 0);
    let announcer = Arc::new(watch::Sender::new(0));
    channels.insert(path.to_owned(), Arc::downgrade(&announcer));
    announcer
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
        let mut watch = Watch::new(&path).unwrap();
        // The announcement alone, before any tick could look.
        announce(&path);
        soon(&mut watch).await.unwrap();
        std::fs::write(dir.path().join("f.db-wal"), "log").unwrap();
        soon(&mut watch).await.unwrap();
        assert_eq!(watch.seen.wal.0, 3);
    }

    #[tokio::test]
    async fn a_removed_or_replaced_file_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        std::fs::write(&path, "x").unwrap();
        let mut watch = Watch::new(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(soon(&mut watch).await.unwrap_err().kind, Kind::Lost);
    }
}
