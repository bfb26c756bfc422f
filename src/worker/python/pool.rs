//! The children that are idle, and how there come to be more and fewer.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::pool::python::{Child, Fork, Parent, PythonError};
use crate::protocol::Map;

/// How long a child may take to end when it is told to.
const LEAVING: Duration = Duration::from_secs(5);
/// Children beyond the slots, for what can't wait for one of them.
const EXTRA: usize = 1;

/// How the children are kept.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// `prefork`, `threads` or `solo`.
    pub kind: &'static str,
    /// Runs after which a child is replaced (`--max-tasks-per-child`).
    pub max_tasks: Option<u64>,
    /// KiB of memory after which a child is replaced (`--max-memory-per-child`).
    pub max_memory: Option<u64>,
    /// Whether the children hand their results over; if not, they store them.
    pub hands_over: bool,
    /// The app's settings as `inspect conf` shows them: those that were changed, and all.
    pub conf: [Map; 2],
}

/// The children of an app.
#[derive(Debug)]
pub(in crate::worker) struct Pool {
    parent: Parent,
    options: PoolOptions,
    table: Mutex<Table>,
    /// A child is idle again, where no more can be made.
    returned: Notify,
    /// Bounds the children beyond the slots.
    extra: Semaphore,
    /// Children on their way out.
    leaving: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Table {
    idle: Vec<Child>,
    /// Index and process of each child that lives, by its number.
    living: BTreeMap<u64, (usize, u32)>,
    is_closed: bool,
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
            extra: Semaphore::new(EXTRA),
            leaving: Mutex::default(),
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
    pub(super) fn has_processes(&self) -> bool {
        self.options.kind != "threads"
    }

    /// The processes of the children.
    pub(in crate::worker) fn pids(&self) -> Vec<u32> {
        let pids: HashSet<u32> = self.table().living.values().map(|(_, pid)| *pid).collect();
        let mut pids: Vec<u32> = pids.into_iter().collect();
        pids.sort_unstable();
        pids
    }

    /// The app's settings, for `inspect conf`.
    pub(in crate::worker) fn conf(&self, with_defaults: bool) -> &Map {
        &self.options.conf[usize::from(with_defaults)]
    }

    /// Makes the first child, or all threads, so that the first task does not have to wait.
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

    /// A child for a runner: one that is idle, else a new one.
    ///
    /// # Errors
    /// As [`Parent::fork`].
    pub(super) async fn checkout(&self) -> Result<Child, PythonError> {
        loop {
            let returned = self.returned.notified();
            if let Some(child) = self.table().idle.pop() {
                return Ok(child);
            }
            if self.has_processes() {
                let made = self.fork(1).await?.pop();
                return made.ok_or(PythonError::Gone);
            }
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

    /// The runs that a child has left; none means no limit.
    pub(super) fn left(&self, child: &Child) -> Option<u64> {
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

    /// Notes that a child is gone, or as good as.
    pub(super) fn forget(&self, child: &Child) {
        self.table().living.remove(&child.number());
    }

    /// Lets children end that there are no slots for.
    pub(in crate::worker) fn trim(&self, slots: usize) {
        if !self.has_processes() {
            return;
        }
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
