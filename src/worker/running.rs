//! What the worker has begun and not ended: runs, follow-ups, records.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

/// Tasks of the runtime that the worker owns, whoever begins them, and runs that wait for their results to be stored.
#[derive(Debug)]
pub(super) struct Running {
    begun: Mutex<JoinSet<()>>,
    runtime: Handle,
    /// Runs that have ended and whose results are on their way.
    storing: AtomicUsize,
    stored: Notify,
}

impl Running {
    /// Nothing runs. The runtime is the one in which this is called.
    pub(super) fn new() -> Self {
        Self {
            begun: Mutex::default(),
            runtime: Handle::current(),
            storing: AtomicUsize::new(0),
            stored: Notify::new(),
        }
    }

    fn begun(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins something. It is cut off if the worker goes without waiting for it.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.begun().spawn_on(future, &self.runtime);
    }

    /// Cuts off everything that can be.
    pub(super) fn cut_off(&self) {
        self.begun().abort_all();
    }

    /// How much has not ended.
    pub(super) fn len(&self) -> usize {
        self.begun().len() + self.storing.load(Ordering::SeqCst)
    }

    /// A run hands its result over; [`Running::stored`] follows, whatever becomes of it.
    pub(super) fn stores(&self) {
        self.storing.fetch_add(1, Ordering::SeqCst);
    }

    /// A result that was on its way has arrived, or never will.
    pub(super) fn stored(&self) {
        if self.storing.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.stored.notify_one();
        }
    }

    /// Takes the ends that are there, and says of each what came of it.
    pub(super) fn reap(&self, mut note: impl FnMut(Result<(), JoinError>)) {
        loop {
            let ended = self.begun().try_join_next();
            match ended {
                Some(ended) => note(ended),
                None => return,
            }
        }
    }

    /// Waits for the next end. Never resolves while nothing runs; what begins meanwhile may not be noticed.
    ///
    /// Cancel safe.
    pub(super) async fn ended(&self) -> Option<Result<(), JoinError>> {
        let next = poll_fn(|cx| {
            // An empty set is ready at once, and says so again and again.
            let mut begun = self.begun();
            if begun.is_empty() {
                return std::task::Poll::Pending;
            }
            begun.poll_join_next(cx)
        });
        tokio::select! {
            ended = next => ended,
            () = self.stored.notified() => None,
        }
    }
}
