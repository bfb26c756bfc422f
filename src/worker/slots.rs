//! The slots: requests that are ready, and the runners that take one after the other.
//!
//! A runner begins when a request is ready and a slot is free, and goes on with the next one by itself until none is
//! left: nobody has to be woken between two runs. Mirrors what `celery.concurrency` does for threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Request;
use super::core::{Core, WorkerHost};
use super::execute::execute;
use super::python;
use crate::task::Host;

/// Runs after which a runner lets others have its thread: some hundred microseconds of tasks that never wait.
const TURN: u32 = 32;

/// The slots of a worker.
#[derive(Debug)]
pub(super) struct Slots(Mutex<Table>);

#[derive(Debug)]
struct Table {
    ready: VecDeque<Arc<Request>>,
    slots: usize,
    busy: usize,
    /// Requests that may still be handed to a slot; none means no limit.
    left: Option<u64>,
    idle_since: Instant,
    /// Runs begun so far.
    begun: u64,
}

impl Slots {
    /// That many slots, for at most `max_tasks` runs.
    pub(super) fn new(slots: usize, max_tasks: Option<u64>) -> Self {
        Self(Mutex::new(Table {
            ready: VecDeque::new(),
            slots,
            busy: 0,
            left: max_tasks,
            idle_since: Instant::now(),
            begun: 0,
        }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds requests that are ready, and starts what can be started.
    pub(super) fn put(&self, core: &Arc<Core>, requests: impl IntoIterator<Item = Arc<Request>>) {
        self.table().ready.extend(requests);
        self.start(core);
    }

    /// Starts what is ready while there are slots.
    pub(super) fn start(&self, core: &Arc<Core>) {
        let mut table = self.table();
        while table.busy < table.slots {
            let Some(request) = table.take(core) else {
                return;
            };
            table.busy += 1;
            core.running.spawn(run(Arc::clone(core), request));
        }
    }

    /// The next request for a runner; without one its slot is free.
    fn next(&self, core: &Core) -> Option<Arc<Request>> {
        let mut table = self.table();
        let next = if table.busy > table.slots {
            None
        } else {
            table.take(core)
        };
        if next.is_none() {
            table.free();
        }
        next
    }

    /// The next request, if a child of the Python pool runs it: the runner goes on with the child that it has.
    pub(super) fn next_python(&self, core: &Core) -> Option<Arc<Request>> {
        let mut table = self.table();
        if table.busy > table.slots || !table.python_is_next() {
            return None;
        }
        table.take(core)
    }

    /// A request that may be handed to a child ahead of its time: one that no other runner will take at once.
    pub(super) fn take_ahead(&self, core: &Core) -> Option<Arc<Request>> {
        let mut table = self.table();
        if table.busy < table.slots || table.left.is_some() || !table.python_is_next() {
            return None;
        }
        table.take(core)
    }

    /// Takes back requests that were handed out and have not begun: they come first again, in their order.
    pub(super) fn put_back(&self, core: &Arc<Core>, requests: Vec<Arc<Request>>) {
        let mut table = self.table();
        table.begun = table.begun.saturating_sub(requests.len() as u64);
        for request in requests.into_iter().rev() {
            table.ready.push_front(request);
        }
        drop(table);
        self.start(core);
    }

    /// A slot is free whose runner is gone.
    fn release(&self, core: &Arc<Core>) {
        self.table().free();
        self.start(core);
    }

    /// Takes out everything that has not started.
    pub(super) fn drain(&self) -> Vec<Arc<Request>> {
        self.table().ready.drain(..).collect()
    }

    /// Takes out those for which `wanted` says so.
    pub(super) fn take(&self, wanted: impl Fn(&Request) -> bool) -> Vec<Arc<Request>> {
        let mut table = self.table();
        let (taken, kept): (VecDeque<_>, VecDeque<_>) =
            table.ready.drain(..).partition(|r| wanted(r));
        table.ready = kept;
        taken.into()
    }

    /// Takes out the youngest requests, the youngest first, until `keep` are left.
    pub(super) fn surplus(&self, keep: usize) -> Vec<Arc<Request>> {
        let mut table = self.table();
        let kept = table.ready.len().min(keep);
        table.ready.split_off(kept).into_iter().rev().collect()
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.table().slots
    }

    /// Changes how many there are; what runs is not disturbed.
    pub(super) fn set_len(&self, core: &Arc<Core>, slots: usize) {
        self.table().slots = slots;
        self.start(core);
    }

    /// How many requests run or are ready.
    pub(super) fn load(&self) -> usize {
        let table = self.table();
        table.busy + table.ready.len()
    }

    /// Runs begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.table().begun
    }

    /// Requests that may still be handed to a slot; none means no limit.
    pub(super) fn left(&self) -> Option<u64> {
        self.table().left
    }

    /// When a runner ended last for want of work.
    pub(super) fn idle_since(&self) -> Instant {
        self.table().idle_since
    }
}

impl Table {
    fn take(&mut self, core: &Core) -> Option<Arc<Request>> {
        if self.left == Some(0) || core.shutdown.is_warm() {
            return None;
        }
        let request = self.ready.pop_front()?;
        request.mark_taken();
        self.begun += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                tracing::info!(
                    event = "worker.max_tasks",
                    "all tasks of --max-tasks are taken: stopping"
                );
                core.shutdown.warm();
            }
        }
        Some(request)
    }

    fn python_is_next(&self) -> bool {
        self.ready.front().is_some_and(|r| r.python().is_some())
    }

    fn free(&mut self) {
        self.busy = self.busy.saturating_sub(1);
        self.idle_since = Instant::now();
    }
}

/// The task's code and the runner both hold the slot.
const HELD: u8 = 0;
/// The task's code is gone.
const LET_GO: u8 = 1;
/// The runner is gone.
const LEFT: u8 = 2;

/// A slot in use: whichever is gone last, the runner or the task's code, which can outlive it, frees it.
struct Slot {
    core: Arc<Core>,
    holder: AtomicU8,
}

/// The part of a slot that a task's context holds.
struct Hold(Arc<Slot>);

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.holder.swap(LET_GO, Ordering::AcqRel) == LEFT {
            self.0.core.slots.release(&self.0.core);
        }
    }
}

/// The part of a slot that a runner holds.
struct Runner(Arc<Slot>);

impl Runner {
    /// After a run: whether the slot can serve for the next.
    fn is_free(&self) -> bool {
        self.0.holder.load(Ordering::Acquire) == LET_GO
    }
}

impl Drop for Runner {
    /// Only a runner that ends in the middle of a run still holds its slot: it panicked, or the task's code goes on.
    fn drop(&mut self) {
        if self.0.holder.swap(LEFT, Ordering::AcqRel) == LET_GO {
            self.0.core.slots.release(&self.0.core);
        }
    }
}

/// Runs one request after the other.
async fn run(core: Arc<Core>, first: Arc<Request>) {
    let host: Arc<dyn Host> = Arc::new(WorkerHost::new(Arc::clone(&core)));
    let runner = Runner(Arc::new(Slot {
        core: Arc::clone(&core),
        holder: AtomicU8::new(HELD),
    }));
    let mut request = first;
    let mut runs = 0_u32;
    loop {
        runner.0.holder.store(HELD, Ordering::Release);
        let hold = Hold(Arc::clone(&runner.0));
        match &core.python {
            Some(pool) if request.python().is_some() => {
                python::serve(&core, pool, request).await;
                drop(hold);
            }
            _ => execute(&core, request, &host, Box::new(hold)).await,
        }
        if !runner.is_free() {
            return;
        }
        request = match core.slots.next(&core) {
            Some(next) => next,
            None => {
                // Its slot is free already.
                runner.0.holder.store(HELD, Ordering::Release);
                return;
            }
        };
        runs += 1;
        if runs.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
}
