//! The children that are idle, and how there come to be more and fewer.
//!
//! One task, [`Pool::keep_full`], makes the processes: as many as there are slots, and one in the place of each that is
//! gone. Whoever needs a child waits until one is idle.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::pool::python::{Child, Fork, Parent, PythonError, Start};

/// How long a child may take to end when it is told to.
const LEAVING: Duration = Duration::from_secs(5);
/// Children beyond the slots, for what can't wait for one of them.
const EXTRA: usize = 1;
/// So many children that do not get ready, one after the other, end the worker.
const FAILED_STARTS: u32 = 10;
/// How often it is looked for children that have died while they had nothing to do.
const LOOK: Duration = Duration::from_secs(1);
/// A pause before another try to make a child.
const PAUSE: Duration = Duration::from_secs(1);

/// How the children are kept.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// `prefork`, `threads` or `solo`.
    pub kind: &'static str,
    /// Runs after which a child is replaced (`--max-tasks-per-child`).
    pub max_tasks: Option<u64>,
    /// KiB of memory after which a child is replaced (`--max-memory-per-child`).
    pub max_memory: Option<u64>,
    /// How long a new child may take until it is ready for requests (`worker_proc_alive_timeout`).
    pub alive_timeout: Duration,
    /// Whether the children hand their results over; if not, they store them.
    pub hands_over: bool,
    /// Signals of messages and heartbeats that somebody in the app hears: `task_received`, `heartbeat_sent`, …
    pub hears: Vec<String>,
}

/// The children of an app.
#[derive(Debug)]
pub(in crate::worker) struct Pool {
    parent: Parent,
    options: PoolOptions,
    table: Mutex<Table>,
    /// A child is idle.
    returned: Notify,
    /// More children may be needed.
    lacking: Notify,
    /// Bounds the children beyond the slots.
    extra: Semaphore,
    /// Children on their way out.
    leaving: Mutex<JoinSet<()>>,
    /// Children that have ended before they were ready, one after the other.
    failed_starts: AtomicU32,
}

#[derive(Debug, Default)]
struct Table {
    /// The last one is taken first: the one that has just worked.
    idle: Vec<Child>,
    /// How many wait for a child.
    waiting: usize,
    /// Index and process of each child that lives, by its number.
    living: BTreeMap<u64, (usize, u32)>,
    is_closed: bool,
    /// The number of the last child that was there when the pool was restarted.
    retired: u64,
}

impl Pool {
    /// A pool without children.
    #[must_use]
    pub(in crate::worker) fn new(parent: Parent, options: PoolOptions) -> Self {
        Self {
            parent,
            options,
            table: Mutex::default(),
            returned: Notify::new(),
            lacking: Notify::new(),
            extra: Semaphore::new(EXTRA),
            leaving: Mutex::default(),
            failed_starts: AtomicU32::new(0),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parent of the children.
    pub(in crate::worker) fn parent(&self) -> &Parent {
        &self.parent
    }

    /// How the children are kept.
    pub(in crate::worker) fn options(&self) -> &PoolOptions {
        &self.options
    }

    /// Whether a child is a process of its own, which signals can reach.
    pub(in crate::worker) fn has_processes(&self) -> bool {
        self.options.kind != "threads"
    }

    /// The processes of the children.
    pub(in crate::worker) fn pids(&self) -> Vec<u32> {
        let pids: HashSet<u32> = self.table().living.values().map(|(_, pid)| *pid).collect();
        let mut pids: Vec<u32> = pids.into_iter().collect();
        pids.sort_unstable();
        pids
    }

    /// Whether somebody in the app hears a signal.
    pub(in crate::worker) fn hears(&self, signal: &str) -> bool {
        self.options.hears.iter().any(|heard| heard == signal)
    }

    /// Makes the first child, or all threads, so that the first task does not have to wait for a fork.
    ///
    /// # Errors
    /// As [`Parent::fork`].
    pub(in crate::worker) async fn warm_up(&self, slots: usize) -> Result<(), PythonError> {
        let threads = if self.has_processes() { 1 } else { slots };
        let children = self.fork(threads).await?;
        self.table().idle.extend(children);
        Ok(())
    }

    async fn fork(&self, threads: usize) -> Result<Vec<Child>, PythonError> {
        let index = {
            let table = self.table();
            let used: HashSet<usize> = table.living.values().map(|(index, _)| *index).collect();
            (0..).find(|i| !used.contains(i)).unwrap_or_default()
        };
        let fork = Fork {
            pool: self.options.kind,
            threads,
            index,
            max_memory: self.options.max_memory,
            hands_over: self.options.hands_over,
        };
        let children = self.parent.fork(&fork).await?;
        if let Some(first) = children.first() {
            let living = (index, first.pid());
            self.table().living.insert(first.number(), living);
        }
        Ok(children)
    }

    /// Makes processes as long as there are fewer than slots, or somebody waits for one in vain; of threads, the one
    /// process that has them all. Ends with the pool.
    pub(in crate::worker) async fn keep_full(&self, slots: impl Fn() -> usize) {
        while !self.table().is_closed {
            self.bury();
            if !self.lacks(slots()) {
                tokio::select! {
                    () = self.lacking.notified() => continue,
                    () = sleep(LOOK) => continue,
                    () = self.parent.gone() => return,
                }
            }
            let threads = if self.has_processes() { 1 } else { slots() };
            match self.fork(threads).await {
                Ok(children) => {
                    let made = children.len();
                    // Before those that have worked: they are ready, and it may not be.
                    self.table().idle.splice(0..0, children);
                    for _ in 0..made {
                        self.returned.notify_one();
                    }
                }
                Err(PythonError::Gone) => return,
                Err(error) => {
                    tracing::error!("{error}; trying again");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes out children that have died while they had nothing to do.
    fn bury(&self) {
        let dead: Vec<Child> = {
            let mut table = self.table();
            if table.is_closed {
                return;
            }
            table
                .idle
                .extract_if(.., |child| child.exit_code().is_some())
                .collect()
        };
        for mut child in dead {
            child.hear_out();
            if self.forget(&child)
                && child.say_exited(child.exit_code().unwrap_or_default()) == Start::Failed
            {
                self.failed_to_start();
            }
        }
    }

    /// Notes that a child has ended before it was ready; true if that were too many in a row, which ends the worker.
    fn failed_to_start(&self) -> bool {
        let failed = self.failed_starts.fetch_add(1, Ordering::Relaxed) + 1;
        if failed == FAILED_STARTS {
            tracing::error!(
                critical = true,
                "Could not start worker processes: {failed} in a row have ended before they were ready"
            );
            self.parent.abandon();
        }
        failed >= FAILED_STARTS
    }

    fn lacks(&self, slots: usize) -> bool {
        let table = self.table();
        if self.has_processes() {
            table.living.len() < slots || (table.waiting > 0 && table.idle.is_empty())
        } else {
            table.living.is_empty()
        }
    }

    /// A child that is ready for requests: one that is idle, else the next that is.
    ///
    /// # Errors
    /// `Gone`: there will be none.
    ///
    /// # Cancel safety
    /// Safe but for a child that is not ready yet, which is replaced.
    pub(super) async fn checkout(&self) -> Result<Child, PythonError> {
        loop {
            let mut child = Taken::new(self, self.idle().await?);
            let start = child.up(self.options.alive_timeout).await;
            if start == Start::Ready {
                self.failed_starts.store(0, Ordering::Relaxed);
                return child.keep().ok_or(PythonError::Gone);
            }
            // Threads have one process: its end counts once.
            let is_news = child.forget();
            drop(child);
            if start == Start::Killed {
                continue;
            }
            if is_news && self.failed_to_start() {
                return Err(PythonError::Gone);
            }
            // Not again and again without a pause: it may be the app that does not let them start.
            sleep(PAUSE).await;
        }
    }

    async fn idle(&self) -> Result<Child, PythonError> {
        let _waits = Waits::new(self);
        loop {
            let returned = self.returned.notified();
            tokio::pin!(returned);
            returned.as_mut().enable();
            if let Some(child) = self.table().idle.pop() {
                return Ok(child);
            }
            self.lacking.notify_one();
            tokio::select! {
                () = returned => {}
                () = self.parent.gone() => return Err(PythonError::Gone),
            }
        }
    }

    /// A child for what can't wait for a slot. Held as long as the child.
    ///
    /// # Errors
    /// As [`Parent::fork`].
    pub(super) async fn checkout_extra(
        &self,
    ) -> Result<(Child, tokio::sync::SemaphorePermit<'_>), PythonError> {
        let permit = self.extra.acquire().await.map_err(|_| PythonError::Gone)?;
        Ok((self.checkout().await?, permit))
    }

    /// Takes a child back that has nothing to do. With more children than slots, it ends.
    pub(super) fn put_back(&self, child: Child, slots: usize) {
        let is_full = {
            let table = self.table();
            table.is_closed || (self.has_processes() && table.living.len() > slots)
        };
        if is_full || self.is_worn_out(&child) {
            return self.let_go(child);
        }
        self.table().idle.push(child);
        self.returned.notify_one();
    }

    /// Whether a child has had its runs.
    pub(super) fn is_worn_out(&self, child: &Child) -> bool {
        self.left(child) == Some(0)
    }

    /// Replaces all children: at once those that are idle, others when they have ended what they do.
    pub(in crate::worker) fn restart(&self) {
        let idle = {
            let mut table = self.table();
            table.retired = table.living.keys().next_back().copied().unwrap_or(0);
            std::mem::take(&mut table.idle)
        };
        for child in idle {
            self.let_go(child);
        }
    }

    /// The runs that a child has left; none means no limit.
    pub(super) fn left(&self, child: &Child) -> Option<u64> {
        if child.number() <= self.table().retired {
            return Some(0);
        }
        let max = self.options.max_tasks.filter(|_| self.has_processes())?;
        Some(max.saturating_sub(child.runs))
    }

    /// Lets a child end by itself.
    pub(super) fn let_go(&self, child: Child) {
        self.forget(&child);
        let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        while leaving.try_join_next().is_some() {}
        leaving.spawn(child.leave(LEAVING));
    }

    /// Notes that a child is gone, or as good as; false if that was known: of threads, the first tells it for all.
    pub(super) fn forget(&self, child: &Child) -> bool {
        let is_news = {
            let mut table = self.table();
            let number = child.number();
            table.idle.retain(|idle| idle.number() != number);
            table.living.remove(&number).is_some()
        };
        self.lacking.notify_one();
        is_news
    }

    /// Takes note of another number of slots: children that there are no slots for end.
    pub(in crate::worker) fn resize(&self, slots: usize) {
        if !self.has_processes() {
            return;
        }
        self.lacking.notify_one();
        loop {
            let surplus = {
                let mut table = self.table();
                if table.living.len() <= slots {
                    return;
                }
                table.idle.pop()
            };
            let Some(child) = surplus else { return };
            self.let_go(child);
        }
    }

    /// Lets all children end, then the parent.
    pub(in crate::worker) async fn close(&self) {
        let idle = {
            let mut table = self.table();
            table.is_closed = true;
            std::mem::take(&mut table.idle)
        };
        self.lacking.notify_one();
        for child in idle {
            self.let_go(child);
        }
        let mut leaving = {
            let mut leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *leaving)
        };
        while leaving.join_next().await.is_some() {}
        self.parent.stopped(LEAVING).await;
        self.parent.end();
    }
}

/// One more waits for a child, as long as this lives.
struct Waits<'a>(&'a Pool);

impl<'a> Waits<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.table().waiting += 1;
        Self(pool)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.table().waiting -= 1;
    }
}

/// A child that was taken and is not ready: dropped, it is gone, and another one takes its place.
struct Taken<'a> {
    pool: &'a Pool,
    child: Option<Child>,
}

impl<'a> Taken<'a> {
    fn new(pool: &'a Pool, child: Child) -> Self {
        Self {
            pool,
            child: Some(child),
        }
    }

    async fn up(&mut self, patience: Duration) -> Start {
        match &mut self.child {
            Some(child) => child.up(patience).await,
            None => Start::Killed,
        }
    }

    fn forget(&self) -> bool {
        let child = self.child.as_ref();
        child.is_some_and(|child| self.pool.forget(child))
    }

    fn keep(mut self) -> Option<Child> {
        self.child.take()
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.pool.let_go(child);
        }
    }
}
