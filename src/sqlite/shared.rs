//! What all connections of this process to one file share: whose turn it is to write, and word of commits.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::watch;

use super::inotify;

/// What somebody waits for in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Messages.
    Messages,
    /// Results.
    Results,
}

/// Kept by each connection and each watch; there is one per file.
#[derive(Debug)]
pub(super) struct Shared {
    /// Held by who writes, and given on in the order of asking. SQLite's own lock is polled: a thread that finds it taken
    /// sleeps, and whoever just had it gets it again meanwhile. Between the threads of a process that need not be.
    pub(super) turns: Arc<tokio::sync::Mutex<()>>,
    /// Count commits of this process.
    messages: watch::Sender<u64>,
    results: watch::Sender<u64>,
    /// Counts writes to the file by anybody, a commit or not.
    writes: Arc<watch::Sender<u64>>,
    /// Whether the kernel tells of writes.
    told: OnceLock<bool>,
}

impl Shared {
    /// That of the file at `path`, an absolute one without links.
    pub(super) fn of(path: &Path) -> Arc<Self> {
        static FILES: OnceLock<Mutex<HashMap<PathBuf, Weak<Shared>>>> = OnceLock::new();
        // The map is whole between statements, so a panic elsewhere cannot have broken it.
        let mut files = FILES
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = files.get(path).and_then(Weak::upgrade) {
            return known;
        }
        files.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(Self {
            turns: Arc::default(),
            messages: watch::Sender::new(0),
            results: watch::Sender::new(0),
            writes: Arc::new(watch::Sender::new(0)),
            told: OnceLock::new(),
        });
        files.insert(path.to_owned(), Arc::downgrade(&shared));
        shared
    }

    /// Tells the watches of this process of a commit.
    pub(super) fn announce(&self, topic: Topic) {
        bump(self.commits(topic));
    }

    pub(super) fn commits(&self, topic: Topic) -> &watch::Sender<u64> {
        match topic {
            Topic::Messages => &self.messages,
            Topic::Results => &self.results,
        }
    }

    pub(super) fn writes(&self) -> watch::Receiver<u64> {
        self.writes.subscribe()
    }

    /// Sees to it that [`Shared::writes`] is told of writes; false if that cannot be had here.
    pub(super) fn listen(&self, path: &Path) -> bool {
        *self
            .told
            .get_or_init(|| inotify::listen(path, Arc::downgrade(&self.writes)))
    }
}

/// Adds one to a counter that others wait for.
pub(super) fn bump(counter: &watch::Sender<u64>) {
    counter.send_modify(|count| *count = count.wrapping_add(1));
}
